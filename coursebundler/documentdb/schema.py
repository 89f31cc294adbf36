"""Migrations: the stock schema editor with DocumentDB's index definitions, and with check constraints."""

from typing import Any

from django.db import NotSupportedError
from django.db.models import CheckConstraint, Index, Model
from django_mongodb_backend import schema
from django_mongodb_backend.indexes import SearchIndex
from django_mongodb_backend.schema import ignore_embedded_models

from coursebundler.documentdb.checks import validator
from coursebundler.documentdb.indexes import index_model


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        if rules := validator(model, self.connection):
            self.set_validator(model, rules)

    def add_constraint(self, model: type[Model], constraint: Any, *args: Any, **kwargs: Any) -> None:
        super().add_constraint(model, constraint, *args, **kwargs)
        if isinstance(constraint, CheckConstraint):
            self.set_validator(model, validator(model, self.connection))

    def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        super().remove_constraint(model, constraint)
        if isinstance(constraint, CheckConstraint):
            self.set_validator(model, validator(model, self.connection, without=constraint.name))

    def set_validator(self, model: type[Model], rules: dict[str, Any]) -> None:
        """Replace the collection's rules; {} for none."""
        if self.collect_sql:
            self.collected_sql.append(f"db.runCommand({{collMod: {model._meta.db_table!r}, validator: {rules!r}}})")
        else:
            self.connection.database.command("collMod", model._meta.db_table, validator=rules)

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
