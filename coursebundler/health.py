"""Health endpoints, answered before host checking, redirects, sessions and the database."""

import logging
from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from coursebundler import drain
from coursebundler.db import reason_of, time_limit

logger = logging.getLogger(__name__)

# The load balancer waits for 5 s (deploy/terraform/region/balancer.tf); a database that says nothing is an answer, too.
DATABASE_SECONDS = 2.0


def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers. Never touches the database: a failing one must not restart the site."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, else 503, and the load balancer sends traffic elsewhere.

    503 at once if this process was told to stop: it serves on until everybody has noticed (coursebundler/drain.py).
    """
    if drain.has_begun():
        return _not_ready("draining")
    try:
        with time_limit(DATABASE_SECONDS):
            get_user_model()._default_manager.values_list("pk").first()
    except DatabaseError as error:
        logger.error("Not ready: %s", reason_of(error))
        return _not_ready("unavailable")
    return JsonResponse({"status": "ready"})


def _not_ready(why: str) -> JsonResponse:
    response = JsonResponse({"status": why}, status=503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would add an error to each
    return response


ENDPOINTS = {"/health/live": live, "/health/ready": ready}


class HealthMiddleware:
    """Stands first in MIDDLEWARE, so that a health check needs no Host header, no TLS and no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        endpoint = ENDPOINTS.get(request.path_info)
        if endpoint is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = endpoint(request)
        response["Content-Length"] = str(len(response.content))
        if request.method == "HEAD":
            response.content = b""  # or gunicorn warns of each
        return response
