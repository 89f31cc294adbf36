import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives, get_connection

from coursebundler import settings as settings_module


@pytest.fixture(autouse=True)
def _mail_goes_to_a_folder(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


def send(subject="Hello", *, html="<html><head></head><body><h1>Hi</h1></body></html>", attach=False, connection=None):
    message = EmailMultiAlternatives(subject, f"Text of {subject}", to=["zoë@example.org"], connection=connection)
    if html:
        message.attach_alternative(html, "text/html")
    if attach:
        message.attach("receipt.pdf", b"%PDF", "application/pdf")
    message.send()


def first_link(client) -> str:
    mail = client.get("/dev/mail").context["mails"][0]
    return f"/dev/mail/{mail.file}/{mail.index}"


def test_it_works(client, db):
    assert b"No mail yet" in client.get("/dev/mail").content
    send("Grüße ✓", attach=True)
    assert "Grüße ✓" in client.get("/dev/mail").content.decode()
    page = client.get(first_link(client)).content.decode()
    for text in ("Grüße ✓", "Text of Grüße", "receipt.pdf", f'src="{first_link(client)}/html"'):
        assert text in page


def test_the_newest_is_first_also_within_one_file(client, db, tmp_path):
    send("one")
    os.utime(next(tmp_path.iterdir()), (1, 1))
    connection = get_connection()
    send("two", connection=connection)
    send("three", connection=connection)
    assert [mail.subject for mail in client.get("/dev/mail").context["mails"]] == ["three", "two", "one"]


def test_the_html_part_can_do_nothing(client, db):
    send(html='<html><head></head><body><script>alert(1)</script><img src="https://evil.example/x.png"></body></html>')
    response = client.get(first_link(client) + "/html")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert "img-src data:" in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    page = client.get(first_link(client))
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert "<script>alert" not in page.content.decode()


def test_a_mail_without_html_is_shown_as_text(client, db):
    send(html="")
    link = first_link(client)
    assert b"<iframe" not in client.get(link).content
    assert client.get(link + "/html").status_code == 404


@pytest.mark.parametrize(
    "path", ["x/0", "../../etc/passwd/0", "%2e%2e%2f/0", "%00/0", "{file}/1", "{file}/999999999999999999999"]
)
def test_it_refuses_other_paths(client, db, path):
    send()
    file = first_link(client).split("/")[3]
    assert client.get("/dev/mail/" + path.format(file=file)).status_code == 404


def test_it_shows_the_mails_of_allauth(client, db):
    """Somebody who registers on a laptop reads the code here, before there is a login."""
    client.post("/register", {"name": "Nora", "email": "nora@example.org", "password1": "correct horse battery"})
    assert b"/dev/mail" in client.get("/verify").content
    assert "is your code" in client.get("/dev/mail").content.decode()


def test_mail_is_kept_with_all_other_data():
    """Wherever the site is started from."""
    assert Path(settings_module.EMAIL_FILE_PATH) == settings_module.DATA_DIR / "mail"


PRODUCTION = {
    "SECRET_KEY": "s" * 60,
    "SITE_URL": "https://example.org",
    "DATABASE_URL": "sqlite:////nonexistent/db.sqlite3",
    "MEDIA_STORAGE_URL": "file:///tmp/media",
    "RAZORPAY_KEY_ID": "k",
    "RAZORPAY_KEY_SECRET": "k",
    "RAZORPAY_WEBHOOK_SECRET": "k",
    "EMAIL_URL": "filemail:///tmp/mail",
    "DEFAULT_FROM_EMAIL": "a@example.org",
    "CONTACT_EMAIL": "a@example.org",
}


@pytest.mark.slow
@pytest.mark.parametrize("environment", [PRODUCTION, {"DEBUG": "true", "EMAIL_URL": "smtp://localhost:25"}])
def test_it_does_not_exist_in_production_and_with_a_mail_server(environment, tmp_path):
    code = "import django; django.setup(); from django.urls import resolve; resolve('/dev/mail')"
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "coursebundler.settings"}
    result = subprocess.run(  # noqa: S603 -- our own interpreter and text.
        [sys.executable, "-c", code],
        env=env | environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert "Resolver404" in result.stderr
