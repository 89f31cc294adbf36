"""Index definitions: from Django's indexes and unique constraints to what DocumentDB accepts.

A unique index on MongoDB counts NULL as a value, and SQL does not; so the index of a nullable column holds only the
rows where it is not NULL. The stock backend says that with $type, which partial indexes on DocumentDB do not know
(https://docs.aws.amazon.com/documentdb/latest/developerguide/partial-index.html, "Supported operators"): a comparison
with the smallest value of the column's type says the same, since NULL compares with nothing.
"""

from datetime import datetime
from typing import Any

from bson import Decimal128, Int64
from django.apps import apps
from django.db import NotSupportedError
from django.db.models import Field, Index, Model, Q, UniqueConstraint
from pymongo import ASCENDING, DESCENDING, IndexModel

SMALLEST: dict[str, Any] = {
    "string": "",
    "int": -(2**31),
    "long": Int64(-(2**63)),
    "double": float("-inf"),
    "decimal": Decimal128("-Infinity"),
    "date": datetime(1, 1, 1),
    "bool": False,
}
LOOKUPS = {"exact": "$eq", "gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte"}


def index_model(
    index: Index, model: type[Model], connection: Any, *, field: Any = None, unique: bool = False, prefix: str = ""
) -> IndexModel:
    """The index as pymongo takes it. `field` is a field that is being added and that the model does not have yet."""
    fields: list[tuple[Any, str]]
    fields = [(field, "")] if field else [(model._meta.get_field(name), order) for name, order in index.fields_orders]
    options: dict[str, Any] = {"unique": True} if unique else {}
    conditions = condition_filter(index.condition, model, connection) if index.condition else []
    if unique:
        named = {column for condition in conditions for column in condition}
        conditions += [
            not_null_filter(item, connection, prefix)
            for item, _ in fields
            if item.null and prefix + item.column not in named
        ]
    if conditions:
        options["partialFilterExpression"] = conditions[0] if len(conditions) == 1 else {"$and": conditions}
    keys = [(prefix + item.column, DESCENDING if order else ASCENDING) for item, order in fields]
    return IndexModel(keys, name=index.name, **options)


def not_null_filter(field: Any, connection: Any, prefix: str = "") -> dict[str, Any]:
    """{column: at least the smallest value of its type}."""
    kind = field.db_type(connection)
    if kind not in SMALLEST:
        raise NotSupportedError(f"{field}: DocumentDB has no index of the rows in which a {kind} is not NULL.")
    return {prefix + field.column: {"$gte": SMALLEST[kind]}}


def condition_filter(condition: Q, model: type[Model], connection: Any) -> list[dict[str, Any]]:
    """Q(status="paid", course__isnull=True) → [{"status": {"$eq": "paid"}}, {"course_id": {"$eq": None}}]."""
    if condition.negated or (condition.connector != Q.AND and len(condition.children) > 1):
        raise NotSupportedError(f"{condition}: the condition of an index is made of comparisons joined by AND.")
    filters: list[dict[str, Any]] = []
    for child in condition.children:
        if isinstance(child, Q):
            filters += condition_filter(child, model, connection)
        else:
            path, value = child  # type: ignore[misc]  # the rest of a Q are pairs
            filters.append(_comparison(path, value, model, connection))
    return filters


def _comparison(path: str, value: Any, model: type[Model], connection: Any) -> dict[str, Any]:
    name, _, lookup = path.partition("__")
    field: Any = model._meta.get_field(name)
    if lookup == "isnull":
        return {field.column: {"$eq": None}} if value else not_null_filter(field, connection)
    if (lookup or "exact") not in LOOKUPS:
        raise NotSupportedError(f"{path}: the condition of an index may use =, <, <=, >, >= and isnull.")
    return {field.column: {LOOKUPS[lookup or "exact"]: field.get_db_prep_save(value, connection)}}


def partial_filters(connection: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """{collection: {nullable unique column: the condition of its index}}, for the models that are installed."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if field.null and _is_unique_alone(field, model):
                condition = not_null_filter(field, connection)
                found.setdefault(model._meta.db_table, {}).update(condition)
    return found


def _is_unique_alone(field: "Field[Any, Any]", model: type[Model]) -> bool:
    constraints = [item for item in model._meta.constraints if isinstance(item, UniqueConstraint)]
    return field.unique or any(item.fields == (field.name,) and not item.condition for item in constraints)
