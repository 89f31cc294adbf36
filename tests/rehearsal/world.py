"""Everything that stands around the tasks, each of it real: the database, the gateway and S3, on this machine."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from scripts.lint import PRODUCTION
from tests.documentdb_server import DocumentDBServer
from tests.proxy import Proxy
from tests.rehearsal.people import HOST
from tests.servers import clean_environment, free_port, manage, running
from tests.source import ROOT

ENGINES = ("documentdb", "sqlite")
BUCKET = "rehearsal-media"
KEYS = ("rzp_live_rehearsal", "rehearsal-key-secret")
WEBHOOK_SECRET = "rehearsal-webhook-secret"
GATEWAY_TIMEOUT = 4.0  # seconds; what the site has if nothing is set


class World:
    """Runs from `open` until the block ends. `environment` is what a task gets."""

    def __init__(self, folder: Path, engine: str, site_port: int) -> None:
        self.folder, self.engine, self.site_port = folder, engine, site_port
        self.stack = ExitStack()
        self.database: DocumentDBServer | None = None
        self.proxy: Proxy | None = None
        self.gateway_url = f"http://127.0.0.1:{free_port()}"
        self.store_port = free_port()

    @contextmanager
    def open(self, people: int) -> Iterator["World"]:
        with self.stack:
            self._start_store()
            # The site reaches what may fail by way of a proxy that can cut it off or fall silent.
            self.store = Proxy(self.store_port)
            self.gateway = Proxy(int(self.gateway_url.rpartition(":")[2]))
            self.stack.callback(self.store.close)
            self.stack.callback(self.gateway.close)
            self.environment = self._environment()
            manage("migrate", environment=self.environment)
            self.school = json.loads(self.run("tests.rehearsal.school", "fill", str(people)))
            self._start_gateway()
            yield self

    def _environment(self) -> dict[str, str]:
        store = f"endpoint_url=http://127.0.0.1:{self.store.port}&cdn=https://media.example.org"
        own = {
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self._database_url(),
            "MEDIA_STORAGE_URL": f"s3://{BUCKET}?region=us-east-1&{store}",
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "SITE_URL": f"https://{HOST}",
            "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
            "PROXY_COUNT": "2",
            "RAZORPAY_BASE_URL": f"http://127.0.0.1:{self.gateway.port}",
            "RAZORPAY_KEY_ID": KEYS[0],
            "RAZORPAY_KEY_SECRET": KEYS[1],
            "RAZORPAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "RAZORPAY_TIMEOUT_SECONDS": f"{GATEWAY_TIMEOUT:g}",
            "EMAIL_URL": "dummymail://",
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            "DJANGO_SETTINGS_MODULE": "tests.rehearsal.settings",
            "SECRET_KEY": secrets.token_urlsafe(50),
        }
        return clean_environment(**PRODUCTION | own)

    # --- The database ---
    def _database_url(self) -> str:
        if self.engine == "sqlite":
            return f"sqlite:///{self.folder / 'db.sqlite3'}"
        # What it has acknowledged is on the disk, as DocumentDB's is on several.
        self.database = DocumentDBServer(self.folder / "database", "--sync-on-commit")
        self.stack.callback(self.database.forget)
        self.proxy = Proxy(self.database.port)
        self.stack.callback(self.proxy.close)
        self._end_abandoned_transactions(self.database.port)
        # Direct: the server would tell its own address, and the driver would go past the proxy.
        options = "engine=8.0.2&tls=false&replicaSet=secantus&directConnection=true"
        return f"documentdb://127.0.0.1:{self.proxy.port}/coursebundler?{options}"

    def _end_abandoned_transactions(self, port: int) -> None:
        """A killed task leaves its transaction open. DocumentDB ends it after a minute by itself, this server when it
        sees another transaction; until then everybody waits who wants the same rows."""
        client: MongoClient[Any] = MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500)
        is_over = threading.Event()

        def tick() -> None:
            while not is_over.wait(1):
                with contextlib.suppress(PyMongoError), client.start_session() as session, session.start_transaction():
                    client.coursebundler.payments_plan.find_one({}, session=session)

        threading.Thread(target=tick, daemon=True).start()
        self.stack.callback(client.close)
        self.stack.callback(is_over.set)

    # --- The gateway and the store ---
    def _start_gateway(self) -> None:
        """The sandbox runs on a laptop's settings; it shares the site's keys."""
        environment = clean_environment(
            DEBUG="true",
            DATA_DIR=str(self.folder / "gateway"),
            RAZORPAY_KEY_ID=KEYS[0],
            RAZORPAY_KEY_SECRET=KEYS[1],
            RAZORPAY_WEBHOOK_SECRET=WEBHOOK_SECRET,
        )
        command = [sys.executable, "-m", "payments.sandbox", "--port", self.gateway_url.rpartition(":")[2], "--quiet"]
        command += ["--webhook-url", f"http://127.0.0.1:{self.site_port}/webhooks/razorpay", "--webhook-senders", "4"]
        self.stack.enter_context(running(command, environment, self.folder / "gateway.log", self.gateway_url))

    def ask_gateway(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Its API and its controls, past the proxy, as whoever holds the keys."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.gateway_url + path, json=body, auth=KEYS, timeout=60).json()

    def pay(self, order_id: str) -> dict[str, str]:
        """What the browser brings back after it has paid; the gateway tells the site by webhook as well."""
        returned: dict[str, str] = self.ask_gateway("POST", "/sandbox/payments", {"order_id": order_id})["return"]
        return returned

    def _start_store(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.store_port)]
        url = f"http://127.0.0.1:{self.store_port}"
        self.stack.enter_context(running(command, dict(os.environ), self.folder / "store.log", f"{url}/moto-api/"))
        answer = requests.put(f"{url}/{BUCKET}", timeout=30, headers={"Authorization": "AWS rehearsal:none"})
        assert answer.ok, answer.text

    # --- Programs of ours that see the site's database ---
    def run(self, module: str, *arguments: str, told: str = "") -> str:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=told, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[2:])}: {done.stdout}{done.stderr}")
        return done.stdout
