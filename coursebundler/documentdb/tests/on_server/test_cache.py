"""The cache in a collection: Django's contract, and what several processes at once may rely on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection

pytestmark = pytest.mark.django_db

THREADS = 8


def expire(key):
    """As if time had passed, and the server had not removed it yet."""
    past = datetime.now(UTC) - timedelta(seconds=5)
    name = cache.make_key(key)
    assert connection.get_collection("cache").update_one({"_id": name}, {"$set": {"expires_at": past}}).matched_count


@pytest.mark.parametrize("value", [1, 0, -5, 2**70, True, None, "x", 1.5, b"x", {"a": [1, {2}]}])
def test_values_come_back_as_they_were(value):
    cache.set("key", value)
    assert cache.get("key", "nothing") == value
    assert type(cache.get("key", "nothing")) is type(value)


def test_what_is_not_there():
    assert cache.get("key") is None
    assert cache.get("key", "default") == "default"
    assert "key" not in cache
    assert cache.delete("key") is False
    assert cache.touch("key") is False
    with pytest.raises(ValueError, match="not found"):
        cache.incr("key")


def test_what_has_expired_is_not_there():
    cache.set("key", 1)
    expire("key")
    assert cache.get("key") is None
    assert cache.get_many(["key"]) == {}
    assert "key" not in cache
    assert cache.touch("key") is False
    with pytest.raises(ValueError, match="not found"):
        cache.incr("key")


def test_timeouts():
    cache.set("now", 1, 0)
    cache.set("ever", 1, None)
    assert "now" not in cache
    assert connection.get_collection("cache").find_one({"_id": cache.make_key("ever")})["expires_at"] is None
    cache.set("later", 1)
    cache.touch("later", None)
    assert connection.get_collection("cache").find_one({"_id": cache.make_key("later")})["expires_at"] is None


def test_many_at_once():
    cache.set_many({"a": 1, "b": 2, "c": 3})
    assert cache.get_many(["a", "b", "x"]) == {"a": 1, "b": 2}
    cache.delete_many(["a", "b"])
    assert cache.get_many(["a", "b", "c"]) == {"c": 3}
    cache.clear()
    assert cache.get("c") is None


def test_versions_are_apart():
    cache.set("key", 1, version=1)
    assert cache.get("key", version=2) is None


def test_counting_keeps_the_time_of_expiry():
    cache.set("key", 5, 60)
    before = connection.get_collection("cache").find_one({"_id": cache.make_key("key")})["expires_at"]
    assert cache.incr("key", 3) == 8
    assert cache.decr("key") == 7
    assert connection.get_collection("cache").find_one({"_id": cache.make_key("key")})["expires_at"] == before


def at_once(function):
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(function, range(THREADS)))


@pytest.mark.django_db(transaction=True)
def test_one_of_many_adds():
    for attempt in range(10):
        assert sum(at_once(lambda number, key=f"key{attempt}": cache.add(key, number))) == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_many_adds_what_has_expired():
    for attempt in range(10):
        cache.set(f"key{attempt}", 0)
        expire(f"key{attempt}")
        assert sum(at_once(lambda number, key=f"key{attempt}": cache.add(key, number))) == 1


@pytest.mark.django_db(transaction=True)
def test_no_increment_is_lost():
    cache.set("key", 0)
    at_once(lambda number: [cache.incr("key") for _ in range(20)])
    assert cache.get("key") == THREADS * 20


@pytest.mark.django_db(transaction=True)
def test_setting_at_once_fails_for_nobody():
    at_once(lambda number: cache.set("new", number))
    assert cache.get("new") in range(THREADS)
