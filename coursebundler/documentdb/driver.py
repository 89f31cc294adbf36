"""pymongo's client, database and collection, with every way to the server rewritten and guarded.

Whoever gets hold of the connection gets these: the ORM, migrations, the cache, management commands, and code that asks
for a raw collection. What is not overridden here sends nothing of its own, or goes through what is. Options go by name:
one that came by its position would not be looked at.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pymongo
from django.db import IntegrityError, OperationalError
from pymongo import collection, cursor, database
from pymongo.operations import DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from coursebundler.documentdb import guard
from coursebundler.documentdb.checks import RowCheck
from coursebundler.documentdb.rewrite import Plan, Planner
from coursebundler.documentdb.rewrite.empty import row_for_no_rows, rows_of_constants
from coursebundler.documentdb.rewrite.shape import fill
from coursebundler.documentdb.updates import names_one_row, per_row_updates, update_document, update_statements

Document = dict[str, Any]
# While the database is away, one thread of a process looks for it again this often.
TRY_EVERY_SECONDS = 1

# The server's own first batch is of 101 rows: a course of 150 lectures would take two commands.
ROWS_AT_ONCE = 1000

# Untyped on purpose: pymongo's overloads describe what it returns, and these take and return ours.
PlainClient: Any = pymongo.MongoClient
PlainDatabase: Any = database.Database
PlainCollection: Any = collection.Collection
PlainCursor: Any = cursor.Cursor


class Client(PlainClient):
    """A MongoClient whose databases are guarded; `planner` knows the engine level, `row_checks` are by collection."""

    def __init__(
        self, *args: Any, planner: Planner, row_checks: Mapping[str, list[RowCheck]] | None = None, **kwargs: Any
    ) -> None:
        self.planner = planner
        self.row_checks = row_checks or {}
        self.away_since: float | None = None
        self.tried_at = 0.0
        super().__init__(*args, **kwargs)

    def refuse_while_away(self) -> None:
        """Raise OperationalError if there has been no primary for longer than a command would wait for one.

        Otherwise every request would hold a thread for that long, and a health check behind them would time out.
        """
        if self.topology_description.has_writable_server():
            self.away_since = None
            return
        now = time.monotonic()
        self.away_since = self.away_since or now
        is_long_away = now - self.away_since > self.options.server_selection_timeout
        if is_long_away and now - self.tried_at < TRY_EVERY_SECONDS:
            raise OperationalError("The database does not answer.")
        self.tried_at = now

    def __getitem__(self, name: str) -> "Database":
        return Database(self, name)

    def get_database(self, name: str | None = None, *args: Any, **kwargs: Any) -> "Database":
        return Database(self, name or super().get_default_database().name, *args, **kwargs)

    get_default_database = get_database

    def bulk_write(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("a bulk_write() of the client", self.planner.level, "bulk_write() of a collection")

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("a change stream over the whole cluster here", self.planner.level, "watch() of a collection")

    def _end_sessions(self, session_ids: list[Any]) -> None:
        """endSessions is not listed for any level; the server forgets idle sessions by itself."""


class Database(PlainDatabase):
    @property
    def planner(self) -> Planner:
        return self.client.planner

    def __getitem__(self, name: str) -> "Collection":
        return Collection(self, name)

    def get_collection(self, name: str, *args: Any, **kwargs: Any) -> "Collection":
        return Collection(self, name, *args, **kwargs)

    def with_options(self, *args: Any, **kwargs: Any) -> "Database":
        plain = super().with_options(*args, **kwargs)
        return Database(self.client, self.name, **_options_of(plain))

    def create_collection(self, name: str, **kwargs: Any) -> "Collection":
        guard.check_options(kwargs, self.planner.level)
        guard.check_validator(kwargs, self.planner.level)
        if "capped" in kwargs or "viewOn" in kwargs or "timeseries" in kwargs:
            raise guard.refuse("capped collections, views and time series", self.planner.level)
        super().create_collection(name, check_exists=False, **kwargs)
        return self[name]

    def command(self, command: Any, value: Any = 1, *args: Any, **kwargs: Any) -> Any:
        whole = dict(command) if isinstance(command, Mapping) else {command: value, **kwargs}
        if "explain" in whole and "aggregate" in whole["explain"]:
            whole["explain"] = self[whole["explain"]["aggregate"]].as_sent(whole["explain"])
            command, value = whole, 1
        guard.check_command(whole, self.planner.level)
        if isinstance(command, Mapping):
            return super().command(command, *args, **kwargs)
        return super().command(command, value, *args, **kwargs)

    def aggregate(self, pipeline: Any, **kwargs: Any) -> Any:
        guard.check_pipeline(pipeline, self.planner.level)
        guard.check_options(kwargs, self.planner.level)
        return super().aggregate(pipeline, **kwargs)

    def cursor_command(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("cursor_command()", self.planner.level, "aggregate() or find()")

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("a change stream over a database here", self.planner.level, "watch() of a collection")


class Collection(PlainCollection):
    @property
    def level(self) -> str:
        return self.database.planner.level

    def with_options(self, *args: Any, **kwargs: Any) -> "Collection":
        plain = super().with_options(*args, **kwargs)
        return Collection(self.database, self.name, **_options_of(plain))

    def __getattr__(self, name: str) -> "Collection":
        """collection.archive is the collection "name.archive"; guarded as well."""
        if name.startswith("_"):
            raise AttributeError(name)
        return Collection(self.database, f"{self.name}.{name}")

    def __getitem__(self, name: str) -> "Collection":
        return Collection(self.database, f"{self.name}.{name}")

    # --- Reading ---
    def aggregate(self, pipeline: Any, session: Any = None, **kwargs: Any) -> Any:
        """Run a pipeline as the stock backend makes it. Two or more commands if it holds subqueries."""
        guard.check_options(kwargs, self.level)
        plan, values = self._prepare(list(pipeline), session)
        if plan.constants is not None:
            return Rows(rows_of_constants(fill(plan.constants, values)))
        cursor = super().aggregate(plan.fill(values), session, **{"batchSize": ROWS_AT_ONCE} | kwargs)
        if plan.for_no_rows is None and plan.default is None:
            return cursor
        return Rows(list(cursor) or [plan.default or row_for_no_rows(fill(plan.for_no_rows, values))])

    def _prepare(self, pipeline: list[Document], session: Any) -> tuple[Plan, list[Any]]:
        """The plan, and the values of the pipeline, of the clock and of the subqueries, which are run here."""
        plan, values = self.database.planner.plan(self.name, pipeline)
        if plan.clock:
            values[plan.clock.number] = datetime.now(UTC)
        for subquery in plan.subqueries:
            rows = self.database[subquery.collection].aggregate(fill(subquery.stages, values), session)
            row: Document = next(iter(rows), {})
            for column, hole in subquery.answers.items():
                values[hole.number] = row.get(column)
        return plan, values

    def as_sent(self, command: Document) -> Document:
        """An aggregate command with the pipeline that goes out; for explain()."""
        plan, values = self._prepare(list(command["pipeline"]), None)
        return command | {"pipeline": plan.fill(values)}

    def find(self, filter: Any = None, projection: Any = None, **kwargs: Any) -> "Cursor":
        guard.check_query(filter or {}, self.level)
        guard.check_projection(projection, self.level)
        guard.check_options(kwargs, self.level)
        return Cursor(self, filter, projection, **kwargs)

    def count_documents(self, filter: Any, **kwargs: Any) -> int:
        guard.check_query(filter, self.level)
        guard.check_options(kwargs, self.level)
        return super().count_documents(filter, **kwargs)

    def distinct(self, key: str, filter: Any = None, **kwargs: Any) -> list[Any]:
        guard.check_query(filter or {}, self.level)
        guard.check_options(kwargs, self.level)
        return super().distinct(key, filter, **kwargs)

    def watch(self, pipeline: Any = None, **kwargs: Any) -> Any:
        guard.check_pipeline(pipeline or (), self.level)
        guard.check_options(kwargs, self.level)
        return super().watch(pipeline, **kwargs)

    def find_raw_batches(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("raw batches here", self.level, "find()")

    def aggregate_raw_batches(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("raw batches here", self.level, "aggregate()")

    # --- Writing ---
    def insert_one(self, document: Any, **kwargs: Any) -> Any:
        self._check_document(document)
        return super().insert_one(document, **kwargs)

    def insert_many(self, documents: Iterable[Any], **kwargs: Any) -> Any:
        documents = list(documents)
        for document in documents:
            self._check_document(document)
        if len(documents) == 1 and not kwargs.get("bypass_document_validation"):
            # One insert can be retried by the driver, and a duplicate key is told as such.
            kwargs.pop("ordered", None)
            return ManyInserted([self.insert_one(documents[0], **kwargs).inserted_id])
        return super().insert_many(documents, **kwargs)

    def update_one(self, filter: Any, update: Any, **kwargs: Any) -> Any:
        guard.check_update_order(kwargs, self.level)
        return super().update_one(filter, self._checked_update(filter, update, kwargs), **kwargs)

    def update_many(self, filter: Any, update: Any, **kwargs: Any) -> Any:
        """Like pymongo's, and for the stock backend's pipelines too. A single update if one row is meant."""
        if isinstance(update, Sequence) and (rows := per_row_updates(filter, list(update))):
            return self.bulk_write(update_statements(filter, rows), ordered=False, session=kwargs.get("session"))
        update = self._checked_update(filter, update, kwargs)
        send = super().update_one if names_one_row(filter) else super().update_many
        return send(filter, update, **kwargs)

    def _checked_update(self, filter: Any, update: Any, options: Document) -> Any:
        guard.check_query(filter, self.level)
        guard.check_options(options, self.level)
        if isinstance(update, list):
            update = update_document(update, self.level)
        guard.check_update(update, self.level)
        self._check_values(update)
        return update

    def _check_document(self, document: Any) -> None:
        guard.check_document(document, self.level)
        self._check_row(document)

    def _check_values(self, update: Any) -> None:
        self._check_row(update.get("$setOnInsert", {}) | update.get("$set", {}))

    def _check_row(self, values: Any) -> None:
        """The check constraints that the server cannot keep, if their columns are all here."""
        for check in self.database.client.row_checks.get(self.name, ()):
            if check.columns <= values.keys() and check.holds(values) is False:
                raise IntegrityError(f"CHECK constraint failed: {check.name}")

    def replace_one(self, filter: Any, replacement: Any, **kwargs: Any) -> Any:
        guard.check_query(filter, self.level)
        self._check_document(replacement)
        guard.check_options(kwargs, self.level)
        guard.check_update_order(kwargs, self.level)
        return super().replace_one(filter, replacement, **kwargs)

    def delete_one(self, filter: Any, **kwargs: Any) -> Any:
        guard.check_query(filter, self.level)
        guard.check_options(kwargs, self.level)
        return super().delete_one(filter, **kwargs)

    def delete_many(self, filter: Any, **kwargs: Any) -> Any:
        guard.check_query(filter, self.level)
        guard.check_options(kwargs, self.level)
        send = super().delete_one if names_one_row(filter) else super().delete_many
        return send(filter, **kwargs)

    def find_one_and_update(self, filter: Any, update: Any, **kwargs: Any) -> Any:
        guard.check_projection(kwargs.get("projection"), self.level)
        return super().find_one_and_update(filter, self._checked_update(filter, update, kwargs), **kwargs)

    def find_one_and_replace(self, filter: Any, replacement: Any, **kwargs: Any) -> Any:
        guard.check_query(filter, self.level)
        self._check_document(replacement)
        guard.check_options(kwargs, self.level)
        guard.check_projection(kwargs.get("projection"), self.level)
        return super().find_one_and_replace(filter, replacement, **kwargs)

    def find_one_and_delete(self, filter: Any, **kwargs: Any) -> Any:
        guard.check_query(filter, self.level)
        guard.check_options(kwargs, self.level)
        guard.check_projection(kwargs.get("projection"), self.level)
        return super().find_one_and_delete(filter, **kwargs)

    def bulk_write(self, requests: Any, **kwargs: Any) -> Any:
        requests = list(requests)
        guard.check_options(kwargs, self.level)
        for request in requests:
            self._check_bulk_request(request)
        return super().bulk_write(requests, **kwargs)

    def _check_bulk_request(self, request: Any) -> None:
        guard.check_options({"collation": getattr(request, "_collation", None)}, self.level)
        if isinstance(request, InsertOne):
            self._check_document(request._doc)
            return
        guard.check_query(request._filter, self.level)
        guard.check_update_order({"sort": getattr(request, "_sort", None)}, self.level)
        if isinstance(request, UpdateOne | UpdateMany):
            guard.check_update(request._doc, self.level)
            self._check_values(request._doc)
        elif isinstance(request, ReplaceOne):
            self._check_document(request._doc)
        elif not isinstance(request, DeleteOne | DeleteMany):
            raise guard.refuse(f"{type(request).__name__} in bulk_write()", self.level)

    # --- Indexes ---
    def create_indexes(self, indexes: Sequence[IndexModel], **kwargs: Any) -> list[str]:
        for index in indexes:
            guard.check_index(index.document, self.level)
        return super().create_indexes(indexes, **kwargs)

    def create_index(self, keys: Any, **kwargs: Any) -> str:
        # pymongo's own goes past create_indexes() to the server.
        options = {name: kwargs.pop(name) for name in ("session", "comment") if name in kwargs}
        return self.create_indexes([IndexModel(keys, **kwargs)], **options)[0]

    def list_search_indexes(self, *args: Any, **kwargs: Any) -> Any:
        raise guard.refuse("Atlas search indexes", self.level, "an ordinary or a text index")

    create_search_index = create_search_indexes = update_search_index = drop_search_index = list_search_indexes


class Cursor(PlainCursor):
    """What find() gives. What is asked of it before it is walked, as in find().where(), is guarded too."""

    def where(self, code: Any) -> "Cursor":
        guard.check_query({"$where": code}, self.collection.level)
        return super().where(code)

    def collation(self, collation: Any) -> "Cursor":
        guard.check_options({"collation": collation}, self.collection.level)
        return super().collation(collation)

    def max(self, spec: Any) -> "Cursor":
        raise guard.refuse("max() of a cursor", self.collection.level, "a filter")

    min = max

    def allow_disk_use(self, allow_disk_use: bool) -> "Cursor":
        raise guard.refuse("allow_disk_use() of a cursor", self.collection.level, "an index that sorts, or a limit()")

    def add_option(self, mask: int) -> "Cursor":
        raise guard.refuse("add_option() of a cursor", self.collection.level)


def _options_of(plain: Any) -> Document:
    return {
        "codec_options": plain.codec_options,
        "read_preference": plain.read_preference,
        "write_concern": plain.write_concern,
        "read_concern": plain.read_concern,
    }


class Rows:
    """Documents that are here already, with as much of a cursor as the stock backend uses."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = iter(documents)

    def __iter__(self) -> Iterator[Document]:
        return self._documents

    def __next__(self) -> Document:
        return next(self._documents)

    next = __next__

    def close(self) -> None:
        """There is nothing open."""


class ManyInserted:
    """What insert_many() gives, for the one document that insert_one() stored."""

    def __init__(self, inserted_ids: list[Any]) -> None:
        self.inserted_ids = inserted_ids
        self.acknowledged = True
