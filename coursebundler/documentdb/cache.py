"""Django's cache in a collection: what all processes share without a Redis, with an atomic add() and incr().

One document a key: {_id: the key, value: a pickle or a whole number, expires_at: a date or null}. The key is the
primary key, so two add() of one key cannot both win. A TTL index removes what has expired, within a minute or so; what
is read looks at the time itself.
"""

import pickle
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo import ReplaceOne
from pymongo.errors import DuplicateKeyError

from coursebundler.documentdb.errors import with_django_errors

TTL_INDEX = "cache_expires_at"
ATTEMPTS = 5


class CollectionCache(BaseCache):
    """BACKEND "coursebundler.documentdb.cache.CollectionCache"; LOCATION is the collection's name."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.location = location

    @property
    def collection(self) -> Any:
        connection: Any = connections[DEFAULT_DB_ALIAS]
        return connection.get_collection(self.location)

    def _key(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)

    def _expires_at(self, timeout: Any) -> datetime | None:
        """When the value ends, in the server's milliseconds; None is never."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else datetime.fromtimestamp(_now().timestamp() + max(seconds, -1), UTC)

    def _is_live(self) -> dict[str, Any]:
        return {"$or": [{"expires_at": None}, {"expires_at": {"$gt": _now()}}]}

    def condition(self, key: str, version: int | None = None) -> dict[str, Any]:
        """What finds the key unless it has expired."""
        return {"_id": self._key(key, version), **self._is_live()}

    @with_django_errors
    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        document = self.collection.find_one(self.condition(key, version))
        return default if document is None else unpack(document["value"])

    @with_django_errors
    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        names = {self._key(key, version): key for key in keys}
        found = self.collection.find({"_id": {"$in": list(names)}, **self._is_live()})
        return {names[document["_id"]]: unpack(document["value"]) for document in found}

    @with_django_errors
    def has_key(self, key: str, version: int | None = None) -> bool:
        return self.collection.find_one(self.condition(key, version), {"_id": 1}) is not None

    @with_django_errors
    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        name = self._key(key, version)
        for attempt in range(ATTEMPTS):
            try:
                self.collection.replace_one({"_id": name}, self._document(name, value, timeout), upsert=True)
                return
            except DuplicateKeyError:  # Two upserts of a new key at once: the other one inserted, ours can replace.
                if attempt == ATTEMPTS - 1:
                    raise

    @with_django_errors
    def set_many(self, data: dict[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        documents = [self._document(self._key(key, version), value, timeout) for key, value in data.items()]
        if documents:
            self.collection.bulk_write([ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in documents])
        return []

    @with_django_errors
    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store it if the key is not there. Of any number of callers at once, one is told True."""
        name = self._key(key, version)
        document = self._document(name, value, timeout)
        try:
            self.collection.insert_one(document)
            return True
        except DuplicateKeyError:
            # It may have expired without having been removed yet: whoever replaces it, under that condition, wins.
            expired = {"_id": name, "expires_at": {"$lte": _now()}}
            return self.collection.replace_one(expired, document).modified_count == 1

    @with_django_errors
    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number, atomically. ValueError if the key is not there."""
        change = {"$inc": {"value": delta}}
        changed = self.collection.find_one_and_update(self.condition(key, version), change, return_document=True)
        if changed is None:
            raise ValueError(f"Key {key!r} not found")
        return int(changed["value"])

    @with_django_errors
    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        change = {"$set": {"expires_at": self._expires_at(timeout)}}
        return bool(self.collection.update_one(self.condition(key, version), change).matched_count)

    @with_django_errors
    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self.collection.delete_one(self.condition(key, version)).deleted_count)

    @with_django_errors
    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        self.collection.delete_many({"_id": {"$in": [self._key(key, version) for key in keys]}})

    @with_django_errors
    def clear(self) -> None:
        self.collection.delete_many({})

    def _document(self, name: str, value: Any, timeout: Any) -> dict[str, Any]:
        return {"_id": name, "value": pack(value), "expires_at": self._expires_at(timeout)}


def _now() -> datetime:
    return datetime.now(UTC)


def pack(value: Any) -> Any:
    """Whole numbers as they are, so that incr() can add to them; all else as a pickle."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def unpack(value: Any) -> Any:
    # Only this class writes to the collection, as only Django does in its own database cache.
    return pickle.loads(value) if isinstance(value, bytes) else int(value)  # noqa: S301


def create_collection(connection: Any, location: str) -> None:
    """The collection with its TTL index. Safe to call any number of times."""
    if location not in connection.introspection.table_names():
        connection.database.create_collection(location)
    connection.get_collection(location).create_index([("expires_at", 1)], name=TTL_INDEX, expireAfterSeconds=0)


def drop_collection(connection: Any, location: str) -> None:
    connection.database.drop_collection(location)
