"""What the site's own code says that the deployment must agree with: `python -m deploy.check.site_facts`, as JSON.

Runs in the site's environment (.venv), since it loads Django and gunicorn.conf.py.
"""

import ast
import json
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEADING = re.compile(r"^#{2,6} +(.+?) *$", re.M)


def _required() -> list[str]:
    """Settings without which a production start stops: required("NAME", …) in settings.py."""
    calls = [node for node in ast.walk(ast.parse((ROOT / "coursebundler/settings.py").read_text())) if _is_call(node)]
    return sorted({call.args[0].value for call in calls})  # type: ignore[attr-defined]


def _is_call(node: ast.AST) -> bool:
    is_required = isinstance(node, ast.Call) and ast.unparse(node.func) == "required"
    return is_required and isinstance(node.args[0], ast.Constant)  # type: ignore[attr-defined]


def _anchors() -> list[str]:
    """The addresses of the runbook's headings, as GitHub makes them from their text."""
    headings = HEADING.findall((ROOT / "deploy/README.md").read_text()) if (ROOT / "deploy/README.md").exists() else []
    return [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings]


def _variables() -> list[str]:
    return re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)


def _image_user() -> str:
    """The number of the user that the Dockerfile makes; everything in the image belongs to somebody else."""
    return re.findall(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.M)[-1]


def _modules() -> list[str]:
    """What `python -m` finds of ours."""
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "coursebundler").rglob("*.py")]


def _served() -> dict[str, Any]:
    names = ("port", "keepalive", "timeout", "graceful_timeout", "drain_seconds")
    for name in ("PORT", "DRAIN_SECONDS", "WEB_CONCURRENCY", "WEB_THREADS"):
        os.environ.pop(name, None)
    configured = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    return {name: configured[name] for name in names}


def _of_django() -> dict[str, Any]:
    import django
    from django.core.management import get_commands

    django.setup()
    from coursebundler.health import ENDPOINTS
    from coursebundler.metrics import UNITS
    from coursebundler.start import ROLES

    return {
        "commands": sorted(get_commands()),
        "health_paths": sorted(ENDPOINTS),
        "metrics": sorted(UNITS),
        "roles": sorted(ROLES),
    }


def facts() -> dict[str, Any]:
    """Keys: port, keepalive, timeout, graceful_timeout, drain_seconds, commands, health_paths, metrics, roles,
    required, variables, modules, runbook, image_user."""
    found = _served() | _of_django() | {"image_user": _image_user()}
    return found | {"required": _required(), "variables": _variables(), "modules": _modules(), "runbook": _anchors()}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.update({"DJANGO_SETTINGS_MODULE": "coursebundler.settings", "DEBUG": "true"})
    print(json.dumps(facts()))
