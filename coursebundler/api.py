"""The JSON API at /api/v1: who is asking, what a body may hold, and one shape for every error.

Routes are in each app's api.py and are mounted in coursebundler/urls.py. They are private unless they say auth=None.
"""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.log import log_response
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from coursebundler import tokens
from coursebundler.db import is_unavailable


class ApiError(Exception):
    """Stop with this status; `message` and `errors` (field → what is wrong, in the user's words) reach the client."""

    def __init__(self, status: int, message: str, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors or {}


# --- Who is asking ---
class BearerAuth(HttpBearer):
    """`Authorization: Bearer …` with an access token from POST /login. A bad token is refused, never ignored."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        user = tokens.user_of(token)
        if user is None:
            raise AuthenticationError
        request.user = user
        return user


class SessionAuth(APIKeyCookie):
    """The session cookie of our own pages, with a CSRF token on everything but GET, HEAD and OPTIONS."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request):
            raise ApiError(403, "The CSRF token is missing or wrong. Send the csrftoken cookie's value as X-CSRFToken.")
        return request.user

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        raise NotImplementedError  # Answered by __call__, because no session must mean 401 and not 403.


def refuse_cross_site(request: HttpRequest) -> None:
    """For public routes that change something: a browser that comes from another site may not make anybody's session.

    Browsers name the site they come from in Origin; other clients do not send it and are let through.
    """
    origin = request.headers.get("Origin")
    if origin and origin not in {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}:
        raise ApiError(403, "This request comes from another site.")


# --- What a body may hold ---
def read_body(request: HttpRequest, *fields: str) -> dict[str, str]:
    """The named text fields of a JSON object or of a form; a field that is not there is left out.

    Raises ApiError: 400 for malformed JSON, for anything but an object, and at each field that is not text.
    """
    if request.content_type != "application/json":
        return {name: request.POST[name] for name in fields if name in request.POST}
    body = parse_json(request.body)
    if not isinstance(body, dict):
        raise ApiError(400, "Send a JSON object.")
    wrong = {name: ["This must be text."] for name in fields if not isinstance(body.get(name, ""), str)}
    if wrong:
        raise ApiError(400, "Please correct the marked fields.", wrong)
    return {name: body[name] for name in fields if name in body}


def parse_json(body: bytes) -> Any:
    """JSON whose texts the database can store: no NUL and no half of a surrogate pair. Raises ApiError 400."""
    try:
        value = json.loads(body)
        for text in _texts(value):
            text.encode()
            if "\x00" in text:
                raise ValueError("NUL")
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not valid JSON.") from error
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        return parse_json(request.body)


# --- One shape for every error ---
def error_response(status: int, message: str, errors: dict[str, list[str]] | None = None) -> JsonResponse:
    return JsonResponse({"success": False, "message": message, "errors": errors or {}}, status=status)


def _in_json(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view without LoginRequiredMiddleware's redirect (each route says who may call it) and with a JSON 405."""

    @wraps(view, updated=())
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return error_response(404, "There is nothing at this address.")
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        allowed = response["Allow"]
        json_response = error_response(405, f"{request.method} is refused here. Use {allowed}.")
        json_response["Allow"] = allowed
        return json_response

    answer.csrf_exempt = getattr(view, "csrf_exempt", False)  # type: ignore[attr-defined]
    return login_not_required(answer)


class API(NinjaAPI):
    @property
    def urls(self) -> Any:
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            pattern.callback = _in_json(pattern.callback)  # type: ignore[arg-type]
        return patterns, app_name, namespace


api = API(
    title="CourseBundler",
    version="1",
    description="Register, learn and teach. Errors are `{success: false, message, errors: {field: [text]}}`.",
    urls_namespace="api",
    parser=StrictParser(),
    auth=[BearerAuth(), SessionAuth()],
)


@login_not_required
@csrf_exempt
def api_not_found(request: HttpRequest, rest: str) -> JsonResponse:
    """Any address below /api/v1 that is no route."""
    return error_response(404, "There is nothing at this address.")


@api.exception_handler(ApiError)
def _on_api_error(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(error.status, error.message, error.errors)


@api.exception_handler(ValidationError)
def _on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors: dict[str, list[str]] = {}
    for item in error.errors:
        text = "This field is required." if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        errors.setdefault(str(item["loc"][-1]), []).append(text)
    return error_response(400, "Please correct the marked fields.", errors)


@api.exception_handler(DjangoValidationError)
def _on_django_validation_error(request: HttpRequest, error: DjangoValidationError) -> HttpResponse:
    errors = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    return error_response(400, "Please correct the marked fields.", errors)


@api.exception_handler(AuthenticationError)
def _on_authentication_error(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = error_response(401, "Log in first.")
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(PermissionDenied)
def _on_permission_denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return error_response(403, "You may not do this.")


@api.exception_handler(Http404)
def _on_404(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_response(404, "There is nothing at this address.")


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return error_response(error.status_code, error.message)


@api.exception_handler(RequestDataTooBig)
def _on_too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return error_response(413, "The body is too large.")


def _on_bad_request(request: HttpRequest, error: Exception) -> HttpResponse:
    return error_response(400, "The request could not be read.")


for _unreadable in (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError):
    api.add_exception_handler(_unreadable, _on_bad_request)  # type: ignore[arg-type]


@api.exception_handler(Exception)
def _on_unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    if is_unavailable(error):
        raise error  # coursebundler/outage.py answers, as for the rest of the site
    response = error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side.")
    log_response("The API failed: %s", request.path, response=response, request=request, exception=error)
    return response
