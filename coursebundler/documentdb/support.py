"""What Amazon DocumentDB supports at which engine level: AWS's table (support.json), asked one operator at a time."""

import json
from functools import cache
from pathlib import Path

LEVELS = ("5.0", "8.0", "8.0.1", "8.0.2")

_TABLE = json.loads((Path(__file__).parent / "support.json").read_text())

# Where AWS lists an operator under one heading and MongoDB also takes it in another place.
_ALSO_LISTED_AS = {
    "expression": ("expression",),
    "accumulator": ("accumulator", "expression"),
    "query": ("query", "geo"),
}
# Parts of an operator rather than operators: listed nowhere, covered by the operator that they belong to.
_PARTS = {"query": {"$options", "$maxDistance", "$minDistance"}, "update": set()}


@cache
def is_supported(operator: str, context: str, level: str) -> bool:
    """Whether AWS lists `operator` for `level` in a "stage", "query", "expression", "accumulator" or "update".

    What the table does not name is not supported.
    """
    if operator in _PARTS.get(context, ()):
        return True
    rows = _TABLE["operators"].get(operator, {})
    return any(_reaches(rows.get(heading), level) for heading in _ALSO_LISTED_AS.get(context, (context,)))


@cache
def is_command_supported(command: str, level: str) -> bool:
    return _reaches(_TABLE["commands"].get(command), level)


@cache
def is_index_supported(property_name: str, level: str) -> bool:
    """By AWS's name of the index type or property: "Partial", "Hashed Index" …"""
    return _reaches(_TABLE["indexes"].get(property_name), level)


def _reaches(since: str | None, level: str) -> bool:
    return since is not None and LEVELS.index(level) >= LEVELS.index(since)
