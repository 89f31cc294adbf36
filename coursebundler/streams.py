"""What Python itself says is in the log as well: warnings, exceptions that nobody caught, whatever is printed as an
error. Otherwise a traceback is twenty lines of which no alarm reads any.
"""

import io
import logging
import os
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import NoReturn

from coursebundler.environment import TRUE
from coursebundler.logs import JsonFormatter, write_line

STANDARD_ERROR = 2
WRONG = 2  # the exit status if something has to be set otherwise
Error = tuple[type[BaseException], BaseException, TracebackType | None]


def is_production() -> bool:
    """Before there are settings: whether DEBUG is off."""
    return os.environ.get("DEBUG", "").strip().lower() not in TRUE


def complain(sentence: str) -> NoReturn:
    """Say what has to be set otherwise, and end."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    sys.exit(WRONG)


class ErrorLines(io.TextIOBase):
    """Stands in for sys.stderr: each line is an entry of the log, on the same standard error."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._formatter = JsonFormatter(service)
        self._lock = threading.RLock()
        self._rest = ""

    def fileno(self) -> int:
        return STANDARD_ERROR

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = f"{self._rest}{text}".split("\n")
        for line in lines:
            self.say(line)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            line, self._rest = self._rest, ""
        self.say(line)

    def say(self, message: str, error: Error | None = None) -> None:
        if not message.strip():
            return
        values = {"name": "stderr", "msg": message, "args": (), "levelno": logging.ERROR, "levelname": "ERROR"}
        record = logging.makeLogRecord(values | {"exc_info": error})
        with suppress(OSError):
            write_line(self._formatter.format(record), STANDARD_ERROR)


def take_over(service: str) -> None:
    """From here on; in production only."""
    lines = ErrorLines(service)

    def tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        lines.say(f"Nobody caught this: {kind.__name__}", (kind, error, traceback))

    def tell_of_thread(hook: threading.ExceptHookArgs) -> None:
        if hook.exc_value is not None:
            tell(hook.exc_type, hook.exc_value, hook.exc_traceback)

    sys.stderr = lines
    sys.excepthook = tell
    threading.excepthook = tell_of_thread
    logging.captureWarnings(capture=True)
