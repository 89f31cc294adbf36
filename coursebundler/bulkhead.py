"""How many threads of a process may wait for one outside service at once (docs/failure-tests.md).

A process has few threads. Without a limit, a gateway that takes its time is soon waited for by all of them, and then
nobody gets any page, not even the load balancer its health check.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0


class Full(Exception):
    """Others wait for it already: say so at once, and let people try again."""


class Bulkhead:
    """`with bulkhead.place():` around each call to the service.

    While the service is quick, up to `waiting` threads that find no place wait a moment for one. Once a call has lasted
    PATIENCE_SECONDS the service is slow, and then nobody waits: each thread that did would be one less for everybody
    else.
    """

    def __init__(self, places: int, waiting: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, places))
        self._queue = threading.BoundedSemaphore(max(1, waiting))
        self._lock = threading.Lock()
        self._began: list[float] = []

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Full."""
        if not (self._places.acquire(blocking=False) or self._wait_for_one()):
            raise Full
        began = time.monotonic()
        with self._lock:
            self._began.append(began)
        try:
            yield
        finally:
            with self._lock:
                self._began.remove(began)
            self._places.release()

    def _wait_for_one(self) -> bool:
        if self._is_slow() or not self._queue.acquire(blocking=False):
            return False
        try:
            return self._places.acquire(timeout=PATIENCE_SECONDS)
        finally:
            self._queue.release()

    def _is_slow(self) -> bool:
        with self._lock:
            return bool(self._began) and time.monotonic() - min(self._began) > PATIENCE_SECONDS
