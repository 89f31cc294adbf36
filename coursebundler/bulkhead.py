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

    While the service is quick, who finds no place waits for one a moment. Once a call has lasted PATIENCE_SECONDS the
    service is slow, until one comes back sooner, and meanwhile nobody waits: each thread that did would be one less for
    everybody else.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, places))
        self._lock = threading.Lock()
        self._began: list[float] = []
        self._was_slow = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Full."""
        if not self._places.acquire(timeout=0 if self._is_slow() else PATIENCE_SECONDS):
            raise Full
        began = time.monotonic()
        with self._lock:
            self._began.append(began)
        try:
            yield
        finally:
            with self._lock:
                self._began.remove(began)
                self._was_slow = time.monotonic() - began > PATIENCE_SECONDS
            self._places.release()

    def _is_slow(self) -> bool:
        with self._lock:
            return self._was_slow or any(time.monotonic() - began > PATIENCE_SECONDS for began in self._began)
