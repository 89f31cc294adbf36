"""Rules for aggregation expressions. Each takes the operator's argument and the level, and gives the new expression,
or None to leave it as it is."""

from collections.abc import Callable
from typing import Any

APIS = "https://docs.aws.amazon.com/documentdb/latest/devguide/mongo-apis.html"

TRUNCATING_FORMATS = {
    "year": "%Y-01-01T00:00:00",
    "month": "%Y-%m-01T00:00:00",
    "day": "%Y-%m-%dT00:00:00",
    "hour": "%Y-%m-%dT%H:00:00",
    "minute": "%Y-%m-%dT%H:%M:00",
    "second": "%Y-%m-%dT%H:%M:%S",
}


def truncate_date_through_text(argument: dict[str, Any], level: str) -> Any:
    """TruncMonth and its like at level 5.0.

    In: {"$dateTrunc": {"date": d, "unit": "month", …}}.
    Out: {"$dateFromString": {"dateString": {"$dateToString": {"date": d, "format": "%Y-%m-01T00:00:00"}}}}.
    Why: $dateTrunc is listed from 8.0 on, the other two always (APIS, "Date operators"). Weeks and quarters have no
    such format and are refused by the guard.
    """
    unit = argument.get("unit")
    if level != "5.0" or unit not in TRUNCATING_FORMATS:
        return None
    to_text = {"date": argument["date"], "format": TRUNCATING_FORMATS[unit]}
    zone = {} if argument.get("timezone", "UTC") == "UTC" else {"timezone": argument["timezone"]}
    return {"$dateFromString": {"dateString": {"$dateToString": to_text | zone}} | zone}


def date_part_in_utc(operator: str) -> Callable[[Any, str], Any]:
    """ExtractYear and its like in UTC.

    In: {"$year": {"date": d, "timezone": "UTC"}}. Out: {"$year": d}.
    Why: dates are stored in UTC, and AWS lists the operators without their options (APIS, "Date operators").
    """

    def rule(argument: Any, level: str) -> Any:
        if isinstance(argument, dict) and argument.get("timezone") == "UTC" and set(argument) == {"date", "timezone"}:
            return {operator: _only(argument["date"])}
        return None

    return rule


def _only(operands: Any) -> Any:
    """The stock backend wraps the one operand in a list."""
    return operands[0] if isinstance(operands, list) and len(operands) == 1 else operands


def json_key_as_path(argument: dict[str, Any], level: str) -> Any:
    """A key of a JSON field.

    In: {"$getField": {"input": "$data", "field": "size"}}. Out: "$data.size".
    Why: $getField is not listed for any level (APIS, "Miscellaneous operators"); a path says the same for plain names.
    """
    source, field = argument.get("input"), argument.get("field")
    if not (isinstance(source, str) and isinstance(field, str)) or "$" in field or "." in field:
        return None
    return f"{source}.{field}"


DATE_PARTS = [
    *("$year", "$month", "$dayOfMonth", "$dayOfWeek", "$dayOfYear", "$hour", "$minute", "$second", "$millisecond"),
    *("$week", "$isoWeek", "$isoWeekYear", "$isoDayOfWeek"),
]  # fmt: skip
RULES: dict[str, Callable[[Any, str], Any]] = {
    "$dateTrunc": truncate_date_through_text,
    "$getField": json_key_as_path,
} | {operator: date_part_in_utc(operator) for operator in DATE_PARTS}


def rewrite_expression(expression: Any, level: str) -> Any:
    """The expression with every rule applied, inner ones first. What is under $literal is data and stays."""
    if isinstance(expression, list):
        return [rewrite_expression(item, level) for item in expression]
    if not isinstance(expression, dict) or "$literal" in expression:
        return expression
    inner = {key: rewrite_expression(value, level) for key, value in expression.items()}
    if len(inner) == 1:
        ((operator, argument),) = inner.items()
        if operator in RULES and (new := RULES[operator](argument, level)) is not None:
            return new
    return inner


def rewrite_query(query: dict[str, Any], level: str) -> dict[str, Any]:
    """A filter with the expressions under $expr rewritten; everything else in it is data or plain operators."""
    rewritten = {}
    for key, value in query.items():
        if key == "$expr":
            rewritten[key] = rewrite_expression(value, level)
        elif key in ("$and", "$or", "$nor"):
            rewritten[key] = [rewrite_query(part, level) for part in value]
        else:
            rewritten[key] = value
    return rewritten
