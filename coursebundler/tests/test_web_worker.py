"""/health/live has a thread of its own, so a process that is busy is not taken for one that is ill."""

import socket
import time
from collections.abc import Iterator

import pytest

from coursebundler import web_worker
from coursebundler.web_worker import WebWorker, is_liveness_check


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /health/live HTTP/1.0\r\n\r\n", True),
        (b"HEAD /health/live HTTP/1.1\r\n\r\n", True),
        (b"GET /health/ready HTTP/1.1\r\n\r\n", False),
        (b"GET /health/lively HTTP/1.1\r\n\r\n", False),
        (b"GET /courses HTTP/1.1\r\n\r\n", False),
        (b"POST /health/live HTTP/1.1\r\n\r\n", False),
        # A thread would wait for the rest of these.
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET /health/live HTTP/1.1\r\nContent-Length: 5\r\n\r\n", False),
        (b"GET /health/live HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", False),
        (b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n", False),
    ],
)
def test_only_a_whole_liveness_check_is_one(pair, request_text, expected):
    ours, theirs = pair
    theirs.sendall(request_text)
    assert is_liveness_check(ours) is expected
    assert ours.recv(10_000) == request_text, "it has only been looked at"


def test_silence_is_none(pair):
    began = time.monotonic()
    assert not is_liveness_check(pair[0])
    pair[1].close()
    assert not is_liveness_check(pair[0])
    assert time.monotonic() - began < 0.5


class Configuration:
    threads = 4


@pytest.mark.parametrize(
    ("at_work", "seconds", "expected"),
    [(4, web_worker.STUCK_SECONDS + 1, True), (4, 1, False), (3, web_worker.STUCK_SECONDS + 1, False)],
)
def test_whoever_works_on_the_same_for_long_is_stuck(at_work, seconds, expected):
    worker = WebWorker.__new__(WebWorker)
    worker.cfg, worker.at_work, worker.changed_at = Configuration(), at_work, time.monotonic() - seconds
    assert worker.is_stuck() is expected
