"""The command that an operator runs first on a real cluster."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from coursebundler.documentdb import selftest
from coursebundler.documentdb.base import DatabaseWrapper

pytestmark = pytest.mark.django_db


def check() -> str:
    out = StringIO()
    call_command("check_database", stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _version_as_configured(monkeypatch):
    """The test server tells a MongoDB version of its own."""
    monkeypatch.setattr(DatabaseWrapper, "get_database_version", lambda self: (int(self.level[0]), 0, 0))


def test_it_works():
    out = check()
    assert "FAILED" not in out
    assert f"All {len(selftest.CHECKS) + 1} checks passed." in out


def test_it_leaves_nothing_behind():
    before = connection.introspection.table_names()
    check()
    assert connection.introspection.table_names() == before


def test_it_refuses_another_version(monkeypatch):
    monkeypatch.setattr(DatabaseWrapper, "get_database_version", lambda self: (4, 0, 0))
    with pytest.raises(CommandError, match="1 of 15 checks failed"):
        check()


def test_a_server_that_refuses_fails_its_check(monkeypatch):
    def broken(scratch):
        raise selftest.Refused("the server took it")

    monkeypatch.setitem(selftest.CHECKS, "Unique", broken)
    with pytest.raises(CommandError, match="1 of 15"):
        check()


def test_a_missing_index_of_the_cache_is_found():
    connection.get_collection("cache").drop_index("cache_expires_at")
    try:
        with pytest.raises(CommandError, match="1 of 15"):
            check()
    finally:
        connection.get_collection("cache").create_index(
            [("expires_at", 1)], name="cache_expires_at", expireAfterSeconds=0
        )
