"""The rehearsal's load balancer does what AWS documents of its own (tests/rehearsal/balancer.py)."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.rehearsal.balancer import Balancer
from tests.rehearsal.targets import State
from tests.rehearsal.timing import Timing
from tests.servers import Answer, fetch, free_port

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

FAST = Timing(check_interval=0.1, check_timeout=0.5, idle=0.8, connect=1, deregistration=0.4)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Server:
    """Answers each request with `answer`, or as it says; checks of its health with 200 or 503."""

    def __init__(self) -> None:
        self.answer: bytes | Callable[[socket.socket], None] = OK
        self.is_ready, self.heads, self.connections = True, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        is_first = True
        with connection, connection.makefile("rb") as stream:
            while head := b"".join(iter(stream.readline, b"\r\n")):
                if b"ELB-HealthChecker" in head:
                    status = b"200 OK" if self.is_ready else b"503 No"
                    connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)
                    return
                self.connections, is_first = self.connections + is_first, False
                self.heads.append(head.decode())
                if callable(self.answer):
                    return self.answer(connection)
                connection.sendall(self.answer)

    def close(self) -> None:
        """Refuse connections from now on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Setting:
    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.balancer = Balancer(FAST, free_port())
        self.balancer.start()

    def target(self, name: str = "one", group: str = "frontend", *, waits_for: State | None = State.HEALTHY) -> Server:
        server = Server()
        self.servers.append(server)
        self.balancer.register(name, server.port, group)
        if waits_for:
            self.wait(name, waits_for)
        return server

    def wait(self, name: str, state: State) -> None:
        deadline = time.monotonic() + 5
        while self.balancer.state(name) is not state:
            assert time.monotonic() < deadline, self.balancer.state(name)
            time.sleep(0.01)

    def ask(self, path: str = "/", **options) -> Answer:
        return fetch(f"http://127.0.0.1:{self.balancer.port}{path}", **options)


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.balancer.close()
    for server in made.servers:
        server.close()


def stall(server: Server) -> threading.Event:
    """Its answers wait until the event is set."""
    is_over = threading.Event()

    def answer(connection: socket.socket) -> None:
        is_over.wait(5)
        connection.sendall(OK)

    server.answer = answer
    return is_over


@contextmanager
def asked_meanwhile(setting: Setting, answers: list[Answer]) -> Iterator[None]:
    """A request that has reached its target, and is on its way, while the block runs."""
    thread = threading.Thread(target=lambda: answers.append(setting.ask()))
    thread.start()
    deadline = time.monotonic() + 5
    while not any(server.heads for server in setting.servers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield
    thread.join(10)


def test_paths_of_the_backend_go_there(setting):
    front, back = setting.target("front"), setting.target("back", "backend")
    for path in ("/api/v1/courses", "/admin/", "/webhooks/razorpay", "/administer", "/"):
        assert setting.ask(path).text == "hi"
    assert (len(front.heads), len(back.heads)) == (2, 3)


def test_it_says_who_asked_and_how(setting):
    server = setting.target()
    setting.ask(headers={"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "http", "Host": "courses.example.org"})
    [head] = server.heads
    assert "X-Forwarded-For: 198.51.100.1, 127.0.0.1\r\n" in head
    assert "X-Forwarded-Proto: https\r\n" in head
    assert "X-Forwarded-Proto: http\r\n" not in head
    assert "X-Forwarded-Port: 443\r\n" in head
    assert "Host: courses.example.org\r\n" in head
    assert "X-Amzn-Trace-Id: Root=1-" in head


def test_connections_to_targets_are_used_again(setting):
    server = setting.target()
    for _ in range(3):
        setting.ask()
    assert (len(server.heads), server.connections) == (3, 1)


def test_an_answer_in_chunks_comes_whole(setting):
    server = setting.target()
    server.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert [setting.ask().text for _ in range(2)] == ["abcde", "abcde"]


def test_503_without_targets(setting):
    assert setting.ask().status == 503


def test_a_new_target_takes_nothing_before_it_passed_a_check(setting):
    server = setting.target(waits_for=None)
    server.is_ready = False
    setting.wait("one", State.UNHEALTHY)
    server.is_ready = True
    setting.wait("one", State.HEALTHY)


def test_two_failed_checks_take_a_target_out_and_two_passed_ones_bring_it_back(setting):
    first, second = setting.target("first"), setting.target("second")
    first.is_ready = False
    setting.wait("first", State.UNHEALTHY)
    for _ in range(5):
        setting.ask()
    assert (len(first.heads), len(second.heads)) == (0, 5)
    first.is_ready = True
    setting.wait("first", State.HEALTHY)
    assert setting.balancer.targets["first"].passes >= 2


def test_if_all_are_unhealthy_all_take_requests(setting):
    server = setting.target()
    server.is_ready = False
    setting.wait("one", State.UNHEALTHY)
    assert setting.ask().text == "hi"


def test_502_for_a_target_that_refuses_and_no_second_try(setting):
    gone, other = setting.target("gone"), setting.target("other")
    setting.balancer.timing = Timing(check_interval=60)
    gone.close()
    statuses = [setting.ask().status for _ in range(20)]
    assert set(statuses) == {200, 502}
    assert statuses.count(200) == len(other.heads)


def test_the_next_target_if_it_is_told_to_try(setting):
    gone, _ = setting.target("gone"), setting.target("other")
    setting.balancer.timing, setting.balancer.tries_another = Timing(check_interval=60), True
    gone.close()
    assert {setting.ask().status for _ in range(10)} == {200}


def test_502_for_a_target_that_hangs_up_under_a_request(setting):
    first, second = setting.target("first"), setting.target("second")
    first.answer = second.answer = lambda connection: None
    answer = setting.ask()
    assert answer.status == 502
    assert answer.headers["Server"] == "awselb/2.0"
    assert len(first.heads) + len(second.heads) == 1


def test_504_for_a_target_that_says_nothing(setting):
    stall(setting.target())
    assert setting.ask().status == 504


def test_the_target_with_the_fewest_outstanding_requests_is_next(setting):
    busy, idle = setting.target("busy"), setting.target("idle")
    setting.balancer.targets["busy"].outstanding = 1
    for _ in range(10):
        setting.ask()
    assert (len(busy.heads), len(idle.heads)) == (0, 10)


def test_each_target_in_turn_if_it_is_told_so(setting):
    setting.balancer.algorithm = "round_robin"
    first, second = setting.target("first"), setting.target("second")
    setting.balancer.targets["first"].outstanding = 1
    for _ in range(10):
        setting.ask()
    assert (len(first.heads), len(second.heads)) == (5, 5)


def test_a_deregistered_target_finishes_and_takes_nothing_new(setting):
    server, answers = setting.target(), []
    is_over = stall(server)
    with asked_meanwhile(setting, answers):
        setting.balancer.deregister("one")
        assert setting.ask().status == 503
        is_over.set()
    assert answers[0].status == 200


def test_502_for_what_is_not_finished_after_the_delay(setting):
    answers = []
    stall(setting.target())
    with asked_meanwhile(setting, answers):
        setting.balancer.deregister("one")
    assert answers[0].status == 502
    assert setting.balancer.state("one") is State.UNUSED
