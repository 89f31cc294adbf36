import json
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest
from django.test import Client
from django.urls import include, path
from ninja import Router, Schema

from coursebundler import tokens
from coursebundler.api import API, BearerAuth, SessionAuth, StrictParser, api, api_not_found, read_body

router = Router()


class Thing(Schema):
    title: str
    count: int = 0


@router.get("/private")
def private(request: HttpRequest):
    return {"who": request.user.email, "auth": request.auth.email}


@router.post("/private")
def private_post(request: HttpRequest):
    return {"who": request.user.email}


@router.post("/things", auth=None)
def things(request: HttpRequest, thing: Thing):
    return thing


@router.post("/texts", auth=None)
def texts(request: HttpRequest):
    return read_body(request, "a", "b")


@router.get("/things/{uuid:key}", auth=None)
def thing(request: HttpRequest, key: UUID, page: int = 1):
    return {"key": key, "page": page}


ERRORS = {
    "404": Http404("secret"),
    "403": PermissionDenied("secret"),
    "400": ValidationError({"title": "Too short."}),
    "500": RuntimeError("secret"),
}


@router.get("/errors/{kind}", auth=None)
def errors(request: HttpRequest, kind: str):
    raise ERRORS[kind]


test_api = API(urls_namespace="test-api", parser=StrictParser(), auth=[BearerAuth(), SessionAuth()])
test_api._exception_handlers = api._exception_handlers
test_api.add_router("", router)
test_api.__test__ = False
urlpatterns = [
    path("t/", test_api.urls),
    path("t/<path:rest>", api_not_found),
    path("", include("coursebundler.urls")),
]


@pytest.fixture(autouse=True)
def _with_test_routes(settings):
    settings.ROOT_URLCONF = __name__


def post(client, url, body, kind="application/json"):
    return client.post(url, body if isinstance(body, (str, bytes)) else json.dumps(body), content_type=kind)


def error_of(response, status):
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body.keys() == {"success", "message", "errors"}
    assert body["success"] is False
    assert "secret" not in response.content.decode()
    return body


def test_routes_are_private_unless_they_say_otherwise(client, db):
    assert error_of(client.get("/t/private"), 401)["message"] == "Log in first."
    assert error_of(client.post("/t/private"), 401)


def test_a_session_is_enough_to_read(client_of, alice):
    assert client_of(alice).get("/t/private").json() == {"who": alice.email, "auth": alice.email}


def test_a_session_needs_a_csrf_token_to_write(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "X-CSRFToken" in error_of(client.post("/t/private"), 403)["message"]
    client.get("/about")
    client.get("/login")
    client.get("/contact")
    token = client.cookies["csrftoken"].value
    assert client.post("/t/private", headers={"x-csrftoken": token}).json() == {"who": alice.email}


def test_a_token_is_enough_to_read_and_write(alice):
    client = Client(enforce_csrf_checks=True)
    headers = {"authorization": f"Bearer {tokens.issue(alice)}"}
    assert client.get("/t/private", headers=headers).json() == {"who": alice.email, "auth": alice.email}
    assert client.post("/t/private", headers=headers).status_code == 200


def test_a_bad_token_is_refused_even_with_a_session(client_of, alice):
    response = client_of(alice).get("/t/private", headers={"authorization": "Bearer x"})
    assert error_of(response, 401)
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_token_wins_over_the_session(client_of, alice, bob):
    headers = {"authorization": f"Bearer {tokens.issue(bob)}"}
    assert client_of(alice).get("/t/private", headers=headers).json()["who"] == bob.email


def test_errors_are_at_their_fields(client, db):
    body = error_of(post(client, "/t/things", {"count": "many"}), 400)
    assert body["errors"]["title"] == ["This field is required."]
    assert "integer" in body["errors"]["count"][0]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        b"\xff\xfe{}",
        "[" * 100000,
        '"text"',
        "[1]",
        '{"title": "a\\u0000"}',
        '{"title": "\\ud800"}',
        "null",
    ],
)
@pytest.mark.parametrize("url", ["/t/things", "/t/texts"])
def test_it_refuses_malformed_bodies(client, db, url, body):
    error_of(post(client, url, body), 400)


def test_it_reads_texts_from_json_and_from_forms(client, db):
    for response in (post(client, "/t/texts", {"a": "x", "c": 5}), client.post("/t/texts", {"a": "x", "c": "5"})):
        assert response.json() == {"a": "x"}
    assert error_of(post(client, "/t/texts", {"a": 1, "b": None}), 400)["errors"].keys() == {"a", "b"}


def test_it_refuses_a_body_that_is_too_large(client, db, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    for url in ("/t/things", "/t/texts"):
        assert "too large" in error_of(post(client, url, {"title": "t" * 200}), 413)["message"]
    error_of(client.post("/t/texts", {"a": "x" * 200}), 413)


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=utf-16"],
)
def test_it_refuses_forms_that_it_cannot_read(client, db, kind):
    response = post(client, "/t/texts", "--x\r\nbroken", kind)
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert response.json() == {}


@pytest.mark.parametrize("url", ["/t/nothing", "/t/", "/t/things/7", "/t/things/%00", "/api/v1/nothing", "/api/v1/"])
def test_unknown_addresses_are_answered_in_json(client, db, url):
    error_of(client.get(url), 404)
    error_of(client.post(url), 404)


def test_it_refuses_bad_parameters(client, db):
    key = "00000000-0000-0000-0000-000000000000"
    assert client.get(f"/t/things/{key}?page=2").json()["page"] == 2
    assert error_of(client.get(f"/t/things/{key}?page=x"), 400)["errors"].keys() == {"page"}


def test_other_methods_are_refused_with_the_reason(client, db):
    response = client.delete("/t/private")
    assert "DELETE is refused" in error_of(response, 405)["message"]
    assert set(response["Allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize("kind", ["404", "403", "400"])
def test_django_errors_have_the_same_shape(client, db, kind):
    body = error_of(client.get(f"/t/errors/{kind}"), int(kind))
    assert body["errors"] == ({"title": ["Too short."]} if kind == "400" else {})


def test_the_unexpected_is_logged_once_and_not_shown(client, db, caplog):
    error_of(client.get("/t/errors/500"), 500)
    records = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(records) == 1
    assert "secret" in str(records[0].exc_info[1])


def test_it_never_leads_to_the_login_page(client, db):
    for url in ("/api/v1/me", "/api/v1/nothing", "/api/v1/docs", "/api/v1/openapi.json"):
        assert client.get(url).status_code != 302, url


def test_the_documentation_is_public(client, db):
    assert client.get("/api/v1/docs").status_code == 200
    schema = client.get("/api/v1/openapi.json").json()
    assert "/api/v1/register" in schema["paths"]
    assert "security" not in schema["paths"]["/api/v1/register"]["post"]
    assert schema["paths"]["/api/v1/me"]["get"]["security"]
