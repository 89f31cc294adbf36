"""Figures for CloudWatch, written to standard output as JSON lines in its embedded metric format (EMF).

CloudWatch Logs turns each line into metrics; nothing else is asked and nobody waits. Format: “Specification: Embedded
metric format” of the CloudWatch user guide (docs/decisions/0041-metrics.md). Nothing is written on a laptop.
"""

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from coursebundler.logs import request_fields, write_line

NAMESPACE = "CourseBundler"
UNITS = {
    "Requests": "Count",
    "Errors5xx": "Count",
    "Latency": "Milliseconds",
    "OrdersPaid": "Count",
    "OrdersPaidPaise": "None",
    "WebhookAge": "Seconds",
    "WebhookSilence": "Seconds",
    "ReconcilerHeals": "Count",
    "ReconcilerFailures": "Count",
    "QueueAge": "Seconds",
    "QueueDepth": "Count",
}
MOST_VALUES = 100  # EMF's limit for one metric of one line
FLUSH_SECONDS = 10

Values = dict[str, "float | list[float]"]
BY_SERVICE = [["Service"]]
BY_SERVICE_AND_ROUTE = [["Service"], ["Service", "Route"]]


def put(**values: float) -> None:
    """Write figures of this moment, by service: `put(OrdersPaid=1, OrdersPaidPaise=49900)`. Never raises for want of a
    reader."""
    _write(time.time(), [(BY_SERVICE, {**values})], request_fields.get())


def _write(at: float, parts: list[tuple[list[list[str]], Values]], fields: Mapping[str, str | float]) -> None:
    if not settings.METRICS:
        return
    entry: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(at * 1000),
            "CloudWatchMetrics": [_directive(dimensions, values) for dimensions, values in parts],
        },
        "Service": settings.SERVICE_ROLE,
        **fields,
    }
    for _, values in parts:
        entry |= values
    with contextlib.suppress(OSError):
        write_line(json.dumps(entry))


def _directive(dimensions: list[list[str]], values: Values) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in values]
    return {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}


@dataclass
class Route:
    """What one route has had to do since the last line about it."""

    milliseconds: list[float] = field(default_factory=list)
    error_count: int = 0


class RequestMetrics:
    """Adds up a process's requests, and writes a line for each route every FLUSH_SECONDS or MOST_VALUES requests.

    A line for each request would be most of what CloudWatch Logs has to keep.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.routes: dict[str, Route] = {}
        self.began_at = 0.0

    def add(self, route: str, milliseconds: float, status: int) -> None:
        with self.lock:
            self.began_at = self.began_at if self.routes else time.time()
            row = self.routes.setdefault(route, Route())
            row.milliseconds.append(round(milliseconds, 1))
            row.error_count += status >= 500
            full = self._take() if len(row.milliseconds) == MOST_VALUES else []
        _write_routes(full)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Called with each request and each health check, so that a quiet site's figures do not lie about."""
        if self.routes and time.time() - self.began_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        with self.lock:
            taken = self._take()
        _write_routes(taken)

    def _take(self) -> list[tuple[float, str, Route]]:
        """(when its first request was, name, what it did) of every route; from here on it is counted anew."""
        routes, self.routes = self.routes, {}
        return [(self.began_at, name, route) for name, route in routes.items()]


def _write_routes(taken: list[tuple[float, str, Route]]) -> None:
    for began_at, name, route in taken:
        done: Values = {"Requests": len(route.milliseconds), "Latency": route.milliseconds}
        failed: Values = {"Errors5xx": route.error_count}
        # A metric that exists costs money: a route has some only if asked for, and for errors only once it has some.
        by_route = BY_SERVICE_AND_ROUTE if settings.METRICS_BY_ROUTE else BY_SERVICE
        by_error = by_route if route.error_count else BY_SERVICE
        # For CloudWatch Logs Insights, which cannot add up a list: no metrics, so they cost nothing.
        plain: dict[str, str | float] = {
            "Route": name,
            "LatencySum": round(sum(route.milliseconds), 1),
            "LatencyMax": max(route.milliseconds),
        }
        _write(began_at, [(by_route, done), (by_error, failed)], plain)


requests = RequestMetrics()
