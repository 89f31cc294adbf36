"""`python -m bench.sessions`: where to keep sessions; the figures of docs/decisions/0021-sessions.md. About a minute.

For each database and each way of keeping sessions: the queries of a request, the size of the cookie, and whether a
session that was ended in one process is ended in the others. Everything goes through the site's own addresses.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.commands import counted
from tests.documentdb_server import DocumentDBServer
from tests.servers import clean_environment, manage
from tests.source import ROOT

KEPT_IN = ("db", "cached_db", "signed_cookies")
EMAIL, PASSWORD = "session@example.org", "correct horse battery"
REQUESTS = 50
COLUMNS = {
    "visitor": "visitor",
    "student": "student",
    "login": "login",
    "cookie_bytes": "cookie, bytes",
    "milliseconds": "student, ms",
    "is_ended": "ended everywhere",
}


def in_the_site(environment: dict[str, str], *arguments: str) -> str:
    """What this module prints as a process of the site's."""
    command = [sys.executable, "-m", "bench.sessions", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def log_in(kept_in: str) -> Any:
    """A browser after the login form."""
    from django.test import Client
    from django.urls import reverse

    client = Client()
    response = client.post(reverse("account_login"), {"login": EMAIL, "password": PASSWORD})
    if response.status_code != 302:
        sys.exit(f"{kept_in}: the login answered {response.status_code}.")
    return client


def measure(kept_in: str) -> dict[str, Any]:
    """One way of keeping sessions, on the database of this process."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    page, needs_login = reverse("users:about"), reverse("users:profile")
    with counted() as login:
        client = log_in(kept_in)
    visitor = Client()
    for browser in (visitor, client):
        browser.get(page)
    with counted() as anonymous:
        visitor.get(page)
    with counted() as authenticated:
        client.get(page)
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        client.get(page)
        times.append(time.perf_counter() - began)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    # Somebody logs out, at another process of the site; then the same cookie comes here again.
    in_the_site(dict(os.environ), "log-out", kept_in, cookie)
    return {
        "visitor": anonymous.count,
        "student": authenticated.count,
        "login": login.count,
        "cookie_bytes": len(f"{settings.SESSION_COOKIE_NAME}={cookie}"),
        "milliseconds": round(statistics.median(times) * 1000, 1),
        "is_ended": "yes" if client.get(needs_login).status_code == 302 else "NO",
    }


def log_out(cookie: str) -> None:
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    if (
        client.get(reverse("users:profile")).status_code != 200
        or client.post(reverse("account_logout")).status_code != 302
    ):
        sys.exit("Could not log out.")


def as_site(arguments: list[str]) -> None:
    """`measure KEPT_IN` or `log-out KEPT_IN COOKIE`, with the site's settings."""
    import django
    from django.conf import settings

    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{arguments[1]}"
    settings.ALLOWED_HOSTS = ["testserver"]
    django.setup()
    if arguments[0] == "log-out":
        log_out(arguments[2])
    else:
        prepare()
        sys.stdout.write(json.dumps(measure(arguments[1])))


def prepare() -> None:
    from users.models import User

    user, _ = User.objects.get_or_create(email=EMAIL, defaults={"name": "Session"})
    user.set_password(PASSWORD)
    user.save()
    user.emailaddress_set.get_or_create(email=EMAIL, defaults={"verified": True, "primary": True})


def main() -> None:
    print(f"{'database':12}{'sessions in':16}" + "".join(f"{title:>18}" for title in COLUMNS.values()))
    with tempfile.TemporaryDirectory(prefix="coursebundler-sessions-") as name:
        folder = Path(name)
        server = DocumentDBServer(folder / "server")
        for database, url in (("DocumentDB", server.url("8.0.2")), ("SQLite", f"sqlite:///{folder / 'db.sqlite3'}")):
            environment = clean_environment(
                DEBUG="true",
                DATA_DIR=str(folder / database),
                DATABASE_URL=url,
                LOG_LEVEL="ERROR",
                DJANGO_SETTINGS_MODULE="coursebundler.settings",
            )
            manage("migrate", environment=environment)
            for kept_in in KEPT_IN:
                found = json.loads(in_the_site(environment, "measure", kept_in))
                print(f"{database:12}{kept_in:16}" + "".join(f"{found[column]:>18}" for column in COLUMNS), flush=True)
        server.forget()


if __name__ == "__main__":
    as_site(sys.argv[1:]) if sys.argv[1:] else main()
