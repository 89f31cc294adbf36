"""`.env.example` lists every variable that the site reads, and no other."""

import ast
import re

import pytest

from tests.source import ROOT, nodes

pytestmark = pytest.mark.sqlite

SETTINGS = ROOT / "coursebundler" / "settings.py"
CONTAINER = [ROOT / "coursebundler" / f"{name}.py" for name in ("start", "streams", "heartbeat", "healthcheck")]
READERS = [SETTINGS, ROOT / "gunicorn.conf.py", *CONTAINER]


def read_by(path) -> set[str]:
    """The names in calls such as env.bool("DEBUG"), required("SECRET_KEY") and os.environ.get("HOST")."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if re.fullmatch(r"env(\.\w+)?|required|os\.environ\.get|os\.getenv", called):
                found.add(node.args[0].value)
    return {name for name in found if isinstance(name, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", name)}


def required_names() -> list[str]:
    return sorted(
        node.args[0].value
        for node in nodes(SETTINGS)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "required"
        and isinstance(node.args[0], ast.Constant)
    )


def test_it_lists_what_the_site_reads():
    listed = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    read = set().union(*map(read_by, READERS))
    assert listed == read, (
        f".env.example and the settings differ: missing there {sorted(read - listed)}, "
        f"read by nothing {sorted(listed - read)}"
    )


def test_it_names_every_secret_as_required():
    text = (ROOT / ".env.example").read_text()
    required_part = text[: text.index("# --- What has a default")]
    missing = [name for name in required_names() if f"\n{name}=" not in required_part]
    assert not missing, f"These stop a production start: put them above “What has a default”: {missing}"


def test_it_holds_no_secret():
    values = dict(re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    assert not [name for name, value in values.items() if "SECRET" in name and value]
