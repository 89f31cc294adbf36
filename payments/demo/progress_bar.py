"""A progress bar in plain text, for a terminal and for a log."""

from types import TracebackType
from typing import Protocol, Self

WIDTH = 30


class Stream(Protocol):
    """What the bar needs of sys.stderr, or of Django's wrapper around it."""

    def write(self, words: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


class ProgressBar:
    """Use as a context manager and call `advance`. On a terminal one line grows; elsewhere each quarter is a line."""

    def __init__(self, label: str, total: int, stream: Stream) -> None:
        self.label, self.total, self.stream = label, total, stream
        self.done = 0
        self.shown = -1
        self.is_terminal = stream.isatty()

    def __enter__(self) -> Self:
        self.advance(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_terminal:
            self.stream.write("\n")

    def advance(self, steps: int) -> None:
        self.done += steps
        percent = 100 * self.done // max(self.total, 1)
        step = percent if self.is_terminal else percent // 25
        if step != self.shown:
            self.shown = step
            self.stream.write(self._line(percent))
            self.stream.flush()

    def _line(self, percent: int) -> str:
        filled = WIDTH * percent // 100
        bar = "#" * filled + "." * (WIDTH - filled)
        line = f"{self.label:<10} [{bar}] {percent:3} %  {self.done:,} of {self.total:,}"
        return f"\r{line}" if self.is_terminal else f"{line}\n"
