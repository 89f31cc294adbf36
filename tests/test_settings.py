"""One settings file for laptop and production: what it demands, what it defaults to, what browsers get to see of it."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from scripts.lint import PRODUCTION
from tests.servers import clean_environment, fetch, free_port, gunicorn, manage
from tests.source import ROOT
from tests.test_env_example import required_names


@pytest.fixture
def read_settings(monkeypatch, tmp_path):
    """Read the settings file afresh with just these variables; returns what it defines."""

    def read(**variables: str) -> dict:
        for name in list(os.environ):
            if name not in ("PATH", "HOME"):
                monkeypatch.delenv(name)
        for name, value in ({"DATA_DIR": str(tmp_path)} | variables).items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "coursebundler" / "settings.py"))

    return read


def test_production_starts_with_everything_set(read_settings):
    assert read_settings(**PRODUCTION)["DEBUG"] is False


@pytest.mark.parametrize("value", [None, "", "  "], ids=["missing", "empty", "blank"])
@pytest.mark.parametrize("name", required_names())
def test_production_stops_and_names_what_is_missing(read_settings, name, value):
    variables = PRODUCTION | {name: value or ""}
    if value is None:
        del variables[name]
    with pytest.raises(ImproperlyConfigured, match=rf"\b{name}\b"):
        read_settings(**variables)


def test_every_secret_is_required():
    text = (ROOT / "coursebundler" / "settings.py").read_text()
    # An ARN is the address of a secret and opens nothing; most of the time there is no key of before.
    secrets = set(re.findall(r'"(\w*(?:SECRET|PASSWORD)\w*(?<!_ARN)(?<!_FALLBACKS)(?<!_PREVIOUS))"', text))
    assert secrets <= set(required_names()), (
        "A secret must be read with required(), which has no default in production."
    )


def test_debug_is_off_unless_asked_for(read_settings):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        read_settings()


def test_a_laptop_needs_nothing_set(read_settings, tmp_path):
    settings = read_settings(DEBUG="true")
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "db.sqlite3")


def test_keys_of_before_still_hold(read_settings):
    assert read_settings(**PRODUCTION)["SECRET_KEY_FALLBACKS"] == []
    # As ECS gives it while there is none.
    assert read_settings(**PRODUCTION, SECRET_KEY_FALLBACKS="")["SECRET_KEY_FALLBACKS"] == []
    assert read_settings(**PRODUCTION, SECRET_KEY_FALLBACKS="one,two")["SECRET_KEY_FALLBACKS"] == ["one", "two"]


def test_a_production_start_needs_no_place_for_backups(read_settings):
    assert read_settings(**PRODUCTION)["BACKUP_URL"] == ""


def test_development_secrets_never_reach_production(read_settings, monkeypatch):
    development = read_settings(DEBUG="true")
    monkeypatch.undo()
    production = read_settings(**PRODUCTION)
    for name in ("SECRET_KEY", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET"):
        assert development[name] != production[name]


def test_the_process_stops_with_the_name():
    environment = clean_environment(**PRODUCTION)
    del environment["SECRET_KEY"]
    done = subprocess.run(
        [sys.executable, "-c", "import coursebundler.wsgi"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Set the SECRET_KEY environment variable" in done.stderr.splitlines()[-1]


def test_deployment_checks_are_clean():
    manage("check", "--deploy", "--fail-level", "WARNING", environment=clean_environment(**PRODUCTION))


@pytest.mark.parametrize(("count", "trusted"), [("0", False), ("1", True), ("2", True)])
def test_forwarded_headers_count_only_behind_a_proxy(read_settings, count, trusted):
    settings = read_settings(**PRODUCTION, PROXY_COUNT=count)
    assert ("SECURE_PROXY_SSL_HEADER" in settings) is trusted
    assert settings["ALLAUTH_TRUSTED_PROXY_COUNT"] == int(count)


@pytest.mark.sqlite
def test_sqlite_is_tuned_for_concurrent_writers(db):
    from django.db import connection

    with connection.cursor() as cursor:
        pragmas = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 20_000, "foreign_keys": 1}
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


# --- What a browser gets from a production server ---
@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """The site as in production behind one proxy, with an empty database; `get` comes through that proxy by https."""
    folder: Path = tmp_path_factory.mktemp("production")
    storage = {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "MEDIA_STORAGE_URL": f"file://{folder / 'media'}"}
    port = free_port()
    variables = PRODUCTION | storage | {"DATA_DIR": str(folder), "PROXY_COUNT": "1"}
    environment = clean_environment(**variables)
    manage("migrate", environment=environment)
    # The admin's and the API documentation's files are large, and no page here links them.
    ignored = [f"--ignore={folder}" for folder in ("admin", "ninja", "django_htmx", "import_export")]
    manage("collectstatic", "--noinput", *ignored, environment=environment)
    with gunicorn(folder, environment, port) as url:
        yield url


HTTPS = {"Host": "courses.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/courses", "/login", "/register", "/about", "/nowhere"])
def test_pages_carry_the_security_headers(production, path):
    headers = fetch(production + path, headers=HTTPS).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert re.search(r"style-src 'self'(;|$)", policy)
    assert "frame-ancestors 'none'" in policy
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.slow
def test_cookies_are_bound_to_the_host(production):
    cookies = fetch(f"{production}/login", headers=HTTPS).headers.get_all("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "SameSite=Lax" in cookie
        assert "HttpOnly" in cookie or "csrftoken" in cookie


@pytest.mark.slow
def test_plain_http_is_sent_to_https(production):
    answer = fetch(f"{production}/courses", headers={"Host": "courses.example.org"})
    assert (answer.status, answer.headers["Location"]) == (301, "https://courses.example.org/courses")


@pytest.mark.slow
def test_other_host_names_are_refused(production):
    assert fetch(f"{production}/", headers=HTTPS | {"Host": "evil.example"}).status == 400


@pytest.mark.slow
def test_errors_tell_visitors_nothing_about_the_inside(production):
    answer = fetch(f"{production}/nowhere", headers=HTTPS)
    assert answer.status == 404
    assert "urlpatterns" not in answer.text
    assert "DEBUG" not in answer.text


@pytest.mark.slow
def test_development_pages_are_not_there(production):
    assert fetch(f"{production}/dev/mail", headers=HTTPS).status == 404


@pytest.mark.slow
def test_static_files_are_hashed_compressed_and_kept_forever(production):
    page = fetch(f"{production}/", headers=HTTPS).text
    sheet = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page)
    assert sheet, "The page links no hashed style sheet."
    answer = fetch(production + sheet[1], headers=HTTPS | {"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.slow
def test_health_needs_neither_host_nor_https(production):
    for path in ("/health/live", "/health/ready"):
        assert fetch(production + path, headers={"Host": "10.0.3.7"}).status == 200
