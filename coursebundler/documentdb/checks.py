"""CheckConstraint, kept by the server: the collection's validator is a JSON schema that every write must meet.

AWS: https://docs.aws.amazon.com/documentdb/latest/developerguide/json-schema-validation.html, which names the keywords
and says that a validator holds nothing but a schema: no $expr. A schema compares a column with constants, and can tell
lower case. Constraints that compare two columns have no such form: `row_checks` keeps them on this side, wherever all
of their columns are written together, which is in inserts and in a plain save(). docs/database.md says so.
"""

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import CheckConstraint, F, Model, Q
from django.db.models.functions import Lower

Schema = dict[str, Any]

BOUNDS = {"gt": ("minimum", True), "gte": ("minimum", False), "lt": ("maximum", True), "lte": ("maximum", False)}

# As Lower() on SQLite, which knows the letters of ASCII. What is not a text, such as NULL, passes.
LOWER_CASE = {"pattern": "^[^A-Z]*$"}


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class NoSchemaError(Exception):
    """The condition says something that a JSON schema cannot."""


class RowCheck(NamedTuple):
    """`holds` takes a row with these columns; None, for a comparison with NULL, is no objection, as in SQL."""

    name: str
    columns: set[str]
    holds: Callable[[Mapping[str, Any]], bool | None]


def validator(model: type[Model], connection: Any, *, without: str = "") -> Schema:
    """The collection's validator from the model's check constraints; {} if there are none."""
    schemas = [
        condition_schema(constraint.condition, model, connection)
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint)
        and constraint.name != without
        and is_enforceable(constraint, model, connection)
    ]
    return {"$jsonSchema": {"allOf": schemas}} if schemas else {}


def is_enforceable(constraint: CheckConstraint, model: type[Model], connection: Any) -> bool:
    try:
        condition_schema(constraint.condition, model, connection)
    except NoSchemaError:
        return False
    return True


def unenforced(model: type[Model], connection: Any) -> list[str]:
    """Names of the model's check constraints that the server does not keep."""
    checks = [item for item in model._meta.constraints if isinstance(item, CheckConstraint)]
    return [check.name for check in checks if not is_enforceable(check, model, connection)]


def condition_schema(condition: Any, model: type[Model], connection: Any) -> Schema:
    """Q(status="paid") | Q(amount__gt=0) → {"anyOf": [{"properties": {"status": …}}, …]}."""
    if isinstance(condition, tuple):
        path, value = condition
        return _comparison(path, value, model, connection)
    if not isinstance(condition, Q) or condition.connector == Q.XOR:
        raise NoSchemaError
    parts = [condition_schema(child, model, connection) for child in condition.children]
    schema = parts[0] if len(parts) == 1 else {"allOf" if condition.connector == Q.AND else "anyOf": parts}
    return {"not": schema} if condition.negated else schema


def _comparison(path: str, value: Any, model: type[Model], connection: Any) -> Schema:
    name, _, lookup = path.partition("__")
    field: Any = model._meta.get_field(name)
    if isinstance(value, Lower) and value.get_source_expressions() == [F(name)] and lookup in ("", "exact"):
        return {"properties": {field.column: LOWER_CASE}}
    if hasattr(value, "resolve_expression"):
        raise NoSchemaError
    if lookup == "isnull":
        is_null = {"required": [field.column], "properties": {field.column: {"enum": [None]}}}
        return is_null if value else {"not": is_null}
    values = [field.get_db_prep_save(item, connection) for item in (value if lookup == "in" else [value])]
    if lookup in ("", "exact", "in"):
        # A NULL passes, as in SQL, where NULL = x is not false.
        return {"properties": {field.column: {"enum": [*values, *([None] if field.null else [])]}}}
    if lookup not in BOUNDS:
        raise NoSchemaError
    bound, is_exclusive = BOUNDS[lookup]
    # A bound says nothing about what is not a number, NULL among them: as in SQL.
    limits = {bound: values[0]} | ({f"exclusive{bound.capitalize()}": True} if is_exclusive else {})
    if not isinstance(values[0], int):
        raise NoSchemaError
    return {"properties": {field.column: limits}}


def row_checks(connection: Any) -> dict[str, list[RowCheck]]:
    """{collection: the checks that the server does not keep}, for the models that are installed."""
    found: dict[str, list[RowCheck]] = {}
    for model in apps.get_models():
        names = unenforced(model, connection)
        for check in model._meta.constraints:
            if isinstance(check, CheckConstraint) and check.name in names and _is_plain(check.condition):
                found.setdefault(model._meta.db_table, []).append(row_check(check, model, connection))
    return found


def row_check(check: CheckConstraint, model: type[Model], connection: Any) -> RowCheck:
    columns = {_column(name, model) for name in _names(check.condition)}
    return RowCheck(check.name, columns, partial(_holds, check.condition, model, connection))


def _is_plain(condition: Any) -> bool:
    """Comparisons with constants and columns; not XOR, and nothing computed."""
    if isinstance(condition, Q):
        return condition.connector != Q.XOR and all(map(_is_plain, condition.children))
    path, value = condition
    is_known = (path.partition("__")[2] or "exact") in {"isnull", *COMPARISONS}
    return is_known and (isinstance(value, F) or not hasattr(value, "resolve_expression"))


def _names(condition: Any) -> set[str]:
    """The fields that a condition names: {"ends_at", "starts_at"}."""
    if isinstance(condition, Q):
        return set().union(*map(_names, condition.children))
    path, value = condition
    return {path.partition("__")[0], *([_name_of(value)] if isinstance(value, F) else [])}


def _name_of(column: Any) -> str:
    """F("starts_at") → "starts_at"."""
    return str(column.name)


def _column(name: str, model: type[Model]) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)


def _holds(condition: Any, model: type[Model], connection: Any, row: Mapping[str, Any]) -> bool | None:
    if not isinstance(condition, Q):
        path, value = condition
        return _comparison_holds(path, value, model, connection, row)
    parts = {_holds(child, model, connection, row) for child in condition.children}
    decisive = condition.connector == Q.OR  # One true part decides an OR, one false part an AND.
    answer = decisive if decisive in parts else None if None in parts else not decisive
    return answer if answer is None else answer != condition.negated


def _comparison_holds(
    path: str, value: Any, model: type[Model], connection: Any, row: Mapping[str, Any]
) -> bool | None:
    name, _, lookup = path.partition("__")
    field: Any = model._meta.get_field(name)
    left = row[field.column]
    if lookup == "isnull":
        return (left is None) is value
    is_column = isinstance(value, F)
    right = row[_column(_name_of(value), model)] if is_column else field.get_db_prep_save(value, connection)
    return None if left is None or right is None else COMPARISONS[lookup or "exact"](left, right)
