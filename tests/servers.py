"""Real processes for tests: the site under gunicorn, on ports of this machine that are free."""

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.source import ROOT

START_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def fetch(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 60,
) -> Answer:
    """One request, without following redirects."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without what the tests' own settings set, plus `variables`."""
    ours = ("DEBUG", "DATA_DIR", "PORT", "SANDBOX_PORT", "STATIC_UNHASHED", "WEB_THREADS", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if name not in ours} | variables


def manage(*arguments: str, environment: dict[str, str]) -> str:
    """Run a management command; its output. Raises with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path, ready_url: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours that answers at `ready_url` (with any status) while the block runs."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_until_ready(process, log, ready_url)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, f"It stopped at once:\n{log.read_text(errors='replace')}"
        assert time.monotonic() < deadline, f"Nothing answers at {url}:\n{log.read_text(errors='replace')}"
        try:
            fetch(url)
            return
        except OSError:
            time.sleep(0.05)


@contextmanager
def gunicorn(
    folder: Path, environment: dict[str, str], port: int, *, application: str = "coursebundler.wsgi"
) -> Iterator[str]:
    """The site's address while it runs; what it logs is in site.log in the folder."""
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", application]
    url = f"http://127.0.0.1:{port}"
    environment = environment | {"HOST": "127.0.0.1", "PORT": str(port)}
    with running(command, environment, folder / "site.log", f"{url}/health/live"):
        yield url


@contextmanager
def moto() -> Iterator[str]:
    """The address of a server that plays AWS while the block runs: S3, Secrets Manager, ECS and others."""
    from moto.server import ThreadedMotoServer  # loading it takes a second, which most tests need not pay

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()
