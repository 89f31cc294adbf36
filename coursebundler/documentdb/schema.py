"""Migrations: the stock schema editor with DocumentDB's index definitions."""

from typing import Any

from django.db import NotSupportedError
from django.db.models import Index, Model
from django_mongodb_backend import schema
from django_mongodb_backend.indexes import SearchIndex
from django_mongodb_backend.schema import ignore_embedded_models

from coursebundler.documentdb.indexes import index_model


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    @ignore_embedded_models
    def add_index(
        self,
        model: type[Model],
        index: Index,
        *,
        field: Any = None,
        unique: bool = False,
        column_prefix: str = "",
        parent_model: type[Model] | None = None,
    ) -> None:
        if index.contains_expressions:
            return
        if isinstance(index, SearchIndex):
            raise NotSupportedError("Amazon DocumentDB has no Atlas search indexes.")
        definition = index_model(index, model, self.connection, field=field, unique=unique, prefix=column_prefix)
        self.get_collection((parent_model or model)._meta.db_table).create_indexes([definition])
