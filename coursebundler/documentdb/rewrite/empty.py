"""What the stages after an ungrouped aggregate make of an empty document: SQL's one row for no rows."""

from collections.abc import Callable
from typing import Any

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
    if operator not in _FUNCTIONS:
        raise NotSupportedError(f"{operator} on an aggregate of no rows: compute it in Python.")
    if operator == "$cond" and isinstance(argument, dict):
        argument = [argument["if"], argument["then"], argument["else"]]
    operands = evaluate(argument, document)
    return _FUNCTIONS[operator](*(operands if isinstance(operands, list) else [operands]))


def _null_if_any_is(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: None if a is None or b is None else function(a, b)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "$ifNull": lambda *values: next((value for value in values if value is not None), None),
    "$cond": lambda condition, then, otherwise: then if condition else otherwise,
    "$eq": lambda a, b: a == b,
    "$in": lambda a, items: a in (items or ()),
    "$size": lambda items=None: len(items or ()),
    "$add": _null_if_any_is(lambda a, b: a + b),
    "$subtract": _null_if_any_is(lambda a, b: a - b),
    "$multiply": _null_if_any_is(lambda a, b: a * b),
    "$divide": _null_if_any_is(lambda a, b: a / b),
    "$pow": _null_if_any_is(lambda a, b: a**b),
}
