"""Other people's checkers: checkov, hadolint, GitHub's schema of workflows, and zizmor."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.check.checkov_skips import SKIPS
from deploy.check.rules import Problem
from deploy.check.terraform import ROOT

BIN = Path(sys.executable).parent
FRAMEWORKS = ["terraform", "dockerfile", "github_actions"]


def _run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A program of this environment."""
    program = [str(BIN / command[0]), *command[1:]]
    return subprocess.run(program, cwd=cwd, capture_output=True, text=True, check=False)


def _gather(folder: Path, terraform: Path) -> None:
    shutil.copytree(
        terraform, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests")
    )
    if (ROOT / "Dockerfile").exists():
        shutil.copy(ROOT / "Dockerfile", folder / "Dockerfile")
    shutil.copytree(ROOT / ".github", folder / ".github")


def _findings(folder: Path) -> list[dict]:
    """Of checkov: check_id, check_name, resource, file_path."""
    frameworks = [part for name in FRAMEWORKS for part in ("--framework", name)]
    done = _run("checkov", "-d", str(folder), *frameworks, "--quiet", "--compact", "-o", "json", "--skip-download")
    try:
        reports = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"checkov failed: {done.stderr.strip()[-2000:]}") from None
    reports = reports if isinstance(reports, list) else [reports]
    return [finding for report in reports for finding in report.get("results", {}).get("failed_checks", [])]


def checkov(folder: Path, terraform: Path) -> list[Problem]:
    """Findings that no skip covers, and skips that cover none.

    Args:
        folder: an empty one to work in.
        terraform: the files to look at.
    """
    _gather(folder, terraform)
    findings = _findings(folder)
    problems = [
        Problem("checkov", f"{found['check_id']} {found['check_name']}", found["resource"], found["file_path"])
        for found in findings
        if not any(_covers(skip, found) for skip in SKIPS)
    ]
    for skip in SKIPS:
        if not any(_covers(skip, found) for found in findings):
            problems.append(Problem("checkov", "Every skip is needed.", "deploy/check/checkov_skips.py", f"{skip[:2]}"))
    return problems


def _covers(skip: tuple[str, str, str], finding: dict) -> bool:
    check, resources, _ = skip
    return finding["check_id"] == check and bool(re.search(resources, finding["resource"]))


def hadolint(dockerfile: Path) -> Iterator[Problem]:
    done = _run("hadolint", "--format", "json", str(dockerfile))
    for found in json.loads(done.stdout or "[]"):
        where = f"{dockerfile.name}:{found['line']}"
        yield Problem("hadolint", f"{found['code']} ({found['level']})", where, found["message"])


def workflows(folder: Path) -> Iterator[Problem]:
    """GitHub's schema of workflows, and zizmor's look at who could misuse them."""
    files = sorted(map(str, folder.glob("*.y*ml")))
    done = _run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", "--output-format", "json", *files)
    report = json.loads(done.stdout)
    for found in report.get("errors", []) + report.get("parse_errors", []):
        where = Path(found["filename"]).name
        yield Problem("workflows", "A workflow is one that GitHub reads.", where, found.get("message", str(found)))
    config = Path(__file__).with_name("zizmor.yml")
    done = _run("zizmor", "--offline", "--config", str(config), "--format", "json", "--no-exit-codes", *files)
    for found in json.loads(done.stdout or "[]"):
        location = found["locations"][0]
        file = Path(location["symbolic"]["key"]["Local"]["verbatim_path"]).name
        line = location["concrete"]["location"]["start_point"]["row"] + 1
        yield Problem("zizmor", found["desc"], f"{file}:{line}", f"{found['ident']}: {found['url']}")
