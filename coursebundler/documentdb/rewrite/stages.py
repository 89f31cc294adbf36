"""Rules for single stages: from the stage's argument to the stage that goes out."""

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


def match_with_expressions(argument: dict[str, Any], level: str) -> Stage:
    """$match stays; the expressions under its $expr go through the rules for expressions."""
    return {"$match": rewrite_query(argument, level)}


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


RULES = {
    "$set": set_as_add_fields,
    "$addFields": set_as_add_fields,
    "$project": project_dotted,
    "$unset": unset_as_project,
    "$match": match_with_expressions,
    "$group": group_with_expressions,
}


def rewrite_stage(stage: Stage, level: str) -> Stage:
    ((operator, argument),) = stage.items()
    rule = RULES.get(operator)
    return rule(argument, level) if rule else stage
