import re

import pytest
from django.core import mail
from django.test import Client

from conftest import PASSWORD
from users.models import User
from users.tests.test_registration import code_in

NEW = {"name": "Nora New", "email": "Nora@example.org", "password": PASSWORD}


def post(client, path, data=None, **more):
    return client.post(f"/api/v1{path}", data or {}, content_type="application/json", **more)


def bearer(response) -> dict[str, str]:
    return {"authorization": f"Bearer {response.json()['access_token']}"}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["application/json", "form"])
def test_registering_works(client, kind):
    """Sequence diagram 1 of the infrastructure design, from POST /api/v1/register to the answer."""
    response = post(client, "/register", NEW) if kind != "form" else client.post("/api/v1/register", NEW)
    assert (response.status_code, response.json()) == (
        201,
        {"success": True, "message": "We sent a code to nora@example.org."},
    )
    user = User.objects.get()
    assert (user.name, user.email, user.is_staff) == ("Nora New", "nora@example.org", False)

    response = post(client, "/verifyemail", {"code": code_in(mail.outbox[0])})
    assert response.status_code == 200
    assert response.json()["user"]["email"] == "nora@example.org"
    assert Client().get("/api/v1/me", headers=bearer(response)).json()["user"]["id"] == str(user.pk)
    assert client.get("/api/v1/me").status_code == 200


@pytest.mark.django_db
def test_registering_answers_alike_for_a_taken_address_but_mails_something_else(alice):
    answers = []
    for email in ("nora@example.org", "alice@example.org"):
        client = Client()
        response = post(client, "/register", NEW | {"email": email})
        wrong = post(client, "/verifyemail", {"code": "BBBB-BBBB"})
        bodies = [re.sub(email, "address", r.content.decode()) for r in (response, wrong)]
        answers.append((response.status_code, wrong.status_code, sorted(response.cookies), bodies))
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert "code" in mail.outbox[0].subject
    assert "already" in mail.outbox[1].subject
    assert User.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 81}, "name"),
        ({"name": 7}, "name"),
        ({"name": ["a"]}, "name"),
        ({"email": None}, "email"),
        ({"email": "none"}, "email"),
        ({"email": {"$ne": ""}}, "email"),
        ({"email": "a" * 300 + "@example.org"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": 12345678901}, "password"),
        ({"password": "nora@example.org"}, "password"),
    ],
)
def test_registering_refuses_bad_input_at_the_field(client, changes, field):
    response = post(client, "/register", NEW | changes)
    assert response.status_code == 400
    body = response.json()
    assert body["success"] is False
    assert list(body["errors"]) == [field]
    assert all(isinstance(text, str) for text in body["errors"][field])
    assert not User.objects.exists()
    assert not mail.outbox


@pytest.mark.django_db
def test_registering_names_everything_that_is_missing(client):
    for response in (post(client, "/register"), client.post("/api/v1/register")):
        assert response.json()["errors"].keys() == {"name", "email", "password"}


@pytest.mark.django_db
def test_registering_is_refused_while_logged_in(client_of, alice):
    assert post(client_of(alice), "/register", NEW).status_code == 409
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_registering_is_limited(client):
    for _ in range(20):
        assert post(client, "/register", NEW | {"email": "bad"}).status_code == 400
    assert post(client, "/register", NEW).status_code == 429


@pytest.mark.django_db
def test_verifying_refuses_wrong_codes_and_then_gives_up(client):
    post(client, "/register", NEW)
    code = code_in(mail.outbox[0])
    for _ in range(2):
        response = post(client, "/verifyemail", {"code": "BBBB-BBBB"})
        assert (response.status_code, list(response.json()["errors"])) == (400, ["code"])
    assert post(client, "/verifyemail", {"code": "BBBB-BBBB"}).status_code == 400
    assert post(client, "/verifyemail", {"code": code}).status_code == 400
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.django_db
def test_verifying_needs_the_session_that_asked(client):
    post(client, "/register", NEW)
    assert post(Client(), "/verifyemail", {"code": code_in(mail.outbox[0])}).status_code == 400


def test_verifying_is_for_logging_in_and_not_for_another_address(client_of, alice):
    client = client_of(alice)
    client.post("/confirmpassword", {"password": PASSWORD})
    client.post("/email", {"action_add": "", "email": "alice@new.example"})
    assert post(client, "/verifyemail", {"code": code_in(mail.outbox[0])}).status_code == 400
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


@pytest.mark.django_db
@pytest.mark.parametrize("code", [None, "", 5, "\x00", "x" * 100000])
def test_verifying_refuses_bad_input(client, code):
    post(client, "/register", NEW)
    assert post(client, "/verifyemail", {"code": code}).status_code == 400


def test_logging_in_works(client, alice):
    response = post(client, "/login", {"email": "Alice@example.org", "password": PASSWORD})
    assert response.status_code == 200
    assert response.json()["expires_in"] == 900
    user = response.json()["user"]
    assert (user["name"], user["email"], user["role"], user["avatar"]) == ("Alice", "alice@example.org", "user", None)
    assert "password" not in user
    assert client.get("/api/v1/me").json()["user"] == user
    assert Client().get("/api/v1/me", headers=bearer(response)).json()["user"] == user


def test_logging_in_says_the_same_for_a_wrong_password_and_an_unknown_address(client, alice):
    wrong = post(client, "/login", {"email": "alice@example.org", "password": "wrong"})
    unknown = post(client, "/login", {"email": "nobody@example.org", "password": "wrong"})
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert wrong.status_code == 401
    assert wrong.json()["success"] is False


@pytest.mark.parametrize(
    "data", [{}, {"email": "a@b.org"}, {"email": 1, "password": 2}, {"email": "x", "password": "y"}, {"email": ["a"]}]
)
def test_logging_in_refuses_bad_input_at_the_field(client, db, data):
    response = post(client, "/login", data)
    assert response.status_code == 400
    assert response.json()["errors"].keys() <= {"email", "password"}
    assert response.json()["errors"]


def test_logging_in_refuses_a_closed_account(client, alice):
    User.objects.update(is_active=False)
    response = post(client, "/login", {"email": "alice@example.org", "password": PASSWORD})
    assert (response.status_code, response.json()["message"]) == (403, "This account is closed.")
    assert client.get("/api/v1/me").status_code == 401


def test_logging_in_unverified_sends_a_code(client, alice):
    alice.emailaddress_set.update(verified=False)
    response = post(client, "/login", {"email": "alice@example.org", "password": PASSWORD})
    assert response.status_code == 403
    assert "We sent you a code" in response.json()["message"]
    assert "access_token" not in response.json()
    assert client.get("/api/v1/me").status_code == 401
    assert post(client, "/verifyemail", {"code": code_in(mail.outbox[0])}).status_code == 200
    assert client.get("/api/v1/me").status_code == 200


def test_logging_in_unverified_is_refused_to_who_is_logged_in_as_somebody_else(client_of, alice, bob):
    alice.emailaddress_set.update(verified=False)
    client = client_of(bob)
    response = post(client, "/login", {"email": "alice@example.org", "password": PASSWORD})
    assert response.status_code == 403
    assert client.get("/api/v1/me").json()["user"]["name"] == "Bob"


def test_logging_in_is_limited_for_one_address(client, alice):
    for _ in range(5):
        assert post(client, "/login", {"email": "alice@example.org", "password": "wrong"}).status_code == 401
    assert post(client, "/login", {"email": "alice@example.org", "password": PASSWORD}).status_code == 429


def test_logging_in_is_limited_for_one_computer(client, db, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    for _ in range(2):
        post(client, "/login")
    assert post(client, "/login").status_code == 429


@pytest.mark.parametrize("path", ["/register", "/login", "/verifyemail", "/logout"])
def test_other_sites_cannot_make_or_end_a_session(client, db, path):
    """A form on another site can post JSON as text/plain; the browser then says where it comes from."""
    response = post(client, path, NEW, headers={"origin": "https://evil.example"})
    assert response.status_code == 403
    assert post(client, path, NEW, headers={"origin": "http://testserver"}).status_code != 403


def test_logging_out_ends_the_session(client_of, alice):
    client = client_of(alice)
    assert post(client, "/logout").json()["success"] is True
    assert client.get("/api/v1/me").status_code == 401


def test_logging_out_by_get_is_refused_with_the_reason(client_of, alice):
    client = client_of(alice)
    response = client.get("/api/v1/logout")
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert "Use POST" in response.json()["message"]
    assert client.get("/api/v1/me").status_code == 200


def test_me_requires_login(client, db):
    response = client.get("/api/v1/me")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == {"success": False, "message": "Log in first.", "errors": {}}


def test_me_tells_administrators_from_others(client_of, stella, ida):
    assert client_of(stella).get("/api/v1/me").json()["user"]["role"] == "admin"
    User.objects.filter(pk=ida.pk).update(is_staff=True, photo_key="public/photos/x")
    user = client_of(ida).get("/api/v1/me").json()["user"]
    assert user["role"] == "staff"
    assert user["avatar"]["url"].endswith("public/photos/x-256.webp")


def test_a_session_that_waits_for_a_code_is_no_login(client, db):
    post(client, "/register", NEW)
    assert client.get("/api/v1/me").status_code == 401
