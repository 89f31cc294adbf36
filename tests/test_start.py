"""How a container starts and stops, on this machine: by its role, its signals, its health check."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from coursebundler import drain, heartbeat
from deploy.image.load import Count, stop_under_load
from scripts.lint import PRODUCTION
from tests.emf import metrics_in
from tests.servers import Answer, clean_environment, fetch, free_port, manage, wait_until_ready
from tests.source import ROOT

HTTPS = {"Host": "courses.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


def start(role: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """To its end."""
    environment = clean_environment(**PRODUCTION | {"SERVICE_ROLE": role, "PORT": str(free_port())} | variables)
    command = [sys.executable, "-m", "coursebundler.start"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence that it said, as an entry of the log; it ended with 2 and said nothing else."""
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert "exception" not in entry
    return entry["message"]


def is_healthy(**variables: str) -> bool:
    command = [sys.executable, "-m", "coursebundler.healthcheck"]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(**variables), capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1)
    return done.returncode == 0


@pytest.mark.parametrize("role", ["", "cook", "Frontend", "worker "])
def test_it_wants_to_know_what_it_is(role):
    said = complaint(start(role))
    assert said == f"Set SERVICE_ROLE to what this container is: frontend, backend, worker. It is “{role}”."


@pytest.mark.parametrize("role", ["frontend", "worker"])
def test_a_missing_secret_is_a_sentence(role):
    assert complaint(start(role, SECRET_KEY="")).startswith("Set the SECRET_KEY environment variable")


@pytest.mark.slow
def test_on_a_laptop_a_mistake_is_plain_text():
    done = start("cook", DEBUG="true")
    assert (done.returncode, done.stderr[:16]) == (2, "Set SERVICE_ROLE")


@pytest.mark.slow
def test_a_worker_without_a_place_for_its_heartbeat_says_so(tmp_path):
    assert "cannot be written" in complaint(start("worker", HEARTBEAT_FILE=str(tmp_path / "nowhere" / "alive")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("DRAIN_SECONDS", "abc"), ("DRAIN_SECONDS", "-1"), ("DRAIN_SECONDS", "66"), ("WEB_CONCURRENCY", "0")),
        *(("WEB_THREADS", "2.5"), ("PORT", "")),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("PROXY_COUNT", "2x"), ("SITE_URL", "a.example"))),
    ],
)
def test_a_setting_that_cannot_be_meant_is_a_sentence(name, value):
    assert complaint(start("backend", **{name: value})).startswith(f"{name}={value} is not possible")


def test_the_longest_drain_leaves_time_for_what_is_in_flight():
    """Fargate kills after 120 s, whatever stopTimeout says."""
    text = (ROOT / "gunicorn.conf.py").read_text()
    longest = re.search(r'"DRAIN_SECONDS", "25"\), at_least=0, at_most=(\d+)', text)
    graceful = re.search(r"^graceful_timeout = (\d+)$", text, re.M)
    assert int(longest[1]) + int(graceful[1]) < 120


@pytest.mark.slow
def test_a_commands_mistake_is_an_entry_as_well():
    environment = clean_environment(**PRODUCTION | {"SECRET_KEY": "", "SERVICE_ROLE": "worker"})
    command = [sys.executable, "manage.py", "reconcile_payments"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert complaint(done).startswith("Set the SECRET_KEY")


def test_readiness_ends_with_the_drain(client, db, django_assert_num_queries):
    """Before the host and before the database."""
    drain._flag[0] = 1
    try:
        with django_assert_num_queries(0):
            answer = client.get("/health/ready", headers={"host": "10.0.3.7"})
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
        assert client.get("/health/live").status_code == 200
        assert client.get("/about").status_code == 200
    finally:
        drain._flag[0] = 0


def test_the_drain_leaves_signals_alone_if_there_is_none():
    before = signal.getsignal(signal.SIGTERM)
    drain.on_sigterm(0)
    assert signal.getsignal(signal.SIGTERM) == before


# --- Health checks ---
def test_a_worker_is_alive_while_its_heartbeat_is_young(tmp_path):
    heartbeat = tmp_path / "alive"
    variables = {"SERVICE_ROLE": "worker", "HEARTBEAT_FILE": str(heartbeat)}
    assert not is_healthy(**variables)
    heartbeat.touch()
    assert is_healthy(**variables)
    old = time.time() - 181
    os.utime(heartbeat, (old, old))
    assert not is_healthy(**variables)


def test_a_heartbeat_where_no_file_can_be_is_none(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(heartbeat, "FILE", tmp_path / "file" / "alive")
    assert not heartbeat.is_beating()


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 2000 OK\r\n\r\n", False),
        (b"", False),
    ],
)
def test_a_site_is_alive_while_it_answers_200(answer, healthy):
    import threading

    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert is_healthy(SERVICE_ROLE="frontend", PORT=str(server.getsockname()[1])) is healthy
        thread.join()
    assert asked[0].startswith(b"GET /health/live HTTP/1.0\r\n")


def test_nobody_there_is_not_alive():
    assert not is_healthy(SERVICE_ROLE="backend", PORT=str(free_port()))


def test_the_health_check_loads_no_django():
    code = "import coursebundler.healthcheck, sys; print([m for m in sys.modules if m in ('django', 'http.client')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- A site at work ---
class Site:
    """`python -m coursebundler.start` as a process; deploy/image/load.py can send visitors to it."""

    def __init__(self, folder: Path, role: str, **variables: str) -> None:
        self.port, self.log = free_port(), folder / "start.log"
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "DATA_DIR": str(folder)}
        own = {"SERVICE_ROLE": role, "HOST": "127.0.0.1", "PORT": str(self.port), "PROXY_COUNT": "1"}
        settings |= {"STATIC_ROOT": str(folder), "HEARTBEAT_FILE": str(folder / "alive")}
        self.environment = clean_environment(**PRODUCTION | settings | own | variables)
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "coursebundler.start"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=output)

    def get(self, path: str, timeout: float = 10) -> Answer:
        return fetch(self.url + path, headers=HTTPS)

    def signal(self, name: str) -> None:
        self.process.send_signal(getattr(signal, f"SIG{name}"))

    def wait(self) -> int:
        return self.process.wait(60)

    def seconds_to_end(self) -> float:
        began = time.monotonic()
        assert self.wait() == 0
        return time.monotonic() - began


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    database = f"sqlite:///{folder / 'db.sqlite3'}"
    manage("migrate", environment=clean_environment(**PRODUCTION | {"DATABASE_URL": database}))
    # Pages of production want the manifest of the static files; the admin's and the API's are large, and not asked for.
    ignored = [f"--ignore={folder}" for folder in ("admin", "ninja", "django_htmx", "import_export")]
    environment = clean_environment(**PRODUCTION | {"STATIC_ROOT": str(folder)})
    manage("collectstatic", "--noinput", *ignored, environment=environment)
    return folder


@contextmanager
def at_work(folder: Path, role: str = "frontend", **variables: str) -> Iterator[Site]:
    site = Site(folder, role, **variables)
    try:
        wait_until_ready(site.process, site.log, f"{site.url}/health/live")
        yield site
    finally:
        site.process.kill()
        site.process.wait()


def lost(count: Count) -> str:
    return f"{count.before} before, {count.after} after, {count.refused} lost: {count.reasons}"


@pytest.mark.slow
def test_no_request_is_lost_over_sigterm(folder):
    with at_work(folder, DRAIN_SECONDS="4") as site:
        count = stop_under_load(site)
    assert count.refused == 0, lost(count)
    assert min(count.before, count.after) > 20, lost(count)
    assert count.exit_status == 0
    assert 4 <= count.ended_after_seconds < 20
    counted = sum(line.get("Requests", 0) for line in metrics_in(site.log.read_text()))
    assert counted == count.before + count.after, "the last requests are in the metrics, too"


@pytest.mark.slow
def test_without_a_drain_some_are(folder):
    """Or the test above would prove nothing."""
    with at_work(folder, DRAIN_SECONDS="0") as site:
        count = stop_under_load(site)
    assert count.refused > 0, lost(count)


@pytest.mark.slow
def test_what_is_in_flight_is_finished(folder):
    """A webhook whose body comes slowly: half of it before SIGTERM, half of it after gunicorn was told."""
    body = b"x" * 1000
    with (
        at_work(folder, "backend", DRAIN_SECONDS="1") as site,
        closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection,
    ):
        connection.putrequest("POST", "/webhooks/razorpay", skip_host=True)
        for name, value in (HTTPS | {"Content-Length": str(len(body))}).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[:500])
        time.sleep(0.5)
        site.signal("TERM")
        time.sleep(2.5)
        assert "Handling signal: term" in site.log.read_text()
        connection.send(body[500:])
        with connection.getresponse() as answer:
            assert answer.status == 400, "read to its end, and its signature is missing"
        assert site.wait() == 0


@contextmanager
def silent_connections(site: Site, count: int, begin: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many people who begin to ask and say no more."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=30)) for _ in range(count)
        ]
        for connection in connections:
            connection.sendall(begin)
        yield connections


UPLOAD = b"POST /webhooks/razorpay HTTP/1.1\r\nHost: courses.example.org\r\nContent-Length: 1000\r\n\r\nabc"


@pytest.mark.slow
def test_it_is_alive_while_every_thread_is_busy(folder):
    """As many slow uploads as there are threads, three times over, and six checks that never end."""
    with (
        at_work(folder, DRAIN_SECONDS="0", WEB_CONCURRENCY="1") as site,
        silent_connections(site, 12, UPLOAD),
        silent_connections(site, 6, b"GET /health/live HTTP/1.1\r\nX: "),
    ):
        time.sleep(0.5)
        with pytest.raises(TimeoutError):
            fetch(f"{site.url}/health/ready", headers=HTTPS, timeout=2)
        for _ in range(10):
            assert fetch(f"{site.url}/health/live", timeout=20).status == 200


@pytest.mark.slow
def test_whoever_asks_nothing_is_not_waited_for(folder):
    with at_work(folder, DRAIN_SECONDS="0") as site, silent_connections(site, 5):
        time.sleep(0.5)
        site.signal("TERM")
        assert site.seconds_to_end() < 30, "50 s are for what is in flight"


@pytest.mark.slow
def test_reloading_leaves_it_at_work(folder):
    with at_work(folder, DRAIN_SECONDS="1") as site:
        site.signal("HUP")
        time.sleep(3)
        assert site.get("/about").status == 200
        site.signal("TERM")
        assert site.seconds_to_end() < 30


@pytest.mark.slow
def test_it_says_so_while_it_drains_and_keeps_no_connection(folder):
    with at_work(folder, DRAIN_SECONDS="30") as site:
        assert "close" not in (site.get("/about").headers["Connection"] or "")
        site.signal("TERM")
        time.sleep(0.5)
        assert site.get("/health/ready").status == 503
        assert site.get("/health/live").status == 200
        answer = site.get("/about")
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        site.signal("TERM")
        assert site.seconds_to_end() < 25, "a second SIGTERM ends the wait"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["TERM", None])
def test_sigint_ends_it_at_once(folder, first):
    with at_work(folder, DRAIN_SECONDS="30") as site:
        if first:
            site.signal(first)
        # Not in the very moment in which a connection ends: gunicorn 27.0.1's SIGQUIT for its workers may then lock
        # itself out (ThreadPoolExecutor.shutdown in a signal handler), and they are killed after 50 s.
        time.sleep(1)
        site.signal("INT")
        assert site.seconds_to_end() < 25


def wait_until_it_listens_to_signals(pid: int) -> None:
    """Python itself has to start first, which takes a busy machine a while. Only Linux says what is listened to."""
    while (status := Path(f"/proc/{pid}/status")).exists():
        if int(re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.M)[1], 16) >> signal.SIGTERM - 1 & 1:
            return
        time.sleep(0.005)
    time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("after_seconds", [0, 0.2, 0.6])
def test_it_can_be_stopped_while_it_starts(folder, after_seconds):
    site = Site(folder, "frontend", DRAIN_SECONDS="3")
    wait_until_it_listens_to_signals(site.process.pid)
    time.sleep(after_seconds)
    site.signal("TERM")
    assert site.seconds_to_end() < 25


@pytest.mark.slow
def test_a_gunicorn_that_cannot_start_ends_the_container(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start("frontend", HOST="127.0.0.1", PORT=str(taken.getsockname()[1]))
    assert done.returncode == 1


@pytest.mark.slow
def test_every_line_is_json(folder):
    with at_work(folder, DRAIN_SECONDS="0") as site:
        site.log.write_bytes(b"")
        for path in ("/about", "/nowhere", "/courses"):
            site.get(path)
        site.signal("TERM")
        site.wait()
    lines = metrics_in(site.log.read_text())
    assert {line["Service"] for line in lines} == {"frontend"}
    assert {"about", "(none)", "courses"} <= {line["Route"] for line in lines}
