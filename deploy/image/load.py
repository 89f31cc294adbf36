"""Visitors who do not stop while a container is told to, and a load balancer that has to notice it.

The balancer is ECS's in small: it asks /health/ready, and after two failures in a row no visitor is sent there any
more. Half of the visitors keep their connections, as a load balancer does; the others make one for each request.
"""

import http.client
import threading
import time
from dataclasses import dataclass, field

from deploy.image.container import HEADERS, Container

VISITORS = 6
CHECK_SECONDS, UNHEALTHY_AFTER = 1.0, 2
BEFORE_SECONDS = 4.0
PATHS = ["/", "/courses", "/about"]


@dataclass
class Count:
    """Requests before and after SIGTERM, and those that got no good answer, with the reasons."""

    before: int = 0
    after: int = 0
    refused: int = 0
    reasons: set[str] = field(default_factory=set)
    out_after_seconds: float = 0.0
    ended_after_seconds: float = 0.0
    exit_status: int = 0


class Crowd:
    def __init__(self, container: Container) -> None:
        self.container, self.count, self.lock = container, Count(), threading.Lock()
        self.is_in_service, self.is_told_to_stop = True, False

    def visit(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        while self.is_in_service:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.container.port, timeout=20)
            try:
                connection.request("GET", PATHS[number % len(PATHS)], headers=HEADERS)
                response = connection.getresponse()
                response.read()
                self.note("" if response.status == 200 else f"HTTP {response.status}")
                keeps = number % 2 and not response.will_close
            except (OSError, http.client.HTTPException) as error:
                self.note(type(error).__name__)
                keeps = False
            if not keeps:
                connection.close()
                connection = None
            time.sleep(0.02)

    def note(self, problem: str) -> None:
        with self.lock:
            self.count.after += self.is_told_to_stop
            self.count.before += not self.is_told_to_stop
            if problem:
                self.count.refused += 1
                self.count.reasons.add(problem)

    def watch(self) -> None:
        """Until the container is out of service."""
        failures = 0
        while failures < UNHEALTHY_AFTER:
            time.sleep(CHECK_SECONDS)
            try:
                is_ready = self.container.get("/health/ready", timeout=3).status == 200
            except (OSError, http.client.HTTPException):
                is_ready = False
            failures = 0 if is_ready else failures + 1
        self.is_in_service = False


def stop_under_load(container: Container) -> Count:
    """SIGTERM amid visitors; what they noticed of it, and how the container ended."""
    crowd = Crowd(container)
    visitors = [threading.Thread(target=crowd.visit, args=[number], daemon=True) for number in range(VISITORS)]
    watcher = threading.Thread(target=crowd.watch, daemon=True)
    for thread in (*visitors, watcher):
        thread.start()
    time.sleep(BEFORE_SECONDS)
    told_at = time.monotonic()
    crowd.is_told_to_stop = True
    container.signal("TERM")
    watcher.join(60)
    crowd.count.out_after_seconds = time.monotonic() - told_at
    for visitor in visitors:
        visitor.join(30)
    crowd.count.exit_status = container.wait()
    crowd.count.ended_after_seconds = time.monotonic() - told_at
    return crowd.count
