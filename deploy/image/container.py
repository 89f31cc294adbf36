"""A container of the image at work: the site or the worker, with settings as in production."""

import http.client
import secrets
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.image.build import IMAGE
from deploy.image.engine import Engine, EngineError, Finished

USER = 10001
HOST = "courses.example.org"
READY_SECONDS = 60
# As a visitor's request arrives behind CloudFront and the load balancer.
HEADERS = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7, 203.0.113.8"}
SETTINGS = {
    "SITE_URL": f"https://{HOST}",
    "PROXY_COUNT": "2",
    "DATABASE_URL": "sqlite:////data/db.sqlite3",
    "MEDIA_STORAGE_URL": "s3://courses-example-media?region=us-east-1",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "CourseBundler <hello@example.org>",
    "CONTACT_EMAIL": "contact@example.org",
    "RAZORPAY_KEY_ID": "rzp_test_example",
}
SECRETS = ("SECRET_KEY", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Place:
    """A folder for the database of all containers, and settings with secrets made up for this run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="coursebundler-image-"))
        self.folder.chmod(0o777)
        self.settings = SETTINGS | {name: secrets.token_urlsafe(40) for name in SECRETS}

    def options(self, **settings: str) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in (self.settings | settings).items()]
        return [f"--volume={self.folder}:/data", *variables]

    def once(self, *command: str, **settings: str) -> Finished:
        """A container that runs a command (the image's own if none is given) to its end."""
        network = ["--network=host"] if self.engine.is_podman else []
        return self.engine.run(IMAGE, *command, options=[*network, *self.options(**settings)])

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Container:
    """One that runs. Podman's use this machine's network, since in a sandbox no other may be made."""

    def __init__(self, place: Place, **settings: str) -> None:
        self.engine, self.port = place.engine, free_port()
        self.name = f"coursebundler-{uuid.uuid4().hex[:8]}"
        own = {"PORT": str(self.port), "HOST": "127.0.0.1"} if self.engine.is_podman else {}
        network = ["--network=host"] if self.engine.is_podman else [f"--publish=127.0.0.1:{self.port}:8000"]
        options = [*self.engine.options, *network, *place.options(**own | settings)]
        self.began = time.monotonic()
        self.engine("run", "--detach", f"--name={self.name}", *options, IMAGE)

    def get(self, path: str, headers: dict[str, str] | None = None, timeout: float = 10) -> Answer:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers=HEADERS | (headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def seconds_until_ready(self) -> float:
        while time.monotonic() - self.began < READY_SECONDS:
            with suppress(OSError, http.client.HTTPException):
                if self.get("/health/ready", timeout=2).status == 200:
                    return time.monotonic() - self.began
            time.sleep(0.05)
        raise EngineError(f"It was not ready after {READY_SECONDS} s. It said: {self.logs()[-2000:]}")

    def execute(self, *command: str) -> Finished:
        return self.engine.ask("exec", self.name, *command)

    def logs(self) -> str:
        told = self.engine.ask("logs", self.name)
        return told.output + told.errors

    def signal(self, name: str = "TERM") -> None:
        self.engine("kill", f"--signal={name}", self.name)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return int(self.engine("wait", self.name))

    def is_running(self) -> bool:
        return bool(self.engine.inspect("container", self.name)["State"]["Running"])

    def remove(self) -> None:
        self.engine.ask("kill", "--signal=KILL", self.name)
        self.engine.ask("rm", "--force", "--volumes", self.name)


@contextmanager
def running(place: Place, role: str, **settings: str) -> Iterator[Container]:
    """A container that is removed in the end, whatever happened."""
    container = Container(place, SERVICE_ROLE=role, **settings)
    try:
        yield container
    finally:
        container.remove()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
