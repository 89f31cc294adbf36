"""Rules for querysets inside querysets."""

from collections.abc import Callable
from typing import Any

from coursebundler.documentdb.rewrite.shape import Hole

Stage = dict[str, Any]


class InnerQuery:
    """A pipeline that runs before the main one. `answers` are (column, hole for its value in the main pipeline)."""

    def __init__(self, collection: str, stages: list[Stage]) -> None:
        self.collection = collection
        self.stages = stages
        self.answers: dict[str, Hole] = {}


def uncorrelated_subqueries_first(
    stages: list[Stage], new_hole: Callable[[], Hole]
) -> tuple[list[Stage], list[InnerQuery]]:
    """filter(x__in=queryset), where the inner queryset asks for nothing of the outer one.

    In: {"$lookup": {"as": "__subquery0", "pipeline": …, no let}}; $set; {"$match": {"$expr": {"$in": ["$x",
    "$__subquery0.y"]}}}.
    Out: the pipeline, to be run first, and {"$match": {"x": {"$in": its y}}}.
    Why: the stock form needs $facet and $set and runs the inner query for each outer row; below 8.0.2 $expr uses no
    index (mongo-apis.html, "$expr"). A plain $in does.
    """
    subqueries = []
    while (position := _first_uncorrelated(stages)) is not None:
        lookup = stages[position]["$lookup"]
        subquery = InnerQuery(lookup["from"], lookup["pipeline"])
        answers = _Answers(lookup["as"], subquery, new_hole)
        # The stage after the $lookup turns its list into a document: gone with it.
        stages = stages[:position] + [answers.put_into_stage(stage) for stage in stages[position + 2 :]]
        subqueries.append(subquery)
    return stages, subqueries


def _first_uncorrelated(stages: list[Stage]) -> int | None:
    for position, stage in enumerate(stages):
        lookup = stage.get("$lookup", {})
        if lookup.get("as", "").startswith("__subquery") and not lookup.get("let"):
            return position
    return None


class _Answers:
    def __init__(self, name: str, subquery: InnerQuery, new_hole: Callable[[], Hole]) -> None:
        self.prefix = f"${name}."
        self.subquery = subquery
        self.new_hole = new_hole

    def put_into_stage(self, stage: Stage) -> Stage:
        ((operator, argument),) = stage.items()
        return {operator: (self._into_query if operator == "$match" else self._into_expression)(argument)}

    def _into_query(self, query: dict[str, Any]) -> dict[str, Any]:
        into = {}
        for key, value in query.items():
            if key in ("$and", "$or", "$nor"):
                into[key] = [self._into_query(part) for part in value]
            elif key == "$expr":
                return plain_in(self._into_expression(value)) or {key: self._into_expression(value)}
            else:
                into[key] = value
        return into

    def _into_expression(self, expression: Any) -> Any:
        if isinstance(expression, str) and expression.startswith(self.prefix):
            column = expression.removeprefix(self.prefix)
            if column not in self.subquery.answers:
                self.subquery.answers[column] = self.new_hole()
            return {"$literal": self.subquery.answers[column]}
        if isinstance(expression, list):
            return [self._into_expression(item) for item in expression]
        if isinstance(expression, dict) and "$literal" not in expression:
            return {key: self._into_expression(value) for key, value in expression.items()}
        return expression


def plain_in(expression: Any) -> dict[str, Any] | None:
    """{"$in": ["$x", {"$literal": list}]} → {"x": {"$in": list}}, which an index serves; None for all else."""
    if not isinstance(expression, dict) or list(expression) != ["$in"]:
        return None
    field, items = expression["$in"]
    is_field = isinstance(field, str) and field.startswith("$") and not field.startswith("$$")
    if is_field and isinstance(items, dict) and list(items) == ["$literal"]:
        return {field[1:]: {"$in": items["$literal"]}}
    return None


def correlated_subqueries(
    stages: list[Stage], rewrite: Callable[[list[Stage]], tuple[list[Stage], Stage | None]]
) -> list[Stage]:
    """Exists(), Subquery(), OuterRef() and exclude() over a reverse relation: from 8.0.2 on they stay as they are.

    In: {"$lookup": {"as": "s", "let", "pipeline"}}; {"$set": {"s": its first document, or {} if there is none}}.
    Out: the same, with the rules applied to what is in the pipeline, and {"y": []} for the {} where the outer query
    asks for a list.
    Why: correlated subqueries are new in 8.0.2 (lookup.html); below it the guard refuses them.
    """
    out: list[Stage] = []
    default: Stage | None = None
    for stage in stages:
        lookup = stage.get("$lookup", {})
        if default is not None:
            ((name, choice),) = stage["$set"].items()
            stage = {"$set": {name: {"$cond": choice["$cond"] | {"then": default}}}}
            default = None
        elif lookup.get("pipeline"):
            pipeline, default = rewrite(lookup["pipeline"])
            stage = {"$lookup": lookup | {"pipeline": pipeline}}
        out.append(stage)
    return out
