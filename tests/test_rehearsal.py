"""The short form of `make rehearse` (docs/failure-tests.md), and that it notices what it is for."""

import subprocess
import sys

import pytest

from tests.rehearsal.report import insert
from tests.source import ROOT

slow = pytest.mark.slow
pytestmark = pytest.mark.sqlite


def run(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@slow
def test_the_promises_are_held():
    # Those whose promises no busy machine can break: how soon pages come beside a slow gateway is for `make rehearse`.
    names = ["kill_a_worker", "kill_a_task_next_target", "deploy_signal_first", "kill_the_database"]
    done = run("tests.rehearsal", "--short", "--only", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("   held: ") == 11
    assert "Every promise is held." in done.stdout


@slow
def test_a_deployment_without_a_drain_is_noticed():
    done = run("tests.rehearsal.proofs", "no drain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT HELD: no request fails" in done.stdout


def test_the_report_goes_between_its_marks(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("Before.\n<!-- it: begin -->\nold\n<!-- it: end -->\nAfter.\n")
    for _ in range(2):
        insert("it", "new", document)
    assert document.read_text() == "Before.\n<!-- it: begin -->\nnew\n<!-- it: end -->\nAfter.\n"
    with pytest.raises(SystemExit, match="has no marks"):
        insert("another", "new", document)
