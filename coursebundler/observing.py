"""Every request gets an id, which is in each of its log lines and in its answer, and is counted and timed."""

import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from coursebundler import metrics
from coursebundler.health import ENDPOINTS
from coursebundler.logs import request_fields

# Somebody else's id is taken over if it cannot break a log line, or a search in it.
USABLE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
# “Request tracing for your Application Load Balancer”: Root=1-time-id, perhaps with Self=, Parent= and others around.
TRACE_ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)", re.ASCII)


class ObservingMiddleware:
    """Stands first in MIDDLEWARE. Health checks get an id and are not counted: they would hide how visitors fare."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        fields = ids_of(request)
        request_fields.set(fields)
        response = self.get_response(request)
        response["X-Request-ID"] = fields["request_id"]
        if request.path_info in ENDPOINTS:
            metrics.requests.flush_if_due()
        else:
            metrics.requests.add(route_of(request), (time.perf_counter() - began) * 1000, response.status_code)
        return response


def ids_of(request: HttpRequest) -> dict[str, str]:
    """The request_id, and the trace_id of X-Ray if a load balancer sent one."""
    given = request.headers.get("X-Request-ID", "")
    fields = {"request_id": given if USABLE_ID.fullmatch(given) else uuid.uuid4().hex}
    if trace := TRACE_ROOT.search(request.headers.get("X-Amzn-Trace-Id", "")):
        fields["trace_id"] = trace[1]
    return fields


def route_of(request: HttpRequest) -> str:
    """The pattern of the address, never the address, which may hold ids and secrets.

    The admin, which has hundreds of patterns, is one route, as are the static files, and as is what no pattern fits (a
    scanner's guesses): each route is a metric, and each metric costs money.
    """
    match = request.resolver_match
    if match is None:
        return "static" if request.path_info.startswith(settings.STATIC_URL) else "(none)"
    return "admin" if "admin" in match.namespaces else match.route or "(home)"
