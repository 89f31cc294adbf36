"""What credentials.py uses of pymongo that is not public: this fails, by name, with a pymongo that has changed it.

There is no public way to give a pool other credentials (pymongo 4.20). That the whole works is shown on a server, in
on_server/test_credentials.py.
"""

import inspect

import pymongo
import pytest
from pymongo.synchronous.pool import Pool

from coursebundler.database_url import Secret
from coursebundler.documentdb.credentials import Credentials, FollowingPool, with_credentials


class FakeSecret:
    def current(self):
        return Credentials("new", Secret("new password"))


@pytest.fixture
def client():
    def pool(*args, **kwargs):
        return FollowingPool(*args, secret=FakeSecret(), **kwargs)

    client = pymongo.MongoClient(
        "mongodb://127.0.0.1:9/", username="old", password="old password", connect=False, _pool_class=pool
    )
    yield client
    client.close()


def test_a_client_takes_a_pool_of_ours(client):
    assert (
        client._topology_settings.pool_class(("127.0.0.1", 9), client.options.pool_options).__class__ is FollowingPool
    )


def test_options_take_other_credentials(client):
    before = client.options.pool_options
    after = with_credentials(before, Credentials("new", Secret("new password")))
    assert (after._credentials.username, after._credentials.password) == ("new", "new password")
    assert (before._credentials.username, before._credentials.password) == ("old", "old password")
    assert after._credentials.mechanism == before._credentials.mechanism
    assert after.max_pool_size == before.max_pool_size


def test_a_pool_reads_its_options_when_it_connects(client):
    """From self.opts, of which FollowingPool gives each thread its own while it connects."""
    assert "self.opts" in inspect.getsource(Pool.connect)
    assert list(inspect.signature(Pool.connect).parameters) == ["self", "handler"]
    pool = client._topology_settings.pool_class(("127.0.0.1", 9), client.options.pool_options)
    assert pool.opts is client.options.pool_options
    assert pool.is_sdam is False
    assert callable(pool.reset_without_pause)
