import re

import pytest
from django.core import mail

from conftest import PASSWORD

ANOTHER = "another horse battery"


def ask_for_link(client, email="alice@example.org"):
    client.post("/forgetpassword", {"email": email})
    return re.search(r"http://localhost:8000(/resetpassword/\S+)", mail.outbox[-1].body).group(1)


def test_the_link_works_once(client, client_of, alice, django_capture_on_commit_callbacks):
    elsewhere = client_of(alice)
    link = ask_for_link(client)
    page = client.get(link)
    assert page["Location"].endswith("-set-password")  # The key is out of the address before anybody can see it.
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(page["Location"], {"password1": ANOTHER})
    assert response["Location"] == "/resetpassword/done"
    assert client.get("/resetpassword/done").status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(ANOTHER)
    assert elsewhere.get("/profile").status_code == 302
    assert mail.outbox[-1].subject == "Your password was changed"
    assert b"no longer works" in client.get(link).content


def test_it_says_the_same_for_an_unknown_address_but_mails_something_else(client, alice):
    known = client.post("/forgetpassword", {"email": "alice@example.org"})
    unknown = client.post("/forgetpassword", {"email": "nobody@example.org"})
    assert known["Location"] == unknown["Location"] == "/forgetpassword/sent"
    assert client.get("/forgetpassword/sent").status_code == 200
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "/resetpassword/" not in mail.outbox[1].body


def test_the_link_is_on_our_address_whatever_host_was_asked(client, alice, settings):
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/forgetpassword", {"email": "alice@example.org"}, headers={"host": "evil.example"})
    assert "evil.example" not in mail.outbox[0].body + mail.outbox[0].alternatives[0].content


def test_a_closed_account_gets_no_link(client, alice):
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    client.post("/forgetpassword", {"email": "alice@example.org"})
    assert "/resetpassword/" not in mail.outbox[0].body


@pytest.mark.parametrize(
    "path", ["x-y", "0-set-password", "z" * 64 + "-a", "ffffffffffffffffffffffffffffffff-abc-def", "a-" + "b" * 200]
)
def test_it_refuses_other_links(client, db, path):
    response = client.get(f"/resetpassword/{path}")
    assert response.status_code == 200
    assert b"no longer works" in response.content


def test_it_refuses_a_weak_password(client, alice):
    page = client.get(ask_for_link(client))
    response = client.post(page["Location"], {"password1": "alice@example.org"})
    assert "similar" in str(response.context["form"].errors["password1"])
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_reset_is_limited_for_one_address(client, alice):
    for _ in range(5):
        client.post("/forgetpassword", {"email": "alice@example.org"})
    assert client.post("/forgetpassword", {"email": "alice@example.org"}).status_code == 429
    assert len(mail.outbox) == 5


def test_changing_it_works(client_of, alice, django_capture_on_commit_callbacks):
    here, elsewhere = client_of(alice), client_of(alice)
    assert here.get("/changepassword").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        response = here.post("/changepassword", {"oldpassword": PASSWORD, "password1": ANOTHER})
    assert response["Location"] == "/profile"
    alice.refresh_from_db()
    assert alice.check_password(ANOTHER)
    assert here.get("/profile").status_code == 200
    assert elsewhere.get("/profile").status_code == 302
    assert mail.outbox[0].subject == "Your password was changed"


def test_changing_it_requires_the_old_one(client_of, alice):
    response = client_of(alice).post("/changepassword", {"oldpassword": "wrong", "password1": ANOTHER})
    assert response.context["form"].errors == {"oldpassword": ["This is not your current password."]}
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_changing_it_requires_login(client, db):
    assert client.get("/changepassword")["Location"] == "/login?next=/changepassword"


def test_changing_it_writes_nothing_else(client_of, alice, django_user_model):
    client = client_of(alice)
    client.get("/profile")
    django_user_model.objects.filter(pk=alice.pk).update(name="Changed meanwhile")
    from users.allauth import AccountAdapter

    AccountAdapter().set_password(alice, ANOTHER)
    alice.refresh_from_db()
    assert (alice.name, alice.check_password(ANOTHER)) == ("Changed meanwhile", True)


def test_who_has_none_sets_one(client_of, alice):
    alice.set_unusable_password()
    alice.save(update_fields=["password"])
    client = client_of(alice)
    assert client.get("/changepassword")["Location"] == "/setpassword"
    assert client.get("/setpassword").status_code == 200
    client.post("/setpassword", {"password1": ANOTHER})
    alice.refresh_from_db()
    assert alice.check_password(ANOTHER)
