"""Logs as one JSON object a line, which CloudWatch Logs can filter by field."""

import fcntl
import json
import logging
import os
import re
import tempfile
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STANDARD_OUTPUT = 1
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# A longer line would be cut where ECS reads it, and be no JSON any more: 16 KB, of which each gets this much.
LONGEST_TRACEBACK, LONGEST_MESSAGE = 8000, 2000
# Unicode's own, which JSON lets stand and some readers of lines break at.
LINE_BREAKS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


# What nobody means to log and libraries do all the same: a mail server's refusal names the recipient, a database's the
# value that is there twice, a failed request the whole signed address. The last line of defence, not the first.
SECRETS = [
    (re.compile(r"(://)(?!user:password@)[^/\s:@\"'<>]{0,200}:[^/\s@\"'<>]{1,200}@"), r"\1…@"),  # user, password
    # An e-mail address.
    (re.compile(r"(?<![\w.+%-])(?!password@)[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"), "…@…"),
    (re.compile(r"([/\w.-]\?)(?!engine=|region=)[\w.~%\[\]-]{1,80}=[^\s\"'<>]*"), r"\1…"),  # an address's query
    # Whoever has one of these is let in.
    (re.compile(r"(/(?:seats|resetpassword|media/signed|uploads/part)/)[^/\s\"'<>?]{16,}"), r"\1…"),
]


def without_secrets(text: str) -> str:
    for shape, instead in SECRETS:
        text = shape.sub(instead, text)
    return text


def _nameless_file() -> int:
    """A descriptor that every process has that is forked from this one, for them to lock."""
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


_threads_turn = threading.RLock()  # a signal's handler may log while its thread is writing
_processes_turn = _nameless_file()
events = logging.getLogger("coursebundler.events")

# Of the request that this thread works on: request_id, and trace_id if the load balancer gave one. It stays until the
# next request, since Django and gunicorn have things to say after the answer.
request_fields: ContextVar[dict[str, str]] = ContextVar("request_fields", default={})  # noqa: B039  never changed


def log_event(name: str, **fields: Any) -> None:
    """Record something that happened in the business, e.g. `log_event("course_created", course=course.pk)`.

    Fields are ids and numbers, never secrets or personal data. Whole numbers stay numbers, so that a metric filter of
    CloudWatch can take its value from one.
    """
    readable = {key: value if type(value) is int else str(value) for key, value in fields.items()}
    events.info(name, extra={"fields": readable})


def write_line(text: str, descriptor: int = STANDARD_OUTPUT) -> None:
    """One line, whole: those of several threads and processes never mix. Raises OSError.

    A pipe takes 4 KB at once, or whatever fits if its reader is slow. So everybody waits for their turn: threads by a
    lock, processes that were forked from one another by a lock on a file, which a process that dies gives back.
    """
    rest = memoryview(f"{text}\n".encode(errors="backslashreplace"))
    with _threads_turn:
        fcntl.lockf(_processes_turn, fcntl.LOCK_EX)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            fcntl.lockf(_processes_turn, fcntl.LOCK_UN)


class LineHandler(logging.Handler):
    """Writes each record with `write_line`. Python's own handler passes a buffer, which cuts long lines in pieces."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record))
        except Exception:
            self.handleError(record)


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class Calm(logging.Filter):
    """Whoever sends a wrong host name or a thousand fields makes nobody act: a warning, and no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security"):
            record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
        return True


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str = "") -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self.service,
            "logger": record.name,
            "message": without_secrets(shortened(record.getMessage(), LONGEST_MESSAGE)),
            **request_fields.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            end = self.formatException(record.exc_info)[-2 * LONGEST_TRACEBACK :]
            entry["exception"] = without_secrets(end)[-LONGEST_TRACEBACK:]
        return json.dumps(entry, ensure_ascii=False).translate(LINE_BREAKS)


def configuration(*, level: str, service: str, is_json: bool = True) -> dict[str, Any]:
    """For logging.config: everything on standard output; as JSON with gunicorn's own words, or plain for a laptop."""
    json_handler = {"class": "coursebundler.logs.LineHandler", "formatter": "json", "filters": ["calm"]}
    plain_handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"}
    gunicorns = {"gunicorn.error": {"handlers": [], "propagate": True, "level": "INFO"}}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "coursebundler.logs.JsonFormatter", "service": service},
            "plain": {"format": "{levelname} {name}: {message}", "style": "{"},
        },
        "filters": {"calm": {"()": "coursebundler.logs.Calm"}},
        "handlers": {"stdout": json_handler if is_json else plain_handler},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django.server": {"handlers": [], "propagate": True},
            "fontTools": {"level": "WARNING"},  # it tells of every letter of every PDF
            **(gunicorns if is_json else {}),
        },
    }
