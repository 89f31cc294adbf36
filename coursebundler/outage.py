"""When the database cannot be asked: 503 in the visitor's words, and one line for the operator, both from here."""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from coursebundler.api import error_response
from coursebundler.db import is_unavailable, reason_of

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
FOR_PROGRAMS = "We cannot reach our database at the moment. Send the same request again in some seconds."


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is handled, wherever in the site it came from.

    503 with Retry-After if the database cannot be asked: JSON for the API, a page for everybody else (the sender of a
    webhook looks at the status alone). 500 for every other exception.
    """
    error = sys.exc_info()[1]
    if error is None or not is_unavailable(error):
        return defaults.server_error(request)
    is_api = request.path_info.startswith("/api/")
    # Without the request: what pages add from it would ask the database.
    response = error_response(503, FOR_PROGRAMS) if is_api else HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    _log_once(request, response, error)
    return response


def _log_once(request: HttpRequest, response: HttpResponse, error: BaseException) -> None:
    """One line a request, by the view's name since addresses hold secrets; Django would add a traceback to each."""
    view = request.resolver_match.view_name if request.resolver_match else "before any view"
    logger.error("The database cannot be asked (%s): %s", view, reason_of(error))
    response._has_been_logged = True  # type: ignore[attr-defined]
