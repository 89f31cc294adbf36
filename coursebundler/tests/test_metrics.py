"""Metrics are lines on standard output that CloudWatch understands."""

import json
import os
import time

import pytest
from django.test import Client

from coursebundler import metrics
from coursebundler.logs import write_line
from tests.emf import metrics_in, require_valid


@pytest.fixture
def told(settings, capfd):
    """Every metric line that was written since the last call, found valid, in production."""
    settings.METRICS, settings.METRICS_BY_ROUTE, settings.SERVICE_ROLE = True, True, "backend"
    metrics.requests.flush()
    capfd.readouterr()
    return lambda: metrics_in(capfd.readouterr().out)


@pytest.fixture
def requests_told(told):
    """The same, of requests, as if the time had come."""

    def flush() -> dict[str, dict]:
        metrics.requests.flush()
        return {line["Route"]: line for line in told()}

    return flush


def dimensions_of(line: dict, name: str) -> list[list[str]]:
    parts = line["_aws"]["CloudWatchMetrics"]
    return next(part["Dimensions"] for part in parts if name in [metric["Name"] for metric in part["Metrics"]])


def test_what_happens_is_told_by_service(told):
    metrics.put(OrdersPaid=1, OrdersPaidPaise=49900)
    [line] = told()
    assert (line["Service"], line["OrdersPaid"], line["OrdersPaidPaise"]) == ("backend", 1, 49900)
    assert dimensions_of(line, "OrdersPaid") == [["Service"]]
    [part] = line["_aws"]["CloudWatchMetrics"]
    assert part["Namespace"] == "CourseBundler"
    assert [metric["Unit"] for metric in part["Metrics"]] == ["Count", "None"]


@pytest.mark.parametrize("name", metrics.UNITS)
def test_every_metric_can_be_told(told, name):
    metrics.put(**{name: 1})
    assert told()[0][name] == 1


def test_a_metric_without_a_unit_is_a_mistake(told):
    with pytest.raises(KeyError):
        metrics.put(OrdersPayed=1)


def test_a_laptop_tells_nothing(settings, capfd):
    settings.METRICS = False
    metrics.put(OrdersPaid=1)
    assert capfd.readouterr().out == ""


def test_nobody_who_reads_is_no_reason_to_fail(told):
    reader, writer = os.pipe()
    os.close(reader)
    output = os.dup(1)
    os.dup2(writer, 1)
    try:
        metrics.put(OrdersPaid=1)
    finally:
        os.dup2(output, 1)
        os.close(writer)
        os.close(output)


def test_requests_are_added_up_by_route(db, requests_told, course):
    client = Client()
    for _ in range(3):
        client.get(f"/courses/{course.slug}")
    client.get("/about")
    told = requests_told()
    assert set(told) == {"courses/<slug:slug>", "about"}
    line = told["courses/<slug:slug>"]
    assert (line["Requests"], len(line["Latency"]), line["Errors5xx"]) == (3, 3, 0)
    assert all(0 < milliseconds < 10_000 for milliseconds in line["Latency"])
    assert dimensions_of(line, "Latency") == [["Service"], ["Service", "Route"]]
    assert requests_told() == {}


def test_a_route_has_a_metric_of_errors_only_once_it_has_some(requests_told):
    metrics.requests.add("about", 5, 200)
    metrics.requests.add("courses", 5, 503)
    told = requests_told()
    assert dimensions_of(told["about"], "Errors5xx") == [["Service"]]
    assert dimensions_of(told["courses"], "Errors5xx") == [["Service"], ["Service", "Route"]]
    assert told["courses"]["Errors5xx"] == 1


def test_routes_have_metrics_of_their_own_only_if_asked_for(requests_told, settings):
    """Each costs money; the lines name the route either way, so that they can be searched."""
    settings.METRICS_BY_ROUTE = False
    metrics.requests.add("courses", 5.5, 503)
    metrics.requests.add("courses", 7, 200)
    [line] = requests_told().values()
    for name in ("Requests", "Latency", "Errors5xx"):
        assert dimensions_of(line, name) == [["Service"]]
    assert (line["Route"], line["LatencySum"], line["LatencyMax"]) == ("courses", 12.5, 7)
    told = {metric["Name"] for part in line["_aws"]["CloudWatchMetrics"] for metric in part["Metrics"]}
    assert told == {"Requests", "Latency", "Errors5xx"}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/static/css/base.css", "static"),
        ("/wp-login.php?x=1", "(none)"),
        ("/admin/courses/course/", "admin"),
        ("/admin/", "admin"),
        ("/", "(home)"),
        ("/api/v1/courses", "api/v1/courses"),
        ("/api/v1/no/such/thing", "api/v1/<path:rest>"),
    ],
)
def test_routes_are_few_and_hold_no_id(db, requests_told, path, route):
    Client().get(path)
    assert list(requests_told()) == [route]


def test_an_address_never_becomes_a_dimension(db, requests_told):
    """Whatever is asked for, it is one of the patterns of urls.py."""
    client = Client()
    for n in range(30):
        client.get(f"/courses/knots-{n}")
        client.get(f"/nothing/{n}")
        client.get(f"/orders/{n:032x}")
    assert len(requests_told()) <= 3


def test_health_checks_are_not_counted(db, requests_told):
    Client().get("/health/live")
    Client().get("/health/ready")
    assert requests_told() == {}


def test_a_host_that_is_refused_is_counted(db, requests_told):
    assert Client(headers={"host": "evil.example"}).get("/about").status_code == 400
    assert requests_told()["(none)"]["Requests"] == 1


def test_a_line_holds_a_hundred_values_at_most(told):
    for _ in range(250):
        metrics.requests.add("about", 12.345, 200)
    lines = told()
    assert [line["Requests"] for line in lines] == [100, 100]
    assert lines[0]["Latency"][0] == 12.3
    metrics.requests.flush()
    assert told()[0]["Requests"] == 50


def test_threads_lose_and_double_nothing(told):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: metrics.requests.add(f"route-{n % 3}", 1.0, 200), range(3000)))
    metrics.requests.flush()
    lines = told()
    assert sum(line["Requests"] for line in lines) == sum(len(line["Latency"]) for line in lines) == 3000


def test_a_quiet_site_tells_at_the_next_health_check(db, told):
    metrics.requests.add("about", 5, 200)
    began_at = metrics.requests.began_at
    Client().get("/health/live")
    assert told() == []
    metrics.requests.began_at -= metrics.FLUSH_SECONDS
    Client().get("/health/live")
    [line] = told()
    assert line["_aws"]["Timestamp"] == int((began_at - metrics.FLUSH_SECONDS) * 1000), "when it was, not when told"


def test_a_broken_line_would_be_noticed():
    good = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "X", "Dimensions": [["Service"]], "Metrics": [{"Name": "A", "Unit": "Count"}]}
            ],
        },
        "Service": "s",
        "A": 1,
    }
    require_valid(good)
    for change in ({"A": [1] * 101}, {"A": "1"}, {"Service": "é"}, {"Service": " "}, {"A": []}):
        with pytest.raises(AssertionError):
            require_valid(good | change)


@pytest.mark.parametrize("size", [3000, 9000])
def test_lines_of_several_processes_never_mix(size):
    reader, writer = os.pipe()
    children = []
    for letter in "abcd":
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            os.dup2(writer, 1)
            for _ in range(50):
                write_line(json.dumps(letter * size))
            os._exit(0)
        children.append(pid)
    os.close(writer)
    with open(reader) as lines:  # noqa: PTH123  a descriptor
        read = [json.loads(line) for line in lines]
    for pid in children:
        os.waitpid(pid, 0)
    assert len(read) == 200
    assert all(set(line) == {line[0]} and len(line) == size for line in read)
