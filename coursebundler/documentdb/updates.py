"""Updates: from the aggregation pipelines of the stock backend to classic update documents.

In: [{"$set": {"status": {"$literal": "paid"}, "tries": {"$add": ["$tries", {"$literal": 1}]}}}].
Out: {"$set": {"status": "paid"}, "$inc": {"tries": 1}}.
Why: DocumentDB answers an update that is a pipeline with "Failed to parse update"; AWS lists the update operators
used here for every level (https://docs.aws.amazon.com/documentdb/latest/devguide/mongo-apis.html, "Update operators").
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Decimal128
from django.db import NotSupportedError
from pymongo import UpdateOne

Filter = Mapping[str, Any]

ADVICE = (
    "Amazon DocumentDB {level} does not support this update of {column!r}. Instead: constants, F({column!r}) plus, "
    "minus or times a constant, or bulk_update(); for anything else read, compute, and update with a filter on what "
    "was read."
)


def update_document(pipeline: list[dict[str, Any]], level: str) -> dict[str, dict[str, Any]]:
    """The classic update that does the same; NotSupportedError for an expression that has none."""
    document: dict[str, dict[str, Any]] = {}
    for column, value in _assignments(pipeline).items():
        operator, operand = _constant(value) or _step(column, value) or _clock(value) or (None, None)
        if operator is None:
            raise NotSupportedError(ADVICE.format(level=level, column=column))
        document.setdefault(operator, {})[column] = operand
    return document


def _assignments(pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    if len(pipeline) != 1 or set(pipeline[0]) != {"$set"}:
        raise NotSupportedError("Amazon DocumentDB runs no updates that are aggregation pipelines.")
    return pipeline[0]["$set"]


def _constant(value: Any) -> tuple[str, Any] | None:
    """{"$literal": x}, or a bare value that is no field, variable or expression → $set."""
    if isinstance(value, Mapping):
        if list(value) == ["$literal"]:
            return "$set", value["$literal"]
        return None if any(key.startswith("$") for key in value) else ("$set", value)
    if isinstance(value, str) and value.startswith("$"):
        return None
    return "$set", value


def _step(column: str, value: Any) -> tuple[str, Any] | None:
    """F(column) ± constant → $inc; F(column) * constant → $mul."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((operator, operands),) = value.items()
    if operator not in ("$add", "$subtract", "$multiply") or len(operands) != 2:
        return None
    own = f"${column}"
    if operands[0] != own and (operator == "$subtract" or operands[1] != own):
        return None
    constant = _constant(operands[1] if operands[0] == own else operands[0])
    if constant is None:
        return None
    number = constant[1]
    return (
        ("$mul", number)
        if operator == "$multiply"
        else ("$inc", negative(number) if operator == "$subtract" else number)
    )


def negative(number: Any) -> Any:
    return Decimal128(-number.to_decimal()) if isinstance(number, Decimal128) else type(number)(-number)


def _clock(value: Any) -> tuple[str, Any] | None:
    """Now() → $currentDate, the server's time."""
    return ("$currentDate", True) if value == "$$NOW" else None


def per_row_updates(condition: Filter, pipeline: list[dict[str, Any]]) -> dict[Any, dict[str, Any]] | None:
    """bulk_update(): {key: {column: value}}; None if this is another kind of update.

    In: {column: {"$switch": {"branches": [{"case": {"$eq": ["$_id", key]}, "then": {"$literal": value}}, …]}}}, under a
    filter that names the same keys: rows without a branch would become NULL, so there must not be any.
    """
    rows: dict[Any, dict[str, Any]] = {}
    keys = set(_keys_in(condition))
    for column, value in _assignments(pipeline).items():
        switch = value.get("$switch") if isinstance(value, Mapping) else None
        changes = _changes_by_key(switch) if switch else None
        if changes is None or not keys or keys - set(changes):
            return None
        for key, change in changes.items():
            rows.setdefault(key, {})[column] = change
    return rows


def _changes_by_key(switch: Mapping[str, Any]) -> dict[Any, Any] | None:
    """{key: value} from branches that all ask for one key and give a constant."""
    changes = {}
    for branch in switch["branches"]:
        case, constant = branch["case"], _constant(branch["then"])
        if constant is None or list(case) != ["$eq"] or case["$eq"][0] != "$_id":
            return None
        key = _constant(case["$eq"][1])
        if key is None:
            return None
        changes[key[1]] = constant[1]
    return changes


def _keys_in(condition: Filter) -> Sequence[Any]:
    """The keys that a filter names by `_id in (…)`."""
    for part in condition.get("$and", [condition]):
        key = part.get("_id")
        if isinstance(key, Mapping) and list(key) == ["$in"]:
            return key["$in"]
    return ()


def update_statements(condition: Filter, rows: dict[Any, dict[str, Any]]) -> list[UpdateOne]:
    """One statement a row. The stock filter names all the keys: left out where it says nothing else."""
    names_keys_only = list(condition) == ["_id"]
    return [
        UpdateOne({"_id": key} if names_keys_only else {"$and": [dict(condition), {"_id": key}]}, {"$set": values})
        for key, values in rows.items()
    ]


def names_one_row(condition: Filter) -> bool:
    """Whether a filter can match one document at most: it fixes _id. Such a write can be sent as one, and retried."""
    if "$and" in condition:
        return any(names_one_row(part) for part in condition["$and"])
    key = condition.get("_id")
    if isinstance(key, Mapping):
        return list(key) == ["$in"] and len(key["$in"]) == 1
    return key is not None
