"""Pipelines on no collection at all, computed here: AWS lists no stage that makes a document out of nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128
from django.db import NotSupportedError

Document = dict[str, Any]


def row_for_no_rows(stages: list[dict[str, Any]]) -> Document:
    """The document that `stages` make of {}. Only what the backend emits after an aggregate is understood."""
    document: Document = {}
    for stage in stages:
        ((operator, argument),) = stage.items()
        if operator == "$project":
            kept = {name: document.get(name) for name, value in argument.items() if value in (1, True)}
            document = kept | _computed(argument, document)
        elif operator in ("$addFields", "$set"):
            document = document | _computed(argument, document)
        elif operator not in ("$limit", "$sort"):
            raise NotSupportedError(f"{operator} after an aggregate of no rows: filter the result in Python.")
    return document


def rows_of_constants(stages: list[dict[str, Any]]) -> list[Document]:
    """A query of constants: none or one document.

    In: {"$facet": {"__null": []}}; {"$match": {"$expr": …}}; {"$project": …}, by which Django checks a constraint
    before a row is saved. `stages` are those after the $facet.
    """
    for stage in stages:
        condition = stage.get("$match")
        if condition is not None and not evaluate_query(condition):
            return []
    return [row_for_no_rows([stage for stage in stages if "$match" not in stage])]


def evaluate_query(query: Document) -> bool:
    """A filter of constants: $expr, and these joined by $and, $or, $nor."""
    for key, value in query.items():
        if key == "$expr":
            is_met = bool(evaluate(value, {}))
        elif key in ("$and", "$or", "$nor"):
            parts = [evaluate_query(part) for part in value]
            is_met = all(parts) if key == "$and" else any(parts) == (key == "$or")
        else:
            raise NotSupportedError(f"{key} in a query of constants: compare in Python.")
        if not is_met:
            return False
    return True


def _computed(fields: Document, document: Document) -> Document:
    return {name: evaluate(value, document) for name, value in fields.items() if not isinstance(value, bool | int)}


def evaluate(expression: Any, document: Document) -> Any:
    if isinstance(expression, str) and expression.startswith("$"):
        return document.get(expression[1:])
    if isinstance(expression, list):
        return [evaluate(item, document) for item in expression]
    if not isinstance(expression, dict):
        return expression
    ((operator, argument),) = expression.items()
    if operator == "$literal":
        return argument
    if operator in ("$and", "$or"):
        parts = (evaluate(part, document) for part in argument)
        return all(parts) if operator == "$and" else any(parts)
    if operator not in _FUNCTIONS:
        raise NotSupportedError(f"{operator} on an aggregate of no rows: compute it in Python.")
    if operator == "$cond" and isinstance(argument, dict):
        argument = [argument["if"], argument["then"], argument["else"]]
    operands = evaluate(argument, document)
    return _FUNCTIONS[operator](*(operands if isinstance(operands, list) else [operands]))


def _null_if_any_is(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: None if a is None or b is None else function(a, b)


def _order(value: Any) -> tuple[int, Any]:
    """Values in BSON's order: nothing and NULL first, then numbers, texts, all else."""
    if value is None:
        return 0, 0
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, datetime):
        return 3, value.timestamp() if value.tzinfo else value.replace(tzinfo=UTC).timestamp()
    return (1, value) if isinstance(value, int | float | Decimal) else (2, str(value))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "$ifNull": lambda *values: next((value for value in values if value is not None), None),
    "$cond": lambda condition, then, otherwise: then if condition else otherwise,
    "$eq": lambda a, b: _order(a) == _order(b),
    "$ne": lambda a, b: _order(a) != _order(b),
    "$gt": lambda a, b: _order(a) > _order(b),
    "$gte": lambda a, b: _order(a) >= _order(b),
    "$lt": lambda a, b: _order(a) < _order(b),
    "$lte": lambda a, b: _order(a) <= _order(b),
    "$not": lambda value: not value,
    "$type": lambda value: "null" if value is None else "present",
    "$toLower": lambda *texts: str(*texts or "").lower(),
    "$toUpper": lambda *texts: str(*texts or "").upper(),
    "$in": lambda a, items: _order(a) in [_order(item) for item in items or ()],
    "$size": lambda items=None: len(items or ()),
    "$add": _null_if_any_is(lambda a, b: a + b),
    "$subtract": _null_if_any_is(lambda a, b: a - b),
    "$multiply": _null_if_any_is(lambda a, b: a * b),
    "$divide": _null_if_any_is(lambda a, b: a / b),
    "$pow": _null_if_any_is(lambda a, b: a**b),
}
