import pytest
from allauth.account.internal.flows.email_verification_by_code import EMAIL_VERIFICATION_CODE_SESSION_KEY
from django.core import mail
from django.core.cache import cache

from users.tests.test_registration import code_in, register


@pytest.fixture
def registered(client, db):
    register(client)
    return client


def grow_old(client, seconds: int) -> None:
    session = client.session
    session[EMAIL_VERIFICATION_CODE_SESSION_KEY]["at"] -= seconds
    session.save()


def test_it_works(registered):
    page = registered.get("/verify")
    assert b"nora@example.org" in page.content
    registered.post("/verify", {"code": code_in(mail.outbox[0]).lower()})
    assert "_auth_user_id" in registered.session


def test_it_refuses_a_wrong_code(registered):
    response = registered.post("/verify", {"code": "BBBB-BBBB"})
    assert response.context["verify_form"].errors["code"] == ["This is not the code that we sent. Please check it."]
    assert "_auth_user_id" not in registered.session


@pytest.mark.parametrize("code", ["", "\x00", "Ä" * 10000])
def test_it_refuses_bad_input(registered, code):
    response = registered.post("/verify", {"code": code})
    assert response.status_code == 200
    assert response.context["verify_form"].errors["code"]


def test_it_gives_up_after_three_wrong_codes(registered):
    for _ in range(2):
        assert registered.post("/verify", {"code": "BBBB-BBBB"}).status_code == 200
    assert registered.post("/verify", {"code": "BBBB-BBBB"})["Location"] == "/login"
    assert registered.post("/verify", {"code": code_in(mail.outbox[0])})["Location"] == "/login"
    assert "_auth_user_id" not in registered.session


def test_a_new_code_replaces_the_old_one(registered):
    cache.clear()  # As if ten seconds had passed.
    assert registered.post("/verify", {"action": "resend"})["Location"] == "/verify"
    first, second = (code_in(message) for message in mail.outbox)
    assert first != second
    assert registered.post("/verify", {"code": first}).status_code == 200
    assert registered.post("/verify", {"code": second}).status_code == 302


def test_a_new_code_must_not_be_asked_for_too_often(registered):
    response = registered.post("/verify", {"action": "resend"})
    assert response.status_code == 429
    assert b"wait a moment" in response.content
    assert len(mail.outbox) == 1


def test_it_refuses_an_expired_code_and_says_so(registered):
    grow_old(registered, 15 * 60 + 1)
    response = registered.post("/verify", {"code": code_in(mail.outbox[0])}, follow=True)
    assert response.redirect_chain == [("/login", 302)]
    assert b"This code is too old" in response.content
    assert "_auth_user_id" not in registered.session


def test_it_leads_to_the_login_when_no_code_is_expected(client, db):
    assert client.get("/verify")["Location"] == "/login"


def test_it_can_be_left_for_another_address(registered):
    assert registered.get("/login")["Location"] == "/verify"
    registered.post("/logout", {"next": "/login"})
    assert registered.get("/login").status_code == 200


@pytest.mark.django_db
def test_logging_in_unverified_sends_a_new_code(registered, django_user_model):
    registered.post("/logout")
    cache.clear()
    response = registered.post("/login", {"login": "nora@example.org", "password": "correct horse battery"})
    assert response["Location"] == "/verify"
    assert len(mail.outbox) == 2
    assert "_auth_user_id" not in registered.session
