"""What the load balancer asks: is the process alive, and can it work?"""

import pytest
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
