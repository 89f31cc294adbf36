"""Rules for single stages: from the stage's argument to the stage that goes out."""

from collections.abc import Callable
from typing import Any

from coursebundler.documentdb.rewrite.expressions import rewrite_expression, rewrite_query

Stage = dict[str, Any]


def set_as_add_fields(argument: dict[str, Any], level: str) -> Stage:
    """In: {"$set": {"a": {"b": x}}}. Out: {"$addFields": {"a.b": x}}.

    Why: the stage $set is listed from 8.0 on, $addFields, the same thing under its older name, always
    (mongo-apis.html, "Stage operators").
    """
    return {"$addFields": {name: rewrite_expression(value, level) for name, value in _dotted(argument).items()}}


def project_dotted(argument: dict[str, Any], level: str) -> Stage:
    """In: {"$project": {"a": {"b": 1}}}. Out: {"$project": {"a.b": 1}}.

    Why: the two mean the same; the dotted one is the only form in AWS's examples, and the test server gets the nested
    one wrong.
    """
    return {"$project": {name: rewrite_expression(value, level) for name, value in _dotted(argument).items()}}


def unset_as_project(argument: str | list[str], level: str) -> Stage:
    """In: {"$unset": "a"}. Out: {"$project": {"a": 0}}.

    Why: the stage $unset is listed from 8.0 on, an excluding $project always (mongo-apis.html, "Stage operators").
    """
    return {"$project": dict.fromkeys([argument] if isinstance(argument, str) else argument, 0)}


def flat_match(argument: dict[str, Any], level: str) -> Stage:
    """In: {"$match": {"$and": [{"a": 1}, {"b": {"$gt": 2}}, {"b": {"$lt": 9}}]}}.

    Out: {"$match": {"a": 1, "b": {"$gt": 2, "$lt": 9}}}; expressions under $expr go through the rules for expressions.
    Why: the two mean the same; the flat one is how AWS writes the queries that its indexes serve (partial-index.html,
    "Query using a partial index"), and the test server's planner looks for indexes in no other.
    """
    flat = flat_conjunction(null_as_equality(rewrite_query(argument, level)))
    return {"$match": {key: without_null_tests(value) for key, value in flat.items()}}


def null_as_equality(query: dict[str, Any]) -> dict[str, Any]:
    """`isnull=True`.

    In: {"$or": [{"a": {"$exists": False}}, {"a": None}]}. Out: {"a": None}.
    Why: an equality with null matches a missing field as well, and an index serves it; $exists: False has none
    (functional-differences.html, "$ne, $nin, $nor, $not, $exists, and $elemMatch indexing").
    """
    out = {}
    for key, value in query.items():
        if key in ("$and", "$or", "$nor"):
            parts = [null_as_equality(part) for part in value]
            column = _tested_for_null(parts) if key == "$or" else None
            if column is not None and len(query) == 1:
                return {column: None}
            out[key] = parts
        else:
            out[key] = value
    return out


def _tested_for_null(parts: list[dict[str, Any]]) -> str | None:
    """The column if these are the two halves of isnull=True."""
    if len(parts) == 2 and list(parts[0]) == list(parts[1]):
        (column,) = list(parts[0])[:1]
        if parts == [{column: {"$exists": False}}, {column: None}]:
            return column
    return None


def without_null_tests(condition: Any) -> Any:
    """`a < x`, to which the stock backend adds that `a` is not null.

    In: {"$lt": x, "$exists": True, "$ne": None}. Out: {"$lt": x}.
    Why: in the query language a comparison matches values of x's own type only, so never null; and no index serves
    $exists and $ne (as for `null_as_equality`).
    """
    if not isinstance(condition, dict) or not condition.keys() & {"$lt", "$lte", "$gt", "$gte"}:
        return condition
    implied = {"$exists": True, "$ne": None}
    return {key: value for key, value in condition.items() if not (key in implied and value is implied[key])}


def flat_conjunction(query: dict[str, Any]) -> dict[str, Any]:
    """The conditions of a filter in one document; what cannot be merged stays under $and."""
    flat: dict[str, Any] = {}
    left: list[dict[str, Any]] = []
    for condition in conjuncts(query):
        ((key, value),) = condition.items()
        if key not in flat:
            flat[key] = value
        elif _are_operators(flat[key]) and _are_operators(value) and not flat[key].keys() & value.keys():
            flat[key] = flat[key] | value
        else:
            left.append(condition)
    return flat | {"$and": left} if left else flat


def conjuncts(query: dict[str, Any]) -> list[dict[str, Any]]:
    """The conditions that all have to hold, one by one."""
    parts: list[dict[str, Any]] = []
    for key, value in query.items():
        if key == "$and":
            for part in value:
                parts += conjuncts(part)
        else:
            parts.append({key: value})
    return parts


def _are_operators(condition: Any) -> bool:
    """{"$gt": 1, "$lt": 2}, but nothing whose operators belong together."""
    is_document = isinstance(condition, dict) and bool(condition)
    return is_document and all(key.startswith("$") and key not in ("$regex", "$options") for key in condition)


def group_with_expressions(argument: dict[str, Any], level: str) -> Stage:
    """$group stays; the key and what its accumulators take go through the rules for expressions."""
    return {
        "$group": {
            name: rewrite_expression(value, level)
            if name == "_id" or not isinstance(value, dict)
            else {accumulator: rewrite_expression(operand, level) for accumulator, operand in value.items()}
            for name, value in argument.items()
        }
    }


def _dotted(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": x}} → {"a.b": x}, down to expressions and values."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and value and not any(key.startswith("$") for key in value):
            flat |= _dotted(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


RULES: dict[str, Callable[[Any, str], Stage]] = {
    "$set": set_as_add_fields,
    "$addFields": set_as_add_fields,
    "$project": project_dotted,
    "$unset": unset_as_project,
    "$match": flat_match,
    "$group": group_with_expressions,
}


def rewrite_stage(stage: Stage, level: str) -> Stage:
    ((operator, argument),) = stage.items()
    rule = RULES.get(operator)
    return rule(argument, level) if rule else stage
