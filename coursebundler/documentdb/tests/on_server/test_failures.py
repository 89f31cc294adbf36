"""What happens when the server goes away: clear errors, nothing lost, and back as soon as it is back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import DatabaseError, OperationalError
from django.db.utils import ConnectionHandler
from pymongo.errors import OperationFailure

from coursebundler import database_url
from coursebundler.documentdb import cache
from coursebundler.documentdb.base import DatabaseWrapper
from coursebundler.documentdb.errors import as_django_error, with_django_errors
from tests.documentdb_server import DocumentDBServer, free_port
from tests.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = "&tls=false&replicaSet=secantus&serverSelectionTimeoutMS=1500&connectTimeoutMS=1500"


@pytest.fixture
def connect():
    """A connection of its own to a port: (port, **options) → DatabaseWrapper."""
    made = []

    def make(port: int, options: str = PATIENCE) -> DatabaseWrapper:
        config = database_url.databases(f"documentdb://127.0.0.1:{port}/failures?engine=5.0{options}")["default"]
        connection = ConnectionHandler({"default": config})["default"]
        connection.alias = f"failures{len(made)}"
        made.append(connection)
        return connection

    yield make
    for connection in made:
        if connection.connection:
            connection.close_pool()


def insert(connection, key):
    connection.get_collection("rows").insert_one({"_id": key})


def keys(connection):
    return sorted(row["_id"] for row in connection.get_collection("rows").find())


def eventually(action, seconds):
    """Call until it does not fail; how long that took."""
    start = time.monotonic()
    while True:
        try:
            action()
            return time.monotonic() - start
        except Exception:
            if time.monotonic() - start > seconds:
                raise
            time.sleep(0.1)


def test_a_refused_connection_is_an_operational_error_within_two_seconds(connect):
    connection = connect(free_port())
    start = time.monotonic()
    with pytest.raises(OperationalError, match="does not answer"):
        with_django_errors(insert)(connection, "a")
    assert time.monotonic() - start < 2.5


def test_only_one_of_many_waits_for_a_server_that_is_away(connect):
    """Each would hold a thread of the site for as long as it waits."""
    connection = connect(free_port())
    assert ask(connection) > 1, "the first finds out"
    time.sleep(0.1)
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda number: ask(connection), range(8)))
    assert waits[5] < 0.5
    assert waits[7] > 1, "somebody has to look whether it is back"


def ask(connection) -> float:
    """How long it took until it failed."""
    start = time.monotonic()
    with pytest.raises(OperationalError, match="does not answer"):
        with_django_errors(insert)(connection, "a")
    return time.monotonic() - start


def test_the_cache_says_it_in_djangos_words(connect, monkeypatch):
    monkeypatch.setattr(cache, "connections", {"default": connect(free_port())})
    with pytest.raises(OperationalError, match="does not answer"):
        cache.CollectionCache("cache", {}).add("key", 1)


def test_a_refused_password_is_no_fault_of_the_program():
    error = OperationFailure("Authentication failed.", 18)
    assert isinstance(as_django_error(error), OperationalError)


@pytest.mark.slow
def test_a_killed_server_loses_nothing_that_was_confirmed(connect, tmp_path):
    """SIGKILL in the middle of writing; whatever was answered is there afterwards."""
    server = DocumentDBServer(tmp_path, "--sync-on-commit")
    connection = connect(server.port)
    confirmed = []

    def write():
        for number in range(10_000):
            try:
                insert(connection, f"{number:05}")
            except Exception:
                return
            confirmed.append(f"{number:05}")

    writer = threading.Thread(target=write)
    writer.start()
    while len(confirmed) < 30:
        time.sleep(0.01)
    server.kill()
    writer.join()
    server.start()
    eventually(lambda: keys(connection), 10)
    assert set(confirmed) <= set(keys(connection))
    insert(connection, "afterwards")
    server.stop()


@pytest.mark.slow
def test_a_killed_server_leaves_no_half_of_a_transaction(connect, tmp_path):
    server = DocumentDBServer(tmp_path, "--sync-on-commit")
    connection = connect(server.port)
    insert(connection, "before")
    with pytest.raises(DatabaseError):
        connection.start_transaction_mongo()
        connection.get_collection("rows").insert_one({"_id": "half"}, session=connection.session)
        server.kill()
        connection.commit_mongo()
    assert connection.session is None
    server.start()
    eventually(lambda: keys(connection), 10)
    assert keys(connection) == ["before"]
    connection.start_transaction_mongo()
    connection.get_collection("rows").insert_one({"_id": "whole"}, session=connection.session)
    connection.commit_mongo()
    assert keys(connection) == ["before", "whole"]
    server.stop()


@pytest.mark.slow
def test_a_server_that_falls_silent_is_given_up(connect, tmp_path):
    """Its machine died: no reset ever comes, and what waits for an answer must not wait for minutes."""
    server = DocumentDBServer(tmp_path)
    with closing(Proxy(server.port)) as proxy:
        connection = connect(proxy.port, PATIENCE + "&directConnection=true")
        insert(connection, "before")
        time.sleep(1)  # Its monitor is at work.
        proxy.is_silent = True
        assert ask(connection) < 9
        proxy.is_silent = False
        assert eventually(lambda: insert(connection, "after"), 10) < 5
    server.stop()


@pytest.mark.slow
def test_it_is_back_soon_after_the_server_is(connect, tmp_path):
    """Every connection reset and refused for a while, as in a failover: errors meanwhile, no write lost or doubled."""
    server = DocumentDBServer(tmp_path, "--sync-on-commit")
    with closing(Proxy(server.port)) as proxy:
        # Direct: the server would tell its own address, and the driver would go past the proxy.
        connection = connect(proxy.port, PATIENCE + "&directConnection=true")
        insert(connection, "before")
        proxy.drop()
        failed = 0
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                insert(connection, f"during {failed}")
            except Exception:
                failed += 1
        assert failed
        proxy.is_up = True
        took = eventually(lambda: insert(connection, "after"), 10)
        assert took < 5
        assert keys(connection) == ["after", "before"]
    server.stop()
