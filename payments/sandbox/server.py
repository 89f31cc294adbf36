"""HTTP for the sandbox: plain WSGI on the standard library, a thread for each request."""

import base64
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from payments.sandbox import api, controls, hosted
from payments.sandbox.gateway import Gateway, Refused

logger = logging.getLogger("sandbox")

STATIC = Path(__file__).parent / "static"
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript"}
MAX_BODY_BYTES = 1024 * 1024
FAILURES = ("html502", "json500", "time_out")


@dataclass
class Request:
    method: str
    path: str
    body: bytes
    authorization: str
    query: dict[str, str] = field(default_factory=dict)
    idempotency_key: str = ""

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refused("The request body is not JSON.") from error
        if not isinstance(value, dict):
            raise Refused("The request body is not an object.")
        return value


@dataclass
class Response:
    body: str
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, "application/json")


def refusal(error: Refused) -> Response:
    """“About Errors”: the body of every refusal."""
    body = {
        "code": "BAD_REQUEST_ERROR",
        "description": str(error),
        "source": "business",
        "step": "payment_initiation",
        "reason": "input_validation_failed",
        "metadata": {},
    }
    return as_json({"error": body | ({"field": error.field} if error.field else {})}, error.status)


class Application:
    """The WSGI application."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self.answer(_request(environ))
        body = response.body.encode()
        headers = {"Content-Type": response.content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        status = HTTPStatus(response.status)
        start_response(f"{status.value} {status.phrase}", list((headers | response.headers).items()))
        return [body]

    def answer(self, request: Request) -> Response:
        try:
            if request.path == "/v1/checkout/embedded" or request.path.startswith("/pay"):
                return self._hosted(request)
            if request.path.startswith("/static/"):
                return static(request.path)
            if request.path.startswith("/v1/"):
                return self._api(request)
            if request.path.startswith("/sandbox/"):
                self._authenticate(request)
                return as_json(controls.answer(self.gateway, request.method, request.path, request.json))
            if request.path == "/":
                return Response(hosted.front_page())
        except Refused as error:
            return refusal(error)
        return refusal(Refused("The requested URL was not found on the server.", status=404))

    def _hosted(self, request: Request) -> Response:
        page, form_targets = hosted.answer(self.gateway, request.method, request.path, request.form)
        policy = f"default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self' {' '.join(form_targets)}"
        return Response(page, headers={"Content-Security-Policy": policy})

    def _api(self, request: Request) -> Response:
        time.sleep(self.gateway.switch("api_delay_seconds"))
        failure = self._failure()
        if failure == "html502":
            return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        if failure == "json500":
            error = {"code": "SERVER_ERROR", "description": "We are facing some trouble completing your request."}
            return as_json({"error": error}, 500)
        self._authenticate(request)
        key = request.idempotency_key
        path, query, body = request.path, request.query, request.json
        try:
            return as_json(api.answer(self.gateway, request.method, path, query, body, idempotency_key=key))
        finally:
            if failure == "time_out":
                time.sleep(self.gateway.switch("time_out_seconds"))

    def _failure(self) -> str:
        failure: str = self.gateway.switch("api_failure")
        if not failure or not self.gateway.happens("api_failure_percent"):
            return ""
        self.gateway.failures += 1
        return self.gateway.chance.choice(FAILURES) if failure == "any" else failure

    def _authenticate(self, request: Request) -> None:
        """“API Authentication”: basic, with the key id and the key secret."""
        config = self.gateway.config
        expected = base64.b64encode(f"{config.key_id}:{config.key_secret}".encode()).decode()
        if not hmac.compare_digest(request.authorization.encode(), f"Basic {expected}".encode()):
            raise Refused("Authentication failed", status=401)


def static(path: str) -> Response:
    file = STATIC / path.removeprefix("/static/")
    if file.parent != STATIC or not file.is_file():
        raise Refused("The requested URL was not found on the server.", status=404)
    return Response(file.read_text(), content_type=STATIC_TYPES[file.suffix])


def _request(environ: dict[str, Any]) -> Request:
    length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY_BYTES)
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        body=environ["wsgi.input"].read(length),
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        idempotency_key=environ.get("HTTP_X_REFUND_IDEMPOTENCY", ""),
        query={name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()},
    )


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:
        logger.info(format, *args)


def serve(gateway: Gateway, host: str, port: int) -> WSGIServer:
    """A server that is bound and ready; port 0 takes any free one. Call `serve_forever` on it."""
    return make_server(host, port, Application(gateway), _ThreadingServer, _Handler)
