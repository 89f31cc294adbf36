"""The short form of `make chaos`."""

import subprocess
import sys

import pytest

from tests.source import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.mark.parametrize("engine", ["sqlite", "documentdb"])
def test_the_books_balance_after_a_small_storm(engine):
    """With another seed each time; a failure says which."""
    command = [sys.executable, "-m", "tests.chaos", "--engine", engine, "--purchases", "24", "--students", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The books balance." in done.stdout
