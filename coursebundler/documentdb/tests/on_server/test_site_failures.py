"""The site over HTTP while its database is away, is killed, or steps down.

Clear errors meanwhile, nothing lost that was acknowledged, each purchase once, and soon back without a restart.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from coursebundler.documentdb.tests.on_server.world import STUDENTS, Student, World, is_clear, seconds_until
from tests.proxy import Proxy
from tests.servers import fetch

pytestmark = pytest.mark.slow

BACK_WITHIN_SECONDS = 5


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory) -> Iterator[World]:
    with closing(World(tmp_path_factory.mktemp("world"))) as world:
        yield world


@pytest.fixture
def world(shared_world) -> World:
    """With the database running, and without webhooks: most purchases here are to do without them."""
    if not shared_world.database.is_listening():
        shared_world.database.start()
    shared_world.sandbox.switch(webhook_copies=0)
    return shared_world


def assert_bought_once(world: World, gateway_order_id: str) -> None:
    """Paid, with one line, one grant and one row in the ledger, and never two receipts."""
    [order] = world.stored("payments_order", gateway_order_id=gateway_order_id)
    assert order["status"] == "paid"
    [line] = world.stored("payments_orderline", order_id=order["_id"])
    assert len(world.stored("courses_grant", source_id=line["_id"])) == 1
    assert len(world.stored("payments_payment", order_id=order["_id"], entry="captured")) == 1
    assert world.receipts(order["number"]) <= 1


def has_receipt(world: World, gateway_order_id: str) -> bool:
    [order] = world.stored("payments_order", gateway_order_id=gateway_order_id)
    return world.receipts(order["number"]) == 1


# --- The database is not there ---
def test_it_starts_without_the_database_and_serves_as_soon_as_it_is_there(world):
    student = Student(world, 0)
    world.database.kill()
    with world.site():
        began = time.monotonic()
        assert fetch(f"{world.url}/health/ready").status == 503
        assert time.monotonic() - began < 5  # what the load balancer waits for
        assert fetch(f"{world.url}/health/live").status == 200
        assert fetch(f"{world.url}/about").status == 200, "it asks for nothing"
        for path in ("/", "/courses", "/my/courses", "/orders", "/admin/"):
            assert student.ask(path).status == 503, path
        assert_clear_to_programs(world)
        world.database.start()
        took = seconds_until(world.is_ready, 20)
        assert took < BACK_WITHIN_SECONDS
        assert student.ask("/courses").status == 200
    assert "Traceback" not in world.log()
    assert world.log().count("The database cannot be asked (courses:home)") == 1


def assert_clear_to_programs(world: World) -> None:
    answer = fetch(f"{world.url}/api/v1/courses")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert json.loads(answer.body)["success"] is False
    assert "database" in json.loads(answer.body)["message"]


def test_health_checks_do_not_wait_behind_a_crowd(world):
    """Else a database that is away would have every task of the site killed for not being alive."""
    stop = threading.Event()

    def ask_all_the_time(number: int) -> None:
        student = Student(world, number % STUDENTS)
        while not stop.is_set():
            assert student.ask(f"/courses?q={number}").status == 503
            stop.wait(0.3)

    with world.site(), ThreadPoolExecutor(40) as pool:
        world.database.kill()
        crowd = [pool.submit(ask_all_the_time, number) for number in range(40)]
        try:
            time.sleep(3)
            waits = [seconds_of(world, path, status) for path, status in (("live", 200), ("ready", 503)) * 5]
        finally:
            stop.set()
        for one in crowd:
            one.result()
    assert max(waits) < 3


@pytest.mark.parametrize("crowd", [0, 12])
def test_a_database_that_says_nothing_is_an_answer_too(world, crowd):
    """Stopped, not killed: connections stay open and no answer comes. The load balancer waits for 5 s."""
    with world.site(), ThreadPoolExecutor(12) as pool:
        seconds_until(world.is_ready, 20)
        os.kill(world.database.process.pid, signal.SIGSTOP)
        try:
            asked = [pool.submit(fetch, f"{world.url}/courses?q={number}") for number in range(crowd)]
            lives = [seconds_of(world, "live", 200) for _ in range(3)]
            ready = seconds_of(world, "ready", 503) if not crowd else 0
        finally:
            os.kill(world.database.process.pid, signal.SIGCONT)
        assert max(lives) < 2, "however many wait for the database"
        assert ready < 4.5
        assert {one.result().status for one in asked} <= {200, 503}
        assert seconds_until(world.is_ready, 20) < BACK_WITHIN_SECONDS


def seconds_of(world: World, path: str, status: int) -> float:
    began = time.monotonic()
    assert fetch(f"{world.url}/health/{path}").status == status
    return time.monotonic() - began


# --- The database is killed (SIGKILL) in the middle of a purchase, and started again on the same data ---
def test_killed_before_the_order(world):
    student, checkout = Student(world, 1), world.school["checkouts"][0]
    with world.site():
        assert student.ask(checkout).status == 200
        world.database.kill()
        assert student.ask(checkout, {"amount_paise": 49900}).status == 503
        world.database.start()
        gateway_order_id = student.buy(checkout)
    assert_bought_once(world, gateway_order_id)
    assert has_receipt(world, gateway_order_id)


def test_killed_between_the_payment_and_the_return(world):
    student = Student(world, 2)
    with world.site():
        gateway_order_id = student.open_order(world.school["checkouts"][0])
        fields = student.pay(gateway_order_id)
        world.database.kill()
        assert student.ask("/checkout/callback", fields).status == 503
        world.database.start()
        student.come_back(fields)
    assert_bought_once(world, gateway_order_id)
    assert has_receipt(world, gateway_order_id)


def test_killed_when_the_webhook_comes_and_nobody_returns(world):
    """The webhook is answered with 503, so the gateway repeats it."""
    student = Student(world, 3)
    world.sandbox.switch(webhook_copies=1)
    with world.site():
        gateway_order_id = student.open_order(world.school["checkouts"][0])
        world.database.kill()
        student.pay(gateway_order_id)
        seconds_until(lambda: "The database cannot be asked (payments:webhook)" in world.log(), 10)
        world.database.start()
        seconds_until(lambda: not world.has_undelivered_webhooks(), 60)
    assert_bought_once(world, gateway_order_id)
    assert has_receipt(world, gateway_order_id)


def test_killed_three_times_during_many_purchases(world):
    """Wherever that finds them; whoever got an error tries again."""
    students = [Student(world, number) for number in range(STUDENTS)]
    bought: list[str] = []
    world.sandbox.switch(webhook_copies=1)

    def buy_some(student: Student) -> None:
        bought.extend(student.buy(checkout) for checkout in world.school["checkouts"][1:4])

    with world.site():
        with ThreadPoolExecutor(STUDENTS) as pool:
            shoppers = [pool.submit(buy_some, student) for student in students]
            for count in (2, 8, 14):
                seconds_until(lambda count=count: len(bought) >= count or has_failed(shoppers), 120)
                world.database.kill()
                world.database.start()
            for shopper in shoppers:
                shopper.result()
        seconds_until(lambda: not world.has_undelivered_webhooks(), 60)
    errors = sum(student.seen[503] for student in students)
    assert errors, "each time somebody was in the middle of something"
    assert len(set(bought)) == STUDENTS * 3
    for gateway_order_id in bought:
        assert_bought_once(world, gateway_order_id)
    assert {order["gateway_order_id"] for order in world.stored("payments_order", status="paid")} >= set(bought)


def has_failed(jobs: list[Future[None]]) -> bool:
    return any(job.done() and job.exception() for job in jobs)


# --- The primary steps down: every socket is reset, and each new one ---
class Busy(threading.Thread):
    """Does something all the time and notes when it was answered rightly, and when with a clear error."""

    def __init__(self, act: Callable[[], bool], stop: threading.Event) -> None:
        super().__init__()
        self.act, self.stop = act, stop
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                is_answered = self.act()
                (self.answered if is_answered else self.refused).append(time.monotonic())
                self.stop.wait(0.1)
        except BaseException as error:
            self.problem = error


class Watcher:
    """Watches a lecture: each report is one more second, apart from the others, so that a lost one leaves a gap."""

    def __init__(self, student: Student, lecture: str) -> None:
        self.student, self.path = student, f"{lecture}/progress"
        self.asked, self.told = 0, []

    def report(self) -> bool:
        second, self.asked = 2 * self.asked, self.asked + 1
        answer = self.student.ask(self.path, {"position": second, "ranges": json.dumps([[second, second + 1]])})
        if answer.status != 200:
            return False
        self.told.append(second)
        assert len(self.told) <= json.loads(answer.body)["watched_seconds"] <= self.asked, "a wrong answer"
        return True

    def assert_nothing_is_lost(self, world: World) -> None:
        [user] = world.stored("users_user", email=self.student.email)
        [row] = world.stored("courses_progress", user_id=user["_id"])
        kept = {second for start, end in row["watched_ranges"] for second in range(start, end)}
        assert set(self.told) <= kept <= {2 * number for number in range(self.asked)}


def reader(student: Student, path: str) -> Callable[[], bool]:
    return lambda: student.ask(path).status == 200


def stranger(world: World, path: str) -> Callable[[], bool]:
    """Must never get in, whatever the database does."""

    def act() -> bool:
        answer = fetch(f"{world.url}{path}")
        assert answer.status == 403 or is_clear(answer), answer.status
        return answer.status == 403

    return act


@pytest.mark.parametrize(("seconds", "students"), [(5, range(3)), (60, range(3, 6))])
def test_a_step_down_loses_nothing_and_tells_nothing_wrong(world, seconds, students):
    lecture, stop = world.school["lectures"][0], threading.Event()
    watchers = [Watcher(Student(world, number), lecture) for number in students]
    acts = [*(watcher.report for watcher in watchers), reader(Student(world, 7), lecture)]
    acts += [reader(Student(world, 7), world.school["checkouts"][-1]), stranger(world, lecture)]
    everybody = [Busy(act, stop) for act in acts]
    proxy = Proxy(world.database.port)
    # Direct: the server would tell its own address, and the driver would go past the proxy.
    through_proxy = world.database_url(proxy.port, "&directConnection=true")
    with closing(proxy), world.site(DATABASE_URL=through_proxy):
        for one in everybody:
            one.start()
        time.sleep(2)
        proxy.drop()
        time.sleep(seconds)
        proxy.is_up, back = True, time.monotonic()
        time.sleep(BACK_WITHIN_SECONDS + 1)
        stop.set()
        for one in everybody:
            one.join()
    assert [one.problem for one in everybody if one.problem] == []
    assert any(one.refused for one in everybody), "nobody noticed anything"
    first = max(min(at for at in one.answered if at > back) - back for one in everybody)
    last_error = max(at for one in everybody for at in one.refused) - back
    assert max(first, last_error) < BACK_WITHIN_SECONDS
    assert "Traceback" not in world.log()
    for watcher in watchers:
        watcher.assert_nothing_is_lost(world)


# --- Many at once ---
def test_eight_clicks_and_eight_returns_at_once_are_one_purchase(world):
    """In two processes of four threads each, with the webhooks at the same time."""
    clicks, checkout = [Student(world, 5) for _ in range(8)], world.school["checkouts"][0]
    world.sandbox.switch(webhook_copies=2)
    with world.site(), ThreadPoolExecutor(8) as pool:
        [gateway_order_id] = set(pool.map(lambda click: click.open_order(checkout), clicks))
        fields = clicks[0].pay(gateway_order_id)
        list(pool.map(lambda click: click.come_back(fields), clicks))
        seconds_until(lambda: not world.has_undelivered_webhooks(), 30)
    assert all(click.seen[503] == 0 for click in clicks)
    assert_bought_once(world, gateway_order_id)
    assert has_receipt(world, gateway_order_id)
