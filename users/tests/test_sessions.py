"""Where sessions are kept (docs/decisions/0021-sessions.md)."""

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

PAGE = "/about"  # needs nothing of the database itself


@pytest.mark.django_db
def test_a_visitor_costs_no_query_and_gets_no_session(client):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(PAGE)
    assert len(queries) == 0
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert Session.objects.count() == 0


def test_a_student_costs_the_session_and_the_user(client_of, alice):
    client = client_of(alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(PAGE).status_code == 200
    assert len(queries) == 2


def test_the_cookie_holds_a_key_and_nothing_else(client_of, alice):
    assert len(client_of(alice).cookies[settings.SESSION_COOKIE_NAME].value) == 32


def test_a_session_whose_row_is_gone_has_ended(client_of, alice):
    """Another process deleted it: nothing that this one remembers may keep it alive."""
    client = client_of(alice)
    assert client.get("/profile").status_code == 200
    Session.objects.all().delete()
    assert client.get("/profile").status_code == 302


def test_a_copied_cookie_is_worth_nothing_after_the_logout(client, client_of, alice):
    device = client_of(alice)
    key = device.cookies[settings.SESSION_COOKIE_NAME].value
    device.post("/logout")
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get("/profile").status_code == 302
