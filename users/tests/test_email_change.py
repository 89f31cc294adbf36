import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError

from conftest import PASSWORD
from users.models import User
from users.tests.test_registration import code_in


@pytest.fixture
def confirmed(client_of, alice):
    """Alice, who has just entered her password again."""
    client = client_of(alice)
    client.post("/confirmpassword", {"password": PASSWORD})
    return client


def ask(client, email):
    return client.post("/email", {"action_add": "", "email": email})


def test_it_works(confirmed, alice, django_capture_on_commit_callbacks):
    assert confirmed.get("/email").status_code == 200
    assert ask(confirmed, "Alice@New.example")["Location"] == "/verify"
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"  # Until the new one is proved.
    assert mail.outbox[0].to == ["alice@new.example"]
    assert confirmed.get("/verify").status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        confirmed.post("/verify", {"code": code_in(mail.outbox[0])})
    alice.refresh_from_db()
    assert alice.email == "alice@new.example"
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [("alice@new.example", True, True)]
    assert mail.outbox[1].to == ["alice@example.org"]
    assert mail.outbox[1].subject == "Your e-mail address was changed"


def test_it_requires_the_password(client_of, alice):
    client = client_of(alice)
    response = ask(client, "alice@new.example")
    assert response["Location"].startswith("/confirmpassword")
    assert not mail.outbox
    assert client.get("/confirmpassword").status_code == 200
    wrong = client.post("/confirmpassword", {"password": "wrong"})
    assert wrong.context["form"].errors == {"password": ["This is not your password."]}
    response = client.post(response["Location"], {"password": PASSWORD, "next": "/email"})
    assert response["Location"] == "/verify"  # It goes on with what one wanted.
    assert mail.outbox[0].to == ["alice@new.example"]


def test_it_requires_login(client, db):
    assert client.get("/email")["Location"] == "/login?next=/email"


@pytest.mark.parametrize("email", ["", "nothing", "\x00@example.org", "a" * 300 + "@example.org", "alice@example.org"])
def test_it_refuses_bad_input(confirmed, email):
    response = ask(confirmed, email)
    assert response.status_code == 200
    assert response.context["form"].errors["email"]
    assert not mail.outbox


def test_it_refuses_the_address_of_somebody_else_only_to_who_reads_its_mail(confirmed, alice, bob):
    assert ask(confirmed, "bob@example.org")["Location"] == "/verify"  # As for any address.
    response = confirmed.post("/verify", {"code": code_in(mail.outbox[0])})
    assert response.context["verify_form"].errors == {"code": ["This address belongs to another account."]}
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_an_address_that_is_taken_meanwhile_is_refused_and_nothing_is_half_done(confirmed, alice, monkeypatch):
    ask(confirmed, "alice@new.example")

    def overtaken(address, **kwargs):
        address.primary = True
        address.save()
        raise IntegrityError

    monkeypatch.setattr(EmailAddress, "set_as_primary", overtaken)
    response = confirmed.post("/verify", {"code": code_in(mail.outbox[0])}, follow=True)
    assert b"belongs to another account" in response.content
    assert list(EmailAddress.objects.values_list("email", "primary")) == [("alice@example.org", True)]
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"
