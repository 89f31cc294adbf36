"""CheckConstraint, kept by the server: the collection's validator is a JSON schema that every write must meet.

AWS: https://docs.aws.amazon.com/documentdb/latest/devguide/json-schema-validation.html (for inserts and updates).
A schema compares a column with constants. Constraints that compare two columns, or that call a function, have no such
form: they are left to forms and to SQLite, and `unenforced` names them (docs/database.md lists them).
"""

from typing import Any

from django.db.models import CheckConstraint, Model, Q

Schema = dict[str, Any]

BOUNDS = {"gt": ("minimum", True), "gte": ("minimum", False), "lt": ("maximum", True), "lte": ("maximum", False)}


class NoSchemaError(Exception):
    """The condition says something that a JSON schema cannot."""


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
