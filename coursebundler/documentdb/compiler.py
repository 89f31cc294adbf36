"""The stock compilers, with inserts that ignore conflicts and with Django's exceptions while rows are fetched."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db import NotSupportedError
from django.db.models import Model, UniqueConstraint
from django.db.models.constants import OnConflict
from django.db.models.sql import Query
from django.db.models.sql.constants import MULTI
from django_mongodb_backend import compiler
from django_mongodb_backend.query import MongoQuery
from pymongo import UpdateOne

from coursebundler.documentdb.errors import with_django_errors

__all__ = [
    "SQLAggregateCompiler",
    "SQLCompiler",
    "SQLDeleteCompiler",
    "SQLInsertCompiler",
    "SQLUpdateCompiler",
]


class GuardedQuery(MongoQuery):
    """The stock query, whose wrapper of exceptions knows duplicate keys only; __wrapped__ is what it wraps."""

    delete = with_django_errors(MongoQuery.delete.__wrapped__)
    get_cursor = with_django_errors(MongoQuery.get_cursor.__wrapped__)


class SQLCompiler(compiler.SQLCompiler):
    query_class = GuardedQuery

    @cached_property
    def collection(self) -> Any:
        """A secondary's for a query that coursebundler.db.allow_lag has marked, if the settings have one asked."""
        get = self.connection.get_listing if getattr(self.query, "may_lag", False) else self.connection.get_collection
        return get(self.collection_name)

    def cursor_iter(self, cursor: Any, chunk_size: int, columns: Any) -> Iterator[Any]:
        """The stock one lets pymongo's exceptions out when the connection is lost between two batches of rows."""
        chunks = super().cursor_iter(cursor, chunk_size, columns)
        fetch = with_django_errors(lambda: next(chunks, None))
        while (chunk := fetch()) is not None:
            yield chunk


class SQLDeleteCompiler(compiler.SQLDeleteCompiler):
    query_class = GuardedQuery

    def execute_sql(self, result_type: Any = MULTI) -> int:
        """A delete across relations asks for the keys first; the stock one refuses it."""
        if not self.single_alias:
            keys = self._keys()
            if not keys:
                return 0
            self.query: Any = self.query.chain()
            self.query.clear_where()
            self.query.alias_refcount = {name: int(name == self.query.base_table) for name in self.query.alias_map}
            self.query.add_filter("pk__in", keys)
            self.__dict__.pop("single_alias", None)
        return super().execute_sql(result_type)

    def _keys(self) -> list[Any]:
        query = self.query.chain(klass=Query)
        query.clear_ordering(force=True)
        query.add_fields([query.get_meta().pk.name])
        return [row[0] for row in query.get_compiler(self.using).results_iter()]


class SQLUpdateCompiler(compiler.SQLUpdateCompiler):
    update = with_django_errors(compiler.SQLUpdateCompiler.update.__wrapped__)

    def check_query(self) -> None:
        """The stock one refuses updates across relations; `update_can_self_select` makes Django ask for keys first."""
        compiler.SQLCompiler.check_query(self)


class SQLAggregateCompiler(compiler.SQLAggregateCompiler):
    query_class = GuardedQuery


class SQLInsertCompiler(compiler.SQLInsertCompiler):
    @with_django_errors
    def insert(self, docs: list[dict[str, Any]], returning_fields: Any = None) -> list[Any]:
        """bulk_create(ignore_conflicts=True) becomes one upsert a row: nothing fails, so a transaction around it lives.

        The row is looked for by the model's one unique constraint; with more than one there is no such upsert.
        """
        if self.query.on_conflict != OnConflict.IGNORE:
            return compiler.SQLInsertCompiler.insert.__wrapped__(self, docs, returning_fields)
        upserts = [
            UpdateOne(
                {column: doc[column] for column in self._unique_columns},
                {"$setOnInsert": {name: value for name, value in doc.items() if name not in self._unique_columns}},
                upsert=True,
            )
            for doc in docs
        ]
        self.collection.bulk_write(upserts, session=self.connection.session)
        return []

    @cached_property
    def _unique_columns(self) -> list[str]:
        """The columns by which two rows of this model are the same."""
        model = self.query.get_meta().model
        sets = _unique_field_sets(model) or [[model._meta.pk.name]]
        if len(sets) > 1:
            raise NotSupportedError(
                f"bulk_create(ignore_conflicts=True) of {model.__name__}, which has several unique constraints. "
                "Instead: get_or_create(), one by one."
            )
        return [model._meta.get_field(name).column for name in sets[0]]


def _unique_field_sets(model: type[Model]) -> list[list[str]]:
    """The fields of each unique constraint of a model besides its primary key."""
    options = model._meta
    constraints = [item for item in options.constraints if isinstance(item, UniqueConstraint) and item.fields]
    return [
        *([field.name] for field in options.local_concrete_fields if field.unique and not field.primary_key),
        *(list(names) for names in options.unique_together),
        *(list(constraint.fields) for constraint in constraints),
    ]
