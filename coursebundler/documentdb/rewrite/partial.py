"""The rule that lets queries use the unique indexes of nullable columns."""

from collections.abc import Mapping
from typing import Any

from coursebundler.documentdb.rewrite.shape import Hole

Stage = dict[str, Any]


def repeat_partial_filter(stages: list[Stage], filters: Mapping[str, dict[str, Any]]) -> list[Stage]:
    """A look-up by a nullable unique column, whose index holds only the rows where it is not NULL.

    In: {"$match": {"code": "x"}}. Out: {"$match": {"code": {"$eq": "x", "$gte": ""}}}.
    Why: an index with a condition serves only queries that repeat the condition (partial-index.html, "Query using a
    partial index"). A value that equals a text is not below the empty one, so the answer stays the same.
    """
    if not stages or "$match" not in stages[0] or not filters:
        return stages
    repeated = {
        column: {"$eq": value} | filters[column] if column in filters and isinstance(value, Hole) else value
        for column, value in stages[0]["$match"].items()
    }
    return [{"$match": repeated}, *stages[1:]]
