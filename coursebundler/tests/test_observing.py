"""Every request has an id: in its answer, and in every log line that it causes."""

import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client
from django.urls import get_resolver

from coursebundler import logs

TRACE = "1-67891233-abcdef012345678912345678"


@pytest.fixture
def lines(capfd):
    """Everything that is logged in the block, as production writes it."""
    root, handler = logging.getLogger(), logs.LineHandler()
    handler.setFormatter(logs.JsonFormatter(service="frontend"))
    root.addHandler(handler)
    capfd.readouterr()
    yield lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    root.removeHandler(handler)


def request_id_of(answer) -> str:
    return answer.headers["X-Request-ID"]


def test_each_request_has_an_id_of_its_own(db):
    first, second = Client().get("/about"), Client().get("/about")
    assert re.fullmatch(r"[0-9a-f]{32}", request_id_of(first))
    assert request_id_of(first) != request_id_of(second)


def test_health_checks_have_one_too(db):
    assert request_id_of(Client().get("/health/live"))


def test_an_id_that_came_along_is_kept(db):
    given = "3f2c-ABCDEF-0123"
    assert request_id_of(Client(headers={"X-Request-ID": given}).get("/about")) == given


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, 'a"b,"level":"error', "a b c d e f", "äöüäöüäöü", "12345678\n"]
)
def test_an_id_that_could_do_harm_is_replaced(db, given):
    answer = Client(headers={"X-Request-ID": given}).get("/about")
    assert re.fullmatch(r"[0-9a-f]{32}", request_id_of(answer))


def test_log_lines_carry_the_ids_and_the_service(db, lines):
    """Django logs a 404 after the whole chain of middleware is through, a 400 before any view."""
    client = Client(headers={"X-Amzn-Trace-Id": f"Self=1-67891234-12456789abcdef012345678;Root={TRACE};Sampled=1"})
    for path in ("/courses/no-such-course", "/nowhere"):
        answer = client.get(path)
        found = [line for line in lines() if path in line["message"]]
        assert found
        for line in found:
            assert (line["request_id"], line["trace_id"]) == (request_id_of(answer), TRACE)
            assert line["service"] == "frontend"
            assert {"at", "level", "logger"} <= set(line)


@pytest.mark.parametrize("header", ["", "Root=1-xyz", "Root=1-67891233-abcdef01234567891234567G", f"XRoot={TRACE}"])
def test_a_trace_that_is_none_is_left_out(db, lines, header):
    Client(headers={"X-Amzn-Trace-Id": header}).get("/nowhere")
    [line] = [line for line in lines() if "/nowhere" in line["message"]]
    assert "trace_id" not in line


def test_threads_do_not_mix_their_ids(db, lines):
    def ask(n: int) -> tuple[str, str]:
        path = f"/nowhere-{n}"
        return path, request_id_of(Client().get(path))

    with ThreadPoolExecutor(4) as threads:
        answers = dict(threads.map(ask, range(40)))
    told = {line["message"].split(": ")[1]: line["request_id"] for line in lines() if "Not Found" in line["message"]}
    assert told == answers


def test_an_event_carries_them(db, lines, caplog):
    caplog.set_level(logging.INFO)
    answer = Client().get("/about")
    logs.log_event("course_created", course="0198")
    [line] = [line for line in lines() if line["message"] == "course_created"]
    assert (line["course"], line["request_id"]) == ("0198", request_id_of(answer))


def test_nothing_breaks_a_line(lines):
    """Neither line breaks, nor halves of characters, nor a traceback that is too long to be read in one piece."""
    # One that pytest does not listen to: it could not send halves of characters from one process to another.
    logger = logging.Logger("test")
    logger.addHandler(next(each for each in logging.getLogger().handlers if isinstance(each, logs.LineHandler)))
    logger.warning("two\nlines \u2028\x85 \udc80")

    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError("x" * 20_000)

    try:
        fall(5)
    except ValueError:
        logger.exception("It fell.")
    first, second = lines()
    assert first["message"].startswith("two\nlines")
    assert second["exception"].endswith("xxx")
    assert len(json.dumps(second)) < 16_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("refused: {'bob.smith+x@mail.example.org': (550, b'no')}", "refused: {'…@…': (550, b'no')}"),
        ("at documentdb://app_a:s3cr%20et@host:27017/x", "at documentdb://…@host:27017/x"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=abc&y=1 is gone", "https://b.s3.amazonaws.com/k?… is gone"),
        ("Error handling request GET /register?email=a&token=b", "Error handling request GET /register?…"),
        ("Not Found: /seats/eyJhbGciOiJIUzI1NiJ9", "Not Found: /seats/…"),
        ("Not Found: /media/signed/eyJhbGciOi:JIUzI1NiJ9", "Not Found: /media/signed/…"),
        # What is to be read stays.
        ("Not Found: /orders/3f2c/seats/3/address", "Not Found: /orders/3f2c/seats/3/address"),
        ("Is it there? a=b, 3@4, @home", "Is it there? a=b, 3@4, @home"),
        ("Such as documentdb://user:password@host:27017/x?engine=8.0.2",) * 2,
    ],
)
def test_no_secret_and_no_address_gets_into_a_line(text, told):
    assert logs.without_secrets(text) == told


def test_no_token_in_an_address_of_ours_gets_into_a_line():
    """Django logs the path of whatever is refused or breaks; whoever has one of these is let in."""
    apps = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == ""]
    routes = [str(pattern.pattern) for app in apps for pattern in getattr(app, "url_patterns", [])]
    found = [route for route in routes if re.search(r"<(str:)?(token|key)>", route)]
    assert len(found) == 4
    for route in found:
        beginning = re.match(r"\^?([a-z/]+/)", route)[1]
        assert logs.without_secrets(f"Gone: /{beginning}{'3x-' * 10}") == f"Gone: /{beginning}…", route
    assert logs.without_secrets("Not Found: /resetpassword/done") == "Not Found: /resetpassword/done"


def test_neither_message_nor_traceback_names_people(lines):
    logger = logging.Logger("test")
    logger.addHandler(next(each for each in logging.getLogger().handlers if isinstance(each, logs.LineHandler)))
    try:
        raise OSError("bob@example.org was refused")
    except OSError:
        logger.exception("No mail to %s.", "bob@example.org")
    logger.warning("x" * 50_000)
    first, second = lines()
    assert first["message"] == "No mail to …@…."
    assert first["exception"].endswith("OSError: …@… was refused")
    assert len(second["message"]) == logs.LONGEST_MESSAGE


def test_secrets_are_looked_for_in_little_time():
    began = time.monotonic()
    for text in ("a" * 16_000, "://" * 5_000, "a." * 8_000, "a@" * 8_000, "/?a" * 5_000, "x?a-" * 4_000):
        logs.without_secrets(text)
    assert time.monotonic() - began < 5


def test_whoever_sends_nonsense_makes_nobody_act(db, lines):
    """`error` means that a person must act; a wrong host name would otherwise be one, with a traceback."""
    handler = next(each for each in logging.getLogger().handlers if isinstance(each, logs.LineHandler))
    handler.addFilter(logs.Calm())
    assert Client(headers={"host": "evil.example"}).get("/about").status_code == 400
    [line] = [line for line in lines() if "evil.example" in line["message"]]
    assert line["level"] == "warning"
    assert "exception" not in line


def test_production_is_calm():
    handler = logs.configuration(level="INFO", service="frontend")["handlers"]["stdout"]
    assert handler["filters"] == ["calm"]
