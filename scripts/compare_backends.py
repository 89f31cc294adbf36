"""`python scripts/compare_backends.py`: which of the database backends that are published would work on DocumentDB.

Runs the operations of scripts/compared/operations.py on each, against the test server, and holds what leaves for the
server against AWS's table for an engine level. Prints the tables of docs/decisions/0022-other-backends-measured.md:
passed; refused by DocumentDB (AWS does not list what was sent); failed (an error of the backend); wrong data (no error,
and another answer than Django's). `--reasons` adds why. About two minutes.

The other backends need packages that this project does not want: each gets an environment in a temporary folder, from
the package index. An environment that cannot be made is a row that says so.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.documentdb_server import DocumentDBServer  # noqa: E402  needs the path

LEVELS = ("5.0", "8.0.2")
SECONDS = 600
# What pip makes of their own requirements.
PACKAGES = {
    "djongo": ["djongo==1.3.7", "pymongo<3.12"],
    "django-documentdb": ["django-documentdb==0.0.13"],
    "stock": [],
    "ours": [],
}
OUTCOMES = {"passed": "passed", "refused": "refused by DocumentDB", "failed": "failed", "wrong": "wrong data"}


def environment(folder: Path, packages: list[str]) -> tuple[Path | None, str]:
    """(its Python, what is in it), or (None, why there is none). This project's own if it needs no packages."""
    python = folder / "bin" / "python"
    if not packages:
        python = Path(sys.executable)
    else:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *packages],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            if done.returncode:
                return None, (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=False)
    wanted = ("Django", "djongo", "django-documentdb", "django-mongodb-backend", "pymongo")
    held = [f"{row['name']} {row['version']}" for row in json.loads(listed.stdout or "[]") if row["name"] in wanted]
    return python, ", ".join(held)


def run(python: Path, backend: str, port: int, level: str) -> list[tuple[str, str, str]]:
    """(operation, outcome, why) of each."""
    command = [str(python), "-m", "scripts.compared.run", backend, str(port), level]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DATABASE_"))}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        return [("everything", "failed", (done.stderr.strip().splitlines() or [""])[-1])]
    # djongo prints on its own; the last line is ours.
    return json.loads(done.stdout.splitlines()[-1])


def print_table(results: dict[tuple[str, str], list[tuple[str, str, str]]], missing: dict[str, str]) -> None:
    print(
        "\n| Backend | Level | " + " | ".join(OUTCOMES.values()) + " | of |\n|---|---|" + "---|" * (len(OUTCOMES) + 1)
    )
    for (backend, level), rows in results.items():
        counts = Counter(outcome for _, outcome, _ in rows)
        figures = " | ".join(str(counts[outcome]) for outcome in OUTCOMES)
        print(f"| {backend} | {level} | {figures} | {len(rows)} |")
    for backend, why in missing.items():
        print(f"| {backend} | | no environment: {why} |")
    level = LEVELS[0]
    columns = [backend for backend, its_level in results if its_level == level]
    print(f"\n| Operation, level {level} | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    by_name = {backend: {name: outcome for name, outcome, _ in results[backend, level]} for backend in columns}
    for name in max(by_name.values(), key=len, default={}):
        print(f"| {name} | " + " | ".join(by_name[backend].get(name, "–") for backend in columns) + " |")


def main() -> None:
    results: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    missing = {}
    with tempfile.TemporaryDirectory(prefix="coursebundler-backends-") as name:
        folder = Path(name)
        server = DocumentDBServer(folder / "server")
        for backend, packages in PACKAGES.items():
            python, says = environment(folder / backend, packages)
            print(f"{backend}: {says}", flush=True)
            if python is None:
                missing[backend] = says
                continue
            for level in LEVELS:
                results[backend, level] = run(python, backend, server.port, level)
        server.forget()
    print_table(results, missing)
    if "--reasons" in sys.argv:
        for (backend, level), rows in results.items():
            print(f"\n{backend}, level {level}")
            for operation, outcome, why in rows:
                if why:
                    print(f"  {operation}: {outcome}: {why}")


if __name__ == "__main__":
    main()
