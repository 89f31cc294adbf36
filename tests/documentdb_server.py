"""SecantusDB as a process of its own: a server that speaks DocumentDB's protocol, for tests and nothing else.

It is a development requirement, is never imported and never shipped (GPL-2.0). It accepts more than DocumentDB does;
the guard is what makes a green test mean something.
"""

import atexit
import contextlib
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 30
PROGRAM = Path(sys.executable).parent / "secantusd-py"


class DocumentDBServer:
    """Runs from construction (or from `start`) until `stop`, on a free port of the loopback address, with its data in
    `folder`."""

    def __init__(self, folder: Path, *options: str, port: int = 0, starts_later: bool = False) -> None:
        self.folder = folder
        self.options = options
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)
        if not starts_later:
            self.start()

    def url(self, engine: str, name: str = "coursebundler") -> str:
        """Patient where a site is not: the machine that runs the tests may be busy with much else."""
        patience = "connectTimeoutMS=30000&serverSelectionTimeoutMS=30000"
        return f"documentdb://127.0.0.1:{self.port}/{name}?engine={engine}&tls=false&replicaSet=secantus&{patience}"

    def start(self) -> None:
        """Start, or start again on the same data, and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            str(PROGRAM),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--storage-path",
            str(self.folder / "data"),
        ]
        command += ["--cache-size", "128M", "--log-level", "ERROR", *self.options]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self.is_listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"SecantusDB did not start; see {self.folder / 'server.log'}.")
            time.sleep(0.05)

    def is_listening(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def kill(self) -> None:
        """As if the power went: SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def forget(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
