"""The site as processes, over HTTP, while its database is away, killed or reset.

Clear errors meanwhile, nothing lost that was acknowledged, each purchase once, and soon back without a restart.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner
from payments.tests.conftest import Sandbox, start_sandbox, stop_sandbox
from tests.documentdb_server import DocumentDBServer
from tests.proxy import Proxy
from tests.servers import Answer, clean_environment, fetch, free_port, gunicorn, manage
from tests.source import ROOT

pytestmark = pytest.mark.slow

STUDENTS = 8
CSRF = "a" * 32
BACK_WITHIN_SECONDS = 5


class World:
    """The database, the sandbox and a school for all tests here; `site()` runs the site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = DocumentDBServer(folder / "database", "--sync-on-commit")
        self.site_port = free_port()
        self.url = f"http://127.0.0.1:{self.site_port}"
        webhook_url = f"{self.url}/webhooks/razorpay"
        self.sandbox_process, self.sandbox = start_sandbox(folder, "--webhook-url", webhook_url)
        self.environment = clean_environment(
            DEBUG="true",
            STATIC_UNHASHED="true",
            DATA_DIR=str(folder),
            LOG_LEVEL="WARNING",
            RAZORPAY_BASE_URL=self.sandbox.url,
            DJANGO_SETTINGS_MODULE="tests.settings_in_production",
            WEB_CONCURRENCY="2",
            WEB_THREADS="4",
            DATABASE_URL=self.database_url(self.database.port),
        )
        (folder / "static").mkdir()
        manage("migrate", environment=self.environment)
        command = [sys.executable, "-m", "tests.school", str(STUDENTS)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        self.school = json.loads(done.stdout)

    def database_url(self, port: int, options: str = "&replicaSet=secantus") -> str:
        """With the time-outs that a site has by default."""
        return f"documentdb://127.0.0.1:{port}/coursebundler?engine=8.0.2&tls=false{options}"

    @contextmanager
    def site(self, **environment: str) -> Iterator[None]:
        with gunicorn(self.folder, self.environment | environment, self.site_port):
            yield

    def log(self) -> str:
        return (self.folder / "site.log").read_text()

    def stored(self, table: str, **condition: object) -> list[dict]:
        """The rows, asked of the database itself."""
        options = {"directConnection": True, "serverSelectionTimeoutMS": 30_000, "planner": Planner("8.0.2")}
        with Client("127.0.0.1", self.database.port, **options) as client:
            return list(client.coursebundler[table].find(condition))

    def receipts(self, number: str) -> int:
        """How many mails there are about the order of that number."""
        mails = [text for file in (self.folder / "mail").glob("*") for text in re.split(r"\n-{79}\n", file.read_text())]
        return sum(f"Subject:" in mail and number in mail for mail in mails)

    def close(self) -> None:
        self.sandbox.session.close()
        stop_sandbox(self.sandbox_process)
        self.database.forget()


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory):
    with closing(World(tmp_path_factory.mktemp("world"))) as world:
        yield world


@pytest.fixture
def world(shared_world) -> Iterator[World]:
    """With the database running, and the gateway at normal."""
    if not shared_world.database.is_listening():
        shared_world.database.start()
    shared_world.sandbox.switch()
    return shared_world


class Student:
    """A browser with a session; counts the statuses that it saw. Answers are right or clear errors, or it fails."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.seen = world, Counter[int]()
        self.headers = {
            "Cookie": f"sessionid={world.school['students'][number]}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def ask(self, path: str, fields: dict[str, object] | None = None) -> Answer:
        method, body = ("GET", None) if fields is None else ("POST", urlencode(fields).encode())
        answer = fetch(f"{self.world.url}{path}", method, body, self.headers)
        self.seen[answer.status] += 1
        assert answer.status in (200, 302, 303) or is_clear(answer), f"{path}: {answer.status} {answer.text}"
        return answer

    def insist(self, path: str, fields: dict[str, object] | None = None, *, seconds: float = 60) -> Answer:
        """Again and again until it is no 503, as a person would."""
        deadline = time.monotonic() + seconds
        while (answer := self.ask(path, fields)).status == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return answer

    def open_order(self, checkout: str, ask: Callable[..., Answer] | None = None) -> str:
        """The gateway's id of the order, as the page shows it."""
        page = (ask or self.insist)(checkout, {"amount_paise": 49900})
        assert page.status == 200, page.text
        return re.search(r'name="order_id" value="(\w+)"', page.text)[1]

    def pay(self, gateway_order_id: str) -> dict[str, str]:
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
    return (
        answer.status == 503
        and answer.headers["Retry-After"] == "5"
        and "We cannot reach our records right now" in answer.text
    )


def assert_bought_once(world: World, gateway_order_id: str) -> None:
    """Paid, with one line, one grant, one row in the ledger and one receipt."""
    [order] = world.stored("payments_order", gateway_order_id=gateway_order_id)
    assert order["status"] == "paid"
    [line] = world.stored("payments_orderline", order_id=order["_id"])
    assert len(world.stored("courses_grant", source_id=line["_id"])) == 1
    assert len(world.stored("payments_payment", order_id=order["_id"], entry="captured")) == 1
    assert world.receipts(order["number"]) == 1


def assert_paid_orders_are_whole(world: World) -> None:
    for order in world.stored("payments_order", status="paid"):
        assert_bought_once(world, order["gateway_order_id"])


def seconds_until(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def is_ready(world: World) -> bool:
    return fetch(f"{world.url}/health/ready").status == 200


def test_it_starts_without_the_database_and_serves_as_soon_as_it_is_there(world, record_property):
    world.database.kill()
    with world.site():
        began = time.monotonic()
        assert fetch(f"{world.url}/health/ready").status == 503
        assert time.monotonic() - began < 2
        assert fetch(f"{world.url}/health/live").status == 200
        for path in ("/", "/courses", "/my/courses", "/orders", "/admin/"):
            assert is_clear(fetch(f"{world.url}{path}", headers=Student(world, 0).headers)), path
        answer = fetch(f"{world.url}/api/v1/courses")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert json.loads(answer.body)["success"] is False
        assert "database" in json.loads(answer.body)["message"]
        world.database.start()
        record_property("seconds", took := seconds_until(lambda: is_ready(world), 20))
        assert took < BACK_WITHIN_SECONDS
        assert Student(world, 0).ask("/courses").status == 200
    assert "Traceback" not in world.log()
    assert world.log().count("The database cannot be asked (courses:home)") == 1


def test_it_stays_alive_while_many_ask_and_the_database_is_away(world):
    """Waiting for the database takes every thread; a health check behind them must not time out."""
    with world.site():
        world.database.kill()
        stop, waits = threading.Event(), []

        def ask_all_the_time(number: int) -> None:
            while not stop.is_set():
                assert is_clear(fetch(f"{world.url}/courses?q={number}", headers=Student(world, number % 8).headers))

        with ThreadPoolExecutor(40) as pool:
            crowd = [pool.submit(ask_all_the_time, number) for number in range(40)]
            try:
                time.sleep(3)
                for _ in range(5):
                    for path, status in (("live", 200), ("ready", 503)):
                        began = time.monotonic()
                        assert fetch(f"{world.url}/health/{path}").status == status
                        waits.append((path, time.monotonic() - began))
            finally:
                stop.set()
            for one in crowd:
                one.result()
        print(waits)
        world.database.start()
    assert max(seconds for _, seconds in waits) < 2


@pytest.mark.parametrize("number", [0])
def test_a_database_killed_before_the_order(world, number):
    student, checkout = Student(world, 1), world.school["checkouts"][number]
    with world.site():
        assert student.ask(checkout).status == 200
        world.database.kill()
        assert student.ask(checkout, {"amount_paise": 49900}).status == 503
        world.database.start()
        gateway_order_id = student.buy(checkout)
    assert_bought_once(world, gateway_order_id)


def test_a_database_killed_between_payment_and_return(world):
    student = Student(world, 2)
    with world.site():
        gateway_order_id = student.open_order(world.school["checkouts"][0])
        world.sandbox.switch(webhook_copies=0)
        fields = student.pay(gateway_order_id)
        world.database.kill()
        assert student.ask("/checkout/callback", fields).status == 503
        world.database.start()
        student.come_back(fields)
    assert_bought_once(world, gateway_order_id)


def test_a_buyer_who_never_comes_back_has_the_course_by_the_webhooks_repetition(world):
    student = Student(world, 3)
    with world.site():
        gateway_order_id = student.open_order(world.school["checkouts"][0])
        world.database.kill()
        student.pay(gateway_order_id)
        seconds_until(lambda: "(payments:webhook)" in world.log(), 10)
        world.database.start()

        def is_paid() -> bool:
            return world.stored("payments_order", gateway_order_id=gateway_order_id)[0]["status"] == "paid"

        seconds_until(is_paid, 30)
        seconds_until(lambda: not any(row["is_waiting"] for row in deliveries(world)), 30)
    assert_bought_once(world, gateway_order_id)


def deliveries(world: World) -> list[dict]:
    return world.sandbox.api("GET", "/sandbox/deliveries").json()


def test_a_database_killed_in_the_middle_of_many_purchases(world):
    """Three times, wherever that finds them; whoever got an error tries again."""
    students = [Student(world, number) for number in range(STUDENTS)]
    bought: list[str] = []

    def buy_some(student: Student) -> None:
        for checkout in world.school["checkouts"][1:4]:
            bought.append(student.buy(checkout))

    with world.site():
        with ThreadPoolExecutor(STUDENTS) as pool:
            shoppers = [pool.submit(buy_some, student) for student in students]
            for count in (2, 8, 14):
                seconds_until(lambda count=count: len(bought) >= count or any(map(failed, shoppers)), 120)
                world.database.kill()
                time.sleep(0.5)
                world.database.start()
            for shopper in shoppers:
                shopper.result()
        seconds_until(lambda: not any(row["is_waiting"] for row in deliveries(world)), 60)
    seen = sum((student.seen for student in students), Counter())
    print(seen)
    assert seen[503], "each time somebody was in the middle of something"
    assert len(bought) == STUDENTS * 3
    for gateway_order_id in bought:
        assert_bought_once(world, gateway_order_id)
    assert_paid_orders_are_whole(world)


def failed(job) -> bool:
    return job.done() and job.exception() is not None


class Watcher(threading.Thread):
    """A student who watches a lecture: each report is one more second, apart from the others, so that a lost one shows.

    `told` is what was acknowledged; `failures` and `successes` are when.
    """

    def __init__(self, world: World, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.student, self.stop, self.path = Student(world, number), stop, f"{world.school['lectures'][0]}/progress"
        self.asked, self.told, self.failures, self.successes = 0, [], [], []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set() and self.asked < 490:
                self.report(2 * self.asked)
                self.asked += 1
                time.sleep(0.05)
        except BaseException as error:
            self.problem = error

    def report(self, second: int) -> None:
        answer = self.student.ask(self.path, {"position": second, "ranges": json.dumps([[second, second + 1]])})
        if answer.status != 200:
            self.failures.append(time.monotonic())
            time.sleep(0.2)
            return
        self.told.append(second)
        self.successes.append(time.monotonic())
        watched = json.loads(answer.body)["watched_seconds"]
        assert len(self.told) <= watched <= self.asked + 1, "a wrong answer"


class Reader(threading.Thread):
    """Asks for a page all the time; the answer is what it should be, or a clear error."""

    def __init__(self, world: World, headers: dict[str, str], path: str, status: int, stop: threading.Event) -> None:
        super().__init__()
        self.url, self.headers, self.status, self.stop = f"{world.url}{path}", headers, status, stop
        self.failures: list[float] = []
        self.successes: list[float] = []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                answer = fetch(self.url, headers=self.headers)
                assert answer.status == self.status or is_clear(answer), f"{self.url}: {answer.status}"
                (self.successes if answer.status == self.status else self.failures).append(time.monotonic())
                time.sleep(0.1)
        except BaseException as error:
            self.problem = error


@pytest.mark.parametrize("seconds", [5, 60])
def test_a_step_down_loses_no_write_and_gives_no_wrong_answer(world, seconds, record_property):
    """Every socket is reset, and each new one, while reads and writes go on."""
    with closing(Proxy(world.database.port)) as proxy:
        # Direct: the server would tell its own address, and the driver would go past the proxy.
        url = world.database_url(proxy.port, "&replicaSet=secantus&directConnection=true")
        with world.site(DATABASE_URL=url):
            stop = threading.Event()
            lecture = world.school["lectures"][0]
            first = 0 if seconds == 5 else 3
            watchers = [Watcher(world, first + number, stop) for number in range(3)]
            readers = [
                Reader(world, Student(world, 7).headers, lecture, 200, stop),
                Reader(world, Student(world, 7).headers, world.school["checkouts"][-1], 200, stop),
                Reader(world, {}, lecture, 403, stop),
            ]
            everybody = [*watchers, *readers]
            for one in everybody:
                one.start()
            try:
                time.sleep(2)
                proxy.drop()
                time.sleep(seconds)
                proxy.is_up, back = True, time.monotonic()
                time.sleep(BACK_WITHIN_SECONDS + 2)
            finally:
                stop.set()
                for one in everybody:
                    one.join()
        assert [one.problem for one in everybody if one.problem] == []
        assert all(one.failures for one in everybody)
        took = [min(at for at in one.successes if at > back) - back for one in everybody]
        last = max(at for one in everybody for at in one.failures) - back
        print("back after", [round(s, 2) for s in took], "last failure", round(last, 2))
        assert max(took) < BACK_WITHIN_SECONDS
        assert last < BACK_WITHIN_SECONDS
    stored = {row["user_id"]: row for row in world.stored("courses_progress")}
    for watcher, row in matched(world, watchers, stored):
        kept = {second for start, end in row["watched_ranges"] for second in range(start, end)}
        assert set(watcher.told) <= kept <= {2 * n for n in range(watcher.asked)}


def matched(world, watchers, stored):
    users = {row["email"]: row["_id"] for row in world.stored("users_user")}
    for watcher in watchers:
        number = world.school["students"].index(re.search("sessionid=(\\w+)", watcher.student.headers["Cookie"])[1])
        yield watcher, stored[users[f"student{number}@example.org"]]


def test_eight_clicks_and_eight_returns_at_once_are_one_purchase(world):
    """Two processes of four threads each, and the webhooks at the same time."""
    students, checkout = [Student(world, 5) for _ in range(8)], world.school["checkouts"][0]
    world.sandbox.switch(webhook_copies=2)
    with world.site(), ThreadPoolExecutor(8) as pool:
        [gateway_order_id] = set(pool.map(lambda student: student.open_order(checkout, student.ask), students))
        fields = students[0].pay(gateway_order_id)
        list(pool.map(lambda student: student.come_back(fields), students))
        seconds_until(lambda: not any(row["is_waiting"] for row in deliveries(world)), 30)
    assert sum((student.seen for student in students), Counter())[503] == 0
    assert_bought_once(world, gateway_order_id)
