"""What Python itself says is in the log as well, one JSON object a line, on standard error."""

import json
import logging
import sys
import threading
import warnings

import pytest

from coursebundler import streams


@pytest.fixture
def told(monkeypatch, capfd):
    """Everything on standard error since the last call, each line found to be a JSON object.

    take_over() is for the test itself: pytest changes sys.stderr after its fixtures.
    """
    for module, name in ((sys, "stderr"), (sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    yield lambda: [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    logging.captureWarnings(capture=False)


def test_what_is_printed_as_an_error_is_an_entry_a_line(told):
    streams.take_over("worker")
    sys.stderr.write("one\ntwo\n")
    sys.stderr.write("half")
    lines = told()
    assert [line["message"] for line in lines] == ["one", "two"]
    assert {(line["level"], line["service"]) for line in lines} == {("error", "worker")}
    sys.stderr.write(" a line\n\n  \n")
    assert [line["message"] for line in told()] == ["half a line"]
    sys.stderr.write("the end")
    sys.stderr.flush()
    assert [line["message"] for line in told()] == ["the end"]


def test_an_exception_that_nobody_caught_is_one_entry(told):
    streams.take_over("worker")
    try:
        raise ValueError("amount")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    [line] = told()
    assert line["message"] == "Nobody caught this: ValueError"
    assert line["exception"].endswith("ValueError: amount")
    assert line["level"] == "error"


def test_nor_in_a_thread(told):
    streams.take_over("worker")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    [line] = told()
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_warnings_are_logged(told, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        streams.take_over("worker")
        warnings.warn("old", UserWarning, stacklevel=1)
    assert [record.name for record in caplog.records] == ["py.warnings"]
    assert told() == []


def test_a_complaint_ends_with_2(told):
    streams.take_over("worker")
    with pytest.raises(SystemExit) as ended:
        streams.complain("Set it otherwise.")
    assert ended.value.code == 2
    assert [line["message"] for line in told()] == ["Set it otherwise."]


@pytest.mark.parametrize(("debug", "expected"), [("", True), ("false", True), ("true", False), (" ON", False)])
def test_a_laptop_is_left_alone(monkeypatch, debug, expected):
    monkeypatch.setenv("DEBUG", debug)
    assert streams.is_production() is expected
