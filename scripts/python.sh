#!/bin/sh
# Runs its arguments with the first Python of 3.11 or newer that it finds: `sh scripts/python.sh scripts/environment.py base`.
# PYTHON=/path/to/python chooses one; the virtual environment's own comes next.
set -eu

for candidate in ${PYTHON:-} "${VENV:-.venv}/bin/python" python3.13 python3.12 python3.11 python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$candidate" "$@"
    fi
done

cat >&2 <<'TEXT'
CourseBundler needs Python 3.11 or newer, and none was found.
  Debian or Ubuntu:  sudo apt install python3 python3-venv
  macOS:             brew install python@3.13
Is it somewhere unusual? Then name it: make run PYTHON=/path/to/python3
TEXT
exit 1
