"""The project's own source, for tests that read it."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Imports run from right to left only.
APPS = ("coursebundler", "users", "courses", "payments")


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository (also those not committed yet) that match git's `patterns`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in sorted(set(listed)) if (ROOT / name).is_file()]


@cache
def app_code() -> tuple[Path, ...]:
    """The apps' Python files without their tests and migrations."""
    files = tracked(*(f"{app}/**/*.py" for app in APPS), *(f"{app}/*.py" for app in APPS))
    return tuple(path for path in files if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All that the file is made of: many a test looks through all files, and walking them takes longest."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """Line and full dotted name of everything that the file imports, inside functions too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def comes_from(imported: str, *modules: str) -> bool:
    return any(imported == module or imported.startswith(f"{module}.") for module in modules)
