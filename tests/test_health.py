"""What the load balancer asks: is the process alive, and can it work?"""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from scripts.lint import PRODUCTION
from tests.servers import clean_environment, fetch, free_port, gunicorn, manage


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_it_works_with_any_host_name(db, path):
    """A load balancer names the address of the machine, not the site."""
    assert Client(headers={"host": "10.0.3.7"}).get(path).status_code == 200


def test_other_pages_want_the_sites_own_name(db):
    assert Client(headers={"host": "10.0.3.7"}).get("/about").status_code == 400


def test_live_never_asks_the_database(db, django_assert_num_queries, client):
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_ready_asks_the_database_once(db, django_assert_num_queries, client):
    with django_assert_num_queries(1):
        assert client.get("/health/ready").json() == {"status": "ready"}


def test_uptime_monitors_may_ask_for_the_head_alone(db, client):
    whole, head = client.get("/health/live"), client.head("/health/live")
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(whole.content)))


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_nobody_changes_anything_here(client, path):
    answer = client.post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/health/live/", "/health", "/health/", "//health/live"])
def test_other_addresses_are_none(db, path):
    assert Client(headers={"host": "courses.example.org"}).get(path).status_code in (400, 404)


@pytest.mark.sqlite
def test_ready_does_not_wait_for_a_lock_as_long_as_a_page_does(db, client, monkeypatch):
    def waits_for() -> int:
        with connection.cursor() as cursor:
            return cursor.execute("PRAGMA busy_timeout").fetchone()[0]

    usual, seen = waits_for(), []
    monkeypatch.setattr(get_user_model()._default_manager, "values_list", lambda *_: seen.append(waits_for()) or User())
    assert client.get("/health/ready").status_code == 200
    assert seen == [2000]
    assert waits_for() == usual != 2000


class User:
    def first(self) -> None:
        """Nobody."""


@pytest.mark.slow
def test_ready_says_no_while_the_database_is_away_and_yes_when_it_is_back(tmp_path):
    folder = tmp_path / "disk"
    environment = clean_environment(
        **PRODUCTION | {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "DATA_DIR": str(tmp_path)}
    )
    (tmp_path / "static").mkdir()
    with gunicorn(tmp_path, environment, free_port()) as url:
        assert fetch(f"{url}/health/ready").status == 503
        assert fetch(f"{url}/health/live").status == 200
        folder.mkdir()
        manage("migrate", environment=environment)
        assert fetch(f"{url}/health/ready").status == 200
        assert fetch(f"{url}/health/live").status == 200
