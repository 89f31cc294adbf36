from email import message_from_bytes, policy

import pytest
from django.core import mail

pytestmark = pytest.mark.detail

FORMS = {"/contact": ("message", "Message from Nora"), "/request": ("course", "Course request from Nora")}


@pytest.fixture(params=FORMS)
def path(request, db):
    return request.param


def send(client, path, follow=False, **changes):
    data = {"name": "Nora", "email": "nora@example.org", FORMS[path][0]: "Hello <b>you</b>"}
    return client.post(path, data | changes, follow=follow)


def test_it_works(client, path, settings):
    settings.CONTACT_EMAIL = "school@example.org"
    assert client.get(path).status_code == 200
    response = send(client, path, follow=True)
    assert response.redirect_chain == [(path, 302)]
    assert b"Thank you." in response.content
    message = mail.outbox[0]
    assert (message.to, message.reply_to) == (["school@example.org"], ["Nora <nora@example.org>"])
    assert message.subject == FORMS[path][1]
    assert "Hello <b>you</b>" in message.body
    assert "Hello &lt;b&gt;you&lt;/b&gt;" in message.alternatives[0].content


def test_it_knows_who_is_logged_in(client_of, alice, path):
    initial = client_of(alice).get(path).context["form"].initial
    assert initial == {"name": "Alice", "email": "alice@example.org"}


@pytest.mark.parametrize("name", ["Nora\r\nBcc: all@example.org", "Nora\nBcc: all@example.org", '"Nora" <x@y>, Zoë ✓'])
def test_it_puts_nothing_into_the_headers(client, path, name):
    assert send(client, path, name=name).status_code == 302
    parsed = message_from_bytes(mail.outbox[0].message().as_bytes(), policy=policy.default)
    assert parsed["Bcc"] is None
    assert [address.addr_spec for address in parsed["Reply-To"].addresses] == ["nora@example.org"]
    assert len(mail.outbox[0].recipients()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "n" * 81),
        ("name", "a\x00"),
        ("email", ""),
        ("email", "none"),
        ("email", "a@b.org\nBcc: c@d.org"),
        ("email", "a" * 250 + "@b.org"),
        ("text", ""),
        ("text", "t" * 5001),
        ("text", "\x00"),
    ],
)
def test_it_refuses_bad_input_at_the_field(client, path, field, value):
    field = FORMS[path][0] if field == "text" else field
    response = send(client, path, **{field: value})
    assert response.status_code == 400
    assert response.context["form"].errors[field]
    assert not mail.outbox


def test_it_refuses_an_empty_form(client, path):
    assert client.post(path).context["form"].errors.keys() == {"name", "email", FORMS[path][0]}


def test_robots_think_that_it_worked(client, path):
    response = send(client, path, website="https://spam.example")
    assert response.status_code == 302
    assert not mail.outbox


def test_it_is_limited(client, path):
    for _ in range(5):
        assert send(client, path).status_code == 302
    response = send(client, path)
    assert response.status_code == 400
    assert b"wait an hour" in response.content
    assert len(mail.outbox) == 5


def test_it_says_when_the_mail_server_is_away(client, path, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    response = send(client, path)
    assert b"could not send your message" in response.content
    assert b"Hello &lt;b&gt;you" in response.content  # What one wrote is not lost.


def test_it_refuses_other_methods(client, path):
    assert client.put(path).status_code == 405
