"""The site in several processes, the gateway and the database, each of them real, and what can befall them."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.documentdb_server import DocumentDBServer
from tests.proxy import Proxy
from tests.servers import clean_environment, free_port, manage, running
from tests.source import ROOT

KEYS = ("rzp_test_sandbox", "sandbox-key-secret")
WORKERS = 3
TIMEOUT_SECONDS = 2


class World:
    """Runs from `open` until `close`. `seen` counts what happened."""

    def __init__(self, folder: Path, engine: str, seed: int, students: int) -> None:
        self.folder, self.engine, self.seed, self.students = folder, engine, seed, students
        self.seen: Counter[str] = Counter()
        self.stack = ExitStack()
        self.proxy: Proxy | None = None
        self.site_port, sandbox_port = free_port(), free_port()
        self.url, self.sandbox_url = f"http://127.0.0.1:{self.site_port}", f"http://127.0.0.1:{sandbox_port}"
        self.environment = clean_environment(
            DEBUG="true",
            STATIC_UNHASHED="true",
            DATA_DIR=str(folder),
            PORT=str(self.site_port),
            SANDBOX_PORT=str(sandbox_port),
            DATABASE_URL=self._database_url(),
            DJANGO_SETTINGS_MODULE="tests.settings_in_production",
            LOG_LEVEL="WARNING",
            RAZORPAY_BASE_URL=self.sandbox_url,
            RAZORPAY_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS),
            REFUND_APPROVAL_ABOVE_PAISE="60000",
            WEB_CONCURRENCY=str(WORKERS),
            WEB_THREADS="4",
        )

    def _database_url(self) -> str:
        if self.engine == "sqlite":
            return f"sqlite:///{self.folder / 'db.sqlite3'}"
        server = DocumentDBServer(self.folder / "database", "--sync-on-commit")
        self.stack.callback(server.forget)
        self.proxy = Proxy(server.port)
        self.stack.callback(self.proxy.close)
        self._end_abandoned_transactions(server.port)
        # Direct: the server would tell its own address, and the driver would go past the proxy.
        options = "engine=8.0.2&tls=false&replicaSet=secantus&directConnection=true"
        return f"documentdb://127.0.0.1:{self.proxy.port}/coursebundler?{options}"

    def _end_abandoned_transactions(self, port: int) -> None:
        """A killed worker leaves its transaction open. DocumentDB ends it after a minute by itself, this server when it
        sees another transaction; until then everybody waits who wants the same rows."""
        client: MongoClient[Any] = MongoClient("127.0.0.1", port, directConnection=True)
        is_over = threading.Event()

        def tick() -> None:
            while not is_over.wait(1):
                with contextlib.suppress(PyMongoError), client.start_session() as session, session.start_transaction():
                    client.coursebundler.payments_plan.find_one({}, session=session)

        threading.Thread(target=tick, daemon=True).start()
        self.stack.callback(client.close)
        self.stack.callback(is_over.set)

    @contextmanager
    def open(self) -> Iterator[None]:
        with self.stack:
            (self.folder / "static").mkdir()
            manage("migrate", environment=self.environment)
            self.school = json.loads(self.run("tests.chaos.school", str(self.students)))
            self._start_sandbox()
            command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "coursebundler.wsgi"]
            environment = self.environment | {"HOST": "127.0.0.1"}
            log, ready = self.folder / "site.log", f"{self.url}/health/live"
            self.site = self.stack.enter_context(running(command, environment, log, ready))
            yield

    def _start_sandbox(self) -> None:
        command = [sys.executable, "-m", "payments.sandbox", "--port", self.sandbox_url.rpartition(":")[2], "--quiet"]
        command += ["--webhook-url", f"{self.url}/webhooks/razorpay", "--webhook-senders", "4"]
        command += ["--seed", str(self.seed)]
        log = self.folder / "sandbox.log"
        self.stack.enter_context(running(command, self.environment, log, self.sandbox_url))

    def run(self, module: str, *arguments: str) -> str:
        """The output of a program of ours that sees the site's database."""
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[2:])}: {done.stdout}{done.stderr}")
        return done.stdout

    def run_in_parallel(self, count: int, module: str, *arguments: str) -> list[tuple[int, str]]:
        command = [sys.executable, "-m", module, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running = [subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes) for _ in range(count)]
        outputs = [process.communicate(timeout=300)[0] for process in running]
        return [(process.returncode, output) for process, output in zip(running, outputs, strict=True)]

    # --- The gateway ---
    def gateway(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Its API and its controls, as whoever holds the keys."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, self.sandbox_url + path, json=body, auth=KEYS, timeout=60)
        return answer.json()

    def switch(self, **values: Any) -> None:
        self.gateway("POST", "/sandbox/switches", values)

    def webhooks_waiting(self) -> int:
        return sum(row["is_waiting"] for row in self.gateway("GET", "/sandbox/deliveries"))

    # --- What befalls them ---
    def workers(self) -> list[int]:
        """Linux tells of a process's children by itself; elsewhere pgrep is part of the system."""
        children = Path(f"/proc/{self.site.pid}/task/{self.site.pid}/children")
        if children.exists():
            return [int(pid) for pid in children.read_text().split()]
        found = subprocess.run(["pgrep", "-P", str(self.site.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def kill_a_worker(self, chance: random.Random) -> None:
        if workers := self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                self.seen["workers killed"] += 1

    def drop_connections(self, chance: random.Random) -> None:
        if self.proxy:
            self.proxy.drop()
            time.sleep(chance.uniform(0.05, 0.8))
            self.proxy.is_up = True
            self.seen["connections dropped"] += 1

    def break_the_gateway(self, chance: random.Random) -> None:
        self.switch(
            api_failure=chance.choice(["", "html502", "json500", "time_out", "any", "any"]),
            api_failure_percent=chance.choice([10, 20, 40]),
            api_delay_seconds=chance.choice([0, 0, 0, 0.2]),
            time_out_seconds=TIMEOUT_SECONDS + 1,
            webhook_delay_seconds=chance.choice([0, 0, 1, 4]),
            webhook_spread_seconds=chance.choice([0, 2, 6]),
            webhook_copies=chance.choice([0, 1, 1, 2, 3]),
            webhook_lost_percent=chance.choice([0, 20, 60]),
            pending_seconds=chance.choice([1, 5]),
            refund_seconds=chance.choice([0, 0, 3]),
            refund_ends=chance.choice(["processed", "processed", "processed", "failed", "refused"]),
        )
        self.seen["switches turned"] += 1


class Faults:
    """One after the other, each at a moment of its own, until the block ends."""

    def __init__(self, world: World) -> None:
        self.world, self.stop = world, threading.Event()
        kinds: list[tuple[Callable[[random.Random], None], float, float]] = [
            (world.kill_a_worker, 1, 5),
            (world.break_the_gateway, 0.5, 3),
            (world.drop_connections, 3, 9),
        ]
        self.threads = [threading.Thread(target=self.repeat, args=kind) for kind in kinds]

    def repeat(self, act: Callable[[random.Random], None], shortest: float, longest: float) -> None:
        chance = random.Random(f"{self.world.seed} {act.__name__}")
        while not self.stop.wait(chance.uniform(shortest, longest)):
            act(chance)

    def __enter__(self) -> None:
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.world.seen["faults of the gateway's API"] = self.world.gateway("GET", "/sandbox/failures")["failures"]
        self.world.switch()
        if self.world.proxy:
            self.world.proxy.is_up = True


def empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
