"""What only the tests of the whole site need."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import clean_environment, fetch, free_port
from tests.source import ROOT

# scripts/test.py says so where they are missing.
if not (shutil.which("aws") and shutil.which("jq")):
    collect_ignore = ["test_runbook_played.py"]


class Run:
    """`make run` at work, without make: the launcher with a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.sandbox_port = folder, free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.output = ""

    def start(self, **variables: str) -> "subprocess.Popen[str]":
        own = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        return subprocess.Popen(
            [sys.executable, "scripts/run.py"],
            cwd=ROOT,
            env=clean_environment(PYTHONUNBUFFERED="1", **own | variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def running(self, **variables: str) -> "Iterator[subprocess.Popen[str]]":
        """While the block runs, the site answers; afterwards nothing of it is left."""
        process = self.start(**variables)
        try:
            self.wait(process)
            yield process
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)
            self.output += process.communicate(timeout=30)[0]

    def wait(self, process: "subprocess.Popen[str]") -> None:
        """Read what it says until it says where it runs."""
        assert process.stdout is not None
        for line in process.stdout:
            self.output += line
            if "Ctrl-C stops it" in line:
                return
        pytest.fail(f"It stopped:\n{self.output}")

    def answers(self, port: int) -> bool:
        try:
            fetch(f"http://127.0.0.1:{port}/health/live")
        except OSError:
            return False
        return True


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path / "data")


@pytest.fixture(scope="session")
def school(tmp_path_factory) -> Iterator[str]:
    """The address of the demonstration school as `make run` starts it, with the payment sandbox."""
    launched = Run(tmp_path_factory.mktemp("school"))
    with launched.running(LOG_LEVEL="WARNING"):
        yield launched.url


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "It did not happen."
            time.sleep(0.1)

    return wait
