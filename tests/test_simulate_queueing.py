"""How long requests wait at a task and which are refused: by hand, and against closed forms."""

import math
import socket
import subprocess
import sys
import time
from itertools import count
from urllib.request import urlopen

import gunicorn.config
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from deploy.simulate import settings
from deploy.simulate.queueing import Times, Waiting, share_out
from tests.servers import free_port
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]


def steps(waiting, *arrivals, rate=20.0, patience=60, room=math.inf, start=0):
    return [waiting.step(now, each, rate, patience, room) for now, each in enumerate(arrivals, start)]


# --- Waiting, by hand ---


def test_a_task_serves_at_its_rate_and_the_rest_waits():
    waiting = Waiting()

    assert [(each.answered, each.wait) for each in steps(waiting, 30, 30, 0)] == [(20, 0), (20, 0.5), (20, 1.0)]
    assert waiting.requests == 0


def test_who_has_waited_for_the_idle_time_is_refused_and_worked_off_all_the_same():
    done = steps(Waiting(), *[40] * 59, *[0] * 60)  # 1,180 wait in the end, and are answered within the next minute

    assert sum(each.refused for each in done) == 0

    done = steps(Waiting(), *[60] * 60, *[0] * 120)

    # 2,400 wait after a minute; who came later than in second 30 is reached more than 60 s after: 1,800 are told 504.
    assert sum(each.answered for each in done) == pytest.approx(1800, abs=60)
    assert sum(each.refused for each in done) == pytest.approx(1800, abs=60)
    assert sum(each.wasted for each in done) == pytest.approx(1800, abs=60)


def test_a_queue_of_more_than_a_minute_is_work_for_nobody():
    """With twice what it can do, a task whose queue is full answers nobody at all."""
    done = steps(Waiting(), *[40] * 600)

    assert [each.answered for each in done[300:]] == [0] * 300
    assert {each.wasted for each in done[300:]} == {20}


def test_a_task_holds_so_many_connections_and_no_more():
    waiting = Waiting()
    [worked] = steps(waiting, 500, room=100)

    assert (worked.accepted, worked.refused, worked.answered) == (120, 380, 20)
    assert waiting.requests == 100


def test_the_balancer_counts_only_what_it_still_waits_for():
    waiting = Waiting()
    steps(waiting, 2000, *[0] * 60)

    assert waiting.outstanding == 0
    assert waiting.late == 2000 - 61 * 20
    assert waiting.lose() == 0


@settings_of_hypothesis(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(0, 500), min_size=1, max_size=60),
    st.floats(0.1, 300),
    st.integers(1, 90),
    st.floats(1, 5000),
)
def test_every_request_is_answered_refused_or_waiting(arrivals, rate, patience, room):
    waiting = Waiting()
    done = steps(waiting, *arrivals, rate=rate, patience=patience, room=room)
    answered, refused = sum(each.answered for each in done), sum(each.refused for each in done)

    assert answered + refused + waiting.outstanding == pytest.approx(sum(arrivals), abs=1e-6)
    assert all(each.answered >= 0 and each.refused >= -1e-9 and each.answered + each.wasted <= rate + 1e-9
               for each in done)  # fmt: skip
    assert waiting.requests <= room + 1e-6


@pytest.mark.parametrize(
    ("waiting", "arrivals", "shares"),
    [
        ([0, 0], 10, [5, 5]),
        ([4, 0], 2, [0, 2]),
        ([4, 0], 10, [3, 7]),
        ([6, 2, 0], 4, [0, 1, 3]),
        ([0, 0, 0], 0, [0, 0, 0]),
    ],
)
def test_arrivals_go_to_the_shortest_queue(waiting, arrivals, shares):
    assert share_out(waiting, arrivals) == pytest.approx(shares)


# --- Below full load: closed forms ---


def mean_of(times):
    requests = sum(times.bins.values())
    return sum(2.0 ** (number / 8) * each for number, each in times.bins.items()) / requests


def mean_wait_of_many(servers, load):
    """M/M/c, in service times: Erlang's C divided by c (1 - load)."""
    offered = servers * load
    below = sum(offered**number / math.factorial(number) for number in range(servers))
    full = offered**servers / math.factorial(servers) / (1 - load)
    return full / (below + full) / (servers * (1 - load))


@pytest.mark.parametrize("load", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_times_at_one_task_are_those_of_an_m_m_1_queue(load):
    """The chance of more than t is exp(-(1 - load) t / service), whatever the discipline of one queue is on average."""
    times = Times()
    times.add(1000, wait=0, service=0.040, load=load)

    for share in (0.5, 0.95, 0.99):
        assert times.quantile(share) == pytest.approx(-math.log(1 - share) * 0.040 / (1 - load), rel=0.1)
    assert mean_of(times) == pytest.approx(0.040 / (1 - load), rel=0.05)


@pytest.mark.parametrize("servers", [2, 5, 10])
@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_many_tasks_are_counted_as_worse_than_one_queue_for_all(servers, load):
    """Real tasks behind “least outstanding requests” are between M/M/c and M/M/1; here it is the latter: no less."""
    times = Times()
    times.add(1000, wait=0, service=1.0, load=load)
    one_queue_for_all = 1 + mean_wait_of_many(servers, load)

    assert one_queue_for_all * 0.95 <= mean_of(times) <= 1.05 / (1 - load)


def test_erlang_by_hand():
    """Two servers at half load: C is 1/3, and the mean wait a third of a service time."""
    assert mean_wait_of_many(2, 0.5) == pytest.approx(1 / 3)


def test_waiting_in_the_queue_adds_to_every_time():
    times = Times()
    times.add(1000, wait=5.0, service=0.04, load=1.0)

    assert times.quantile(0.01) >= 4.7
    assert times.share_above(2) == 1


def test_without_requests_there_are_no_times():
    assert (Times().quantile(0.99), Times().share_above(2)) == (0.0, 0.0)


# --- What gunicorn does ---


def test_the_room_is_that_of_gunicorn():
    text = (ROOT / "gunicorn.conf.py").read_text()
    defaults = {"worker_connections": 1000, "backlog": 2048}
    for name, value in defaults.items():
        assert gunicorn.config.Config().settings[name].default == value or name in text
    if not any(name in text for name in defaults):
        assert settings.connections({}) == 2 * 1000 + 2048
        assert settings.connections({"WEB_CONCURRENCY": "4"}) == 4 * 1000 + 2048


PROGRAM = """
import time
def app(environ, start_response):
    with open("asked", "a") as log:
        log.write(environ["PATH_INFO"] + chr(10))
    time.sleep(0.2)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.mark.slow
def test_gunicorn_works_off_what_nobody_waits_for(tmp_path):
    """One thread is busy; five requests come and hang up; all five are worked off. So the simulation counts them."""
    (tmp_path / "program.py").write_text(PROGRAM)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gthread", "-w1", "--threads=1", f"-b127.0.0.1:{port}"]
    with subprocess.Popen([*command, "program:app"], cwd=tmp_path, stderr=subprocess.DEVNULL) as server:
        try:
            for attempt in count():
                try:
                    urlopen(f"http://127.0.0.1:{port}/first").close()
                    break
                except OSError:
                    assert attempt < 300
                    time.sleep(0.1)
            for number in range(6):
                with socket.create_connection(("127.0.0.1", port)) as line:
                    line.sendall(f"GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            deadline = time.monotonic() + 30
            asked = tmp_path / "asked"
            while len(asked.read_text().split()) < 7 and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            server.terminate()

    assert asked.read_text().split() == ["/first", "/0", "/1", "/2", "/3", "/4", "/5"]
