"""The site as processes with all that it needs, each of them real: database, gateway, a school; and its students."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner
from payments.tests.conftest import start_sandbox, stop_sandbox
from tests.documentdb_server import DocumentDBServer
from tests.servers import Answer, clean_environment, fetch, free_port, gunicorn, manage
from tests.source import ROOT

STUDENTS = 8
CSRF = "a" * 32
PRICE_PAISE = 49900


class World:
    """Runs from construction until `close`; `site()` runs the site, the database may be killed and started at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = DocumentDBServer(folder / "database", "--sync-on-commit")
        self.site_port = free_port()
        self.url = f"http://127.0.0.1:{self.site_port}"
        self.sandbox_process, self.sandbox = start_sandbox(folder, "--webhook-url", f"{self.url}/webhooks/razorpay")
        self.environment = clean_environment(
            DEBUG="true",
            STATIC_UNHASHED="true",
            DATA_DIR=str(folder),
            DATABASE_URL=self.database_url(self.database.port),
            DJANGO_SETTINGS_MODULE="tests.settings_in_production",
            LOG_LEVEL="WARNING",
            RAZORPAY_BASE_URL=self.sandbox.url,
            WEB_CONCURRENCY="2",
            WEB_THREADS="4",
        )
        (folder / "static").mkdir()
        manage("migrate", environment=self.environment)
        self.school = json.loads(self._run("-m", "tests.school", str(STUDENTS)))

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)  # noqa: S603
        return done.stdout

    def database_url(self, port: int, options: str = "") -> str:
        """With the time-outs that a site has by default."""
        return f"documentdb://127.0.0.1:{port}/coursebundler?engine=8.0.2&tls=false&replicaSet=secantus{options}"

    @contextmanager
    def site(self, **environment: str) -> Iterator[None]:
        with gunicorn(self.folder, self.environment | environment, self.site_port):
            yield

    def log(self) -> str:
        """What the site has logged since it was started."""
        return (self.folder / "site.log").read_text()

    def is_ready(self) -> bool:
        return fetch(f"{self.url}/health/ready").status == 200

    def stored(self, table: str, **condition: object) -> list[dict[str, Any]]:
        """The rows, asked of the database itself."""
        options = {"directConnection": True, "serverSelectionTimeoutMS": 30_000}
        with Client("127.0.0.1", self.database.port, planner=Planner("8.0.2"), **options) as client:
            return list(client.coursebundler[table].find(condition))

    def receipts(self, number: str) -> int:
        """How many mails there are about the order of that number."""
        files = [file.read_text() for file in (self.folder / "mail").glob("*")]
        mails = [mail for text in files for mail in re.split(r"\n-{79}\n", text)]
        return sum(number in mail for mail in mails)

    def has_undelivered_webhooks(self) -> bool:
        return any(row["is_waiting"] for row in self.sandbox.api("GET", "/sandbox/deliveries").json())

    def close(self) -> None:
        self.sandbox.session.close()
        stop_sandbox(self.sandbox_process)
        self.database.forget()


class Student:
    """A browser with a session. It takes right answers and clear errors, and fails at anything else."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.email, self.seen = world, f"student{number}@example.org", Counter[int]()
        self.headers = {
            "Cookie": f"sessionid={world.school['students'][number]}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def ask(self, path: str, fields: dict[str, Any] | None = None) -> Answer:
        method, body = ("GET", None) if fields is None else ("POST", urlencode(fields).encode())
        answer = fetch(f"{self.world.url}{path}", method, body, self.headers)
        self.seen[answer.status] += 1
        assert answer.status in (200, 302, 303) or is_clear(answer), f"{path}: {answer.status} {answer.text}"
        return answer

    def insist(self, path: str, fields: dict[str, Any] | None = None) -> Answer:
        """Again and again until it is no 503, as a person would."""
        deadline = time.monotonic() + 60
        while (answer := self.ask(path, fields)).status == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return answer

    def open_order(self, checkout: str) -> str:
        """The gateway's id of the order, as the page shows it."""
        page = self.insist(checkout, {"amount_paise": PRICE_PAISE})
        found = re.search(r'name="order_id" value="(\w+)"', page.text)
        assert found, page.text
        return found[1]

    def pay(self, gateway_order_id: str) -> dict[str, str]:
        """At the gateway; what the browser then brings back."""
        answer = self.world.sandbox.api("POST", "/sandbox/payments", {"order_id": gateway_order_id})
        assert answer.ok, answer.text
        return answer.json()["return"]

    def come_back(self, fields: dict[str, str]) -> None:
        answer = self.insist("/checkout/callback", fields)
        assert answer.status == 303
        assert "You’re in" in self.insist(urlsplit(answer.headers["Location"]).path).text

    def buy(self, checkout: str) -> str:
        """The gateway's id of the order, once the site has said that it is paid."""
        gateway_order_id = self.open_order(checkout)
        self.come_back(self.pay(gateway_order_id))
        return gateway_order_id


def is_clear(answer: Answer) -> bool:
    """A 503 that says in the visitor's words what is the matter, and when to try again."""
    words = "We cannot reach our records right now"
    return answer.status == 503 and answer.headers["Retry-After"] == "5" and words in answer.text


def seconds_until(condition: Callable[[], object], at_most: float) -> float:
    """Wait until it holds; fails after so many seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < at_most
        time.sleep(0.05)
    return time.monotonic() - began
