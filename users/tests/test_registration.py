import re
import threading

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.db import connection
from django.test import Client

from conftest import PASSWORD
from users.models import User

NEW = {"name": "Nora New", "email": "nora@example.org", "password1": PASSWORD}


def register(client, **changes):
    return client.post("/register", NEW | changes)


def code_in(message) -> str:
    return re.search(r"^[A-Z]{4}-[A-Z]{4}$", message.body, re.MULTILINE).group()


@pytest.mark.django_db
def test_it_works(client):
    assert client.get("/register").status_code == 200
    response = register(client)
    assert (response.status_code, response["Location"]) == (302, "/verify")
    user = User.objects.get()
    assert (user.name, user.email, user.is_staff, user.is_active) == ("Nora New", "nora@example.org", False, True)
    assert user.check_password(PASSWORD)
    assert "_auth_user_id" not in client.session

    response = client.post("/verify", {"code": code_in(mail.outbox[0])})
    assert (response.status_code, response["Location"]) == (302, "/my/courses")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert EmailAddress.objects.get().verified


@pytest.mark.django_db
def test_it_asks_for_three_things_and_the_password_once(client):
    form = client.get("/register").context["form"]
    assert list(form.fields) == ["name", "email", "password1"]


@pytest.mark.django_db
def test_it_keeps_where_one_wanted_to_go(client):
    response = client.post("/register", NEW | {"next": "/courses/knots"})
    response = client.post("/verify", {"code": code_in(mail.outbox[0])})
    assert response["Location"] == "/courses/knots"


@pytest.mark.django_db
def test_it_stores_addresses_in_lower_case(client):
    register(client, email="Nora@Example.ORG")
    assert User.objects.get().email == EmailAddress.objects.get().email == "nora@example.org"


@pytest.mark.django_db
def test_it_answers_alike_for_a_taken_address_but_mails_something_else(alice):
    fresh, taken = Client(), Client()
    pages = []
    for client, email in ((fresh, "nora@example.org"), (taken, "Alice@Example.org")):
        response = register(client, email=email)
        assert (response.status_code, response["Location"]) == (302, "/verify")
        page = client.get("/verify")
        wrong = client.post("/verify", {"code": "BBBB-BBBB"})
        texts = [response.content for response in (page, wrong)]
        pages.append(
            [re.sub(rb'value="[^"]{64}"', b"token", text).replace(email.lower().encode(), b"address") for text in texts]
        )
    assert pages[0] == pages[1]
    assert User.objects.count() == 2
    to_fresh, to_taken = mail.outbox
    assert to_fresh.to == ["nora@example.org"]
    assert "code" in to_fresh.subject
    assert to_taken.to == ["alice@example.org"]
    assert "already" in to_taken.subject
    assert "nothing was changed" in to_taken.body


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["nora@example.org", "alice@example.org"])
def test_the_slow_part_is_done_for_any_address_and_outside_the_transaction(client, alice, monkeypatch, email):
    done = []

    def hashed(password):
        done.append((password, len(connection.savepoint_ids)))  # The test itself runs in one transaction.
        return make_password(password)

    monkeypatch.setattr("users.account_forms.make_password", hashed)
    register(client, email=email)
    assert done == [(PASSWORD, 0)]


@pytest.mark.django_db
def test_the_mail_does_not_carry_a_strangers_words(client):
    """Otherwise anybody could have us mail their advertisement to anybody."""
    register(client, name="Buy at evil.example")
    message = mail.outbox[0]
    assert "evil.example" not in message.subject + message.body + message.alternatives[0].content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "", "required"),
        ("name", "   ", "required"),
        ("name", "n" * 81, "at most 80"),
        ("name", "a\x00b", "Null characters"),
        ("email", "", "required"),
        ("email", "no address", "valid email"),
        ("email", "a@b", "valid email"),
        ("email", "a\x00@example.org", "valid email"),
        ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org", "too long"),
        ("password1", "", "required"),
        ("password1", "short", "too short"),
        ("password1", "password123", "too common"),
        ("password1", "nora@example.org", "similar"),
        ("password1", "nora new", "similar"),
        ("password1", "correct\x00horse", "Null characters"),
    ],
)
def test_it_refuses_bad_input_at_the_field(client, field, value, error):
    response = register(client, **{field: value})
    assert response.status_code == 200
    assert error in " ".join(response.context["form"].errors[field])
    assert not User.objects.exists()
    assert not mail.outbox


@pytest.mark.django_db
def test_it_stores_nothing_when_the_address_cannot_be_stored(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("allauth.account.forms.setup_user_email", fail)
    with pytest.raises(RuntimeError):
        register(client)
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_registrations_of_one_address_at_once_make_one_account():
    barrier = threading.Barrier(4)
    answers = []

    def run():
        client = Client()
        barrier.wait()
        try:
            response = register(client)
            answers.append((response.status_code, response.get("Location")))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {302, 429}  # 429: a code was mailed to this address just now.
    assert (302, "/verify") in answers
    assert User.objects.count() == EmailAddress.objects.count() == 1


@pytest.mark.django_db
def test_an_address_that_is_taken_between_check_and_insert_is_answered_like_a_taken_one(client, monkeypatch):
    def overtaken(email, **kwargs):
        User.objects.create_user(email, PASSWORD)
        return email, False

    monkeypatch.setattr("allauth.account.internal.flows.manage_email.email_already_exists", overtaken)
    response = register(client)
    assert (response.status_code, response["Location"]) == (302, "/verify")
    assert User.objects.count() == 1
    assert "already" in mail.outbox[0].subject


@pytest.mark.django_db
def test_it_says_when_the_mail_server_is_away(client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    response = client.post("/register", NEW, follow=True)
    assert response.status_code == 200
    assert b"could not send you an e-mail" in response.content


@pytest.mark.django_db
def test_it_sends_the_logged_in_elsewhere(client_of, alice):
    assert client_of(alice).get("/register")["Location"] == "/my/courses"


@pytest.mark.django_db
def test_it_is_limited(client):
    for n in range(20):
        assert register(client, email="bad").status_code == 200, n
    assert register(client, email="bad").status_code == 429
