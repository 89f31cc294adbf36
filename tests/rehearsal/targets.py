"""What the rehearsal's load balancer knows of a target, and the head of a message over HTTP."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from tests.rehearsal.timing import CHECKS_UNTIL_HEALTHY, CHECKS_UNTIL_UNHEALTHY

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class State(StrEnum):
    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"


@dataclass(eq=False)
class Target:
    name: str
    port: int
    group: str
    state: State = State.INITIAL
    outstanding: int = 0
    passes: int = 0
    failures: int = 0
    checked: float = 0.0  # when the last passed check was answered
    idle: deque[tuple[float, Stream]] = field(default_factory=deque)
    streams: set[asyncio.StreamWriter] = field(default_factory=set)
    changes: list[tuple[float, State]] = field(default_factory=list)
    checking: "asyncio.Task[None] | None" = None

    def become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.changes.append((time.monotonic(), state))

    def note(self, *, passed: bool) -> None:
        """Count a check, and change the state when there were enough of a kind in a row."""
        self.passes, self.failures = (self.passes + 1, 0) if passed else (0, self.failures + 1)
        if passed:
            self.checked = time.monotonic()
        if self.state is State.INITIAL and passed:
            self.become(State.HEALTHY)
        elif self.state is State.HEALTHY and self.failures >= CHECKS_UNTIL_UNHEALTHY:
            self.become(State.UNHEALTHY)
        elif self.state is State.UNHEALTHY and self.passes >= CHECKS_UNTIL_HEALTHY:
            self.become(State.HEALTHY)
        elif self.state is State.INITIAL and self.failures >= CHECKS_UNTIL_UNHEALTHY:
            self.become(State.UNHEALTHY)


@dataclass
class Head:
    """The first line and the headers of a request or an answer."""

    first: str
    headers: list[tuple[str, str]]

    @classmethod
    def parse(cls, raw: bytes) -> "Head":
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(first, [(name.strip(), value.strip()) for name, _, value in pairs])

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.headers if key.lower() == name), default)

    def without(self, *names: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self.headers if key.lower() not in names]

    def raw(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")
