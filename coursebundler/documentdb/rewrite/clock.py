"""The rule for Now()."""

from collections.abc import Callable
from typing import Any

from coursebundler.documentdb.rewrite.shape import Hole

Stage = dict[str, Any]


def time_of_asking(stages: list[Stage], new_hole: Callable[[], Hole]) -> tuple[list[Stage], Hole | None]:
    """Now() in a query.

    In: "$$NOW" in an expression. Out: the time of the asking process, put in as the pipeline goes out.
    Why: $$NOW is in none of AWS's tables (mongo-apis.html, "System variables").
    """
    hole: Hole | None = None

    def replace(node: Any) -> Any:
        nonlocal hole
        if isinstance(node, dict):
            return node if "$literal" in node else {key: replace(value) for key, value in node.items()}
        if isinstance(node, list):
            return [replace(item) for item in node]
        if node == "$$NOW":
            hole = hole or new_hole()
            return hole
        return node

    return [_in_expressions(stage, replace) for stage in stages], hole


def _in_expressions(stage: Stage, replace: Callable[[Any], Any]) -> Stage:
    """A $match holds expressions only under $expr; a text "$$NOW" elsewhere in it is somebody's data."""
    if "$match" in stage:
        return {"$match": _in_query(stage["$match"], replace)}
    return replace(stage)


def _in_query(query: dict[str, Any], replace: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        key: [_in_query(part, replace) for part in value]
        if key in ("$and", "$or", "$nor")
        else replace(value)
        if key == "$expr"
        else value
        for key, value in query.items()
    }
