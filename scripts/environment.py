"""Make the virtual environment match its lock: `sh scripts/python.sh scripts/environment.py base` (`dev`, `deploy`).

Uses the standard library only, since nothing is installed yet. Every file that is downloaded must have a hash that the
lock names. Safe to run any number of times: it does nothing while the locks are as they were.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / os.environ.get("VENV", ".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOG = VENV / "install.log"

NO_VENV_MODULE = """This Python ({python}) cannot make virtual environments: its venv module is missing.
  Debian or Ubuntu:  sudo apt install python3-venv
Then run the same command again."""
NO_NETWORK = """The package index could not be reached, so the packages in requirements/{kind}.txt are not installed.
Connect to the internet (behind a proxy, set HTTPS_PROXY; with a mirror, set PIP_INDEX_URL), then run the same
command again. What pip said is in {log}."""
WRONG_HASH = """A package is not the one that requirements/{kind}.txt names: its hash differs, so it was not installed.
Run the same command again; if it stays so, the mirror or proxy in between changes files. What pip said is in {log}."""
FAILED = """The packages in requirements/{kind}.txt could not be installed. What pip said is in {log}; its last line:
  {last}"""
# What pip's output says when it could not reach an index, whatever the reason.
UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError")


def python_version() -> str:
    """Of the virtual environment; empty if there is none, or if it does not start or has no pip."""
    try:
        code = "import sys, importlib.util as i; i.find_spec('pip') or sys.exit(1); print(sys.version)"
        return subprocess.run([str(PYTHON), "-c", code], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def lock_hash(kind: str, version: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{kind}.txt").read_bytes() + version.encode()).hexdigest()


def is_installed(kind: str) -> bool:
    try:
        return json.loads(STAMP.read_text()).get(kind) == lock_hash(kind, python_version())
    except (OSError, ValueError):
        return False


def make_venv() -> None:
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        sys.exit(NO_VENV_MODULE.format(python=sys.executable))
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"{made.stdout}{made.stderr}".strip() or NO_VENV_MODULE.format(python=sys.executable))


def install(kind: str) -> None:
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--require-hashes",
        # A lock names every package, and deploy.txt one that another would have in an older version.
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
    ]
    with LOG.open("w") as log:
        done = subprocess.run(
            [*command, "--retries", "2", "-r", ROOT / "requirements" / f"{kind}.txt"],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode == 0:
        return
    output = LOG.read_text(errors="replace")
    if "DO NOT MATCH THE HASHES" in output:
        message = WRONG_HASH
    elif any(sign in output for sign in UNREACHABLE):
        message = NO_NETWORK
    else:
        message = FAILED
    sys.exit(message.format(kind=kind, log=LOG, last=(output.strip() or "nothing").splitlines()[-1]))


def main(kind: str) -> None:
    if is_installed(kind):
        return
    if not python_version():
        print(f"Making the virtual environment {VENV.name}/ …", flush=True)
        make_venv()
    print(f"Installing the packages of requirements/{kind}.txt (about a minute, only when they change) …", flush=True)
    STAMP.unlink(missing_ok=True)
    install(kind)
    # dev.txt has every package of base.txt in the same version (tests/test_requirements.py).
    kinds = ("base", "dev") if kind == "dev" else (kind,)
    version = python_version()
    STAMP.write_text(json.dumps({name: lock_hash(name, version) for name in kinds}))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command again to go on.")
