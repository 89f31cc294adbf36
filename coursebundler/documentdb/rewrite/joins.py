"""Rules for $lookup as the stock backend emits it for select_related() and for filters across relations."""

from typing import Any

Stage = dict[str, Any]


def left_join_as_unwind(stages: list[Stage]) -> list[Stage]:
    """A LEFT JOIN.

    In: $lookup as "a"; {"$set": {"a": an empty document if "a" is empty}}; {"$unwind": "$a"}.
    Out: $lookup as "a"; {"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": True}}.
    Why: $set is not listed for 5.0, and one stage says what two computed; a row without a partner then has no "a",
    which reads the same as an empty one (mongo-apis.html, "Stage operators": $unwind).
    """
    out: list[Stage] = []
    for stage in stages:
        if "$unwind" in stage and len(out) >= 2 and _pads_empty_join(out[-1], out[-2]):
            out[-1] = {"$unwind": {"path": stage["$unwind"], "preserveNullAndEmptyArrays": True}}
        else:
            out.append(stage)
    return out


def _pads_empty_join(stage: Stage, lookup: Stage) -> bool:
    name = lookup.get("$lookup", {}).get("as")
    padding = stage.get("$set", {}).get(name)
    return isinstance(padding, dict) and padding.get("$cond", {}).get("else") == f"${name}"


def plain_equality_join(stages: list[Stage], level: str) -> list[Stage]:
    """A join on equality.

    In: {"$lookup": {"from", "localField", "foreignField", "as", "pipeline": []}}. Out: the same without the pipeline.
    Why: up to 8.0.1 a $lookup holds an equality or a pipeline, not both (lookup.html; functional-differences.html).
    """
    return [_without_empty_pipeline(stage) if "$lookup" in stage else stage for stage in stages]


def _without_empty_pipeline(stage: Stage) -> Stage:
    lookup = stage["$lookup"]
    if "localField" in lookup and lookup.get("pipeline") == []:
        lookup = {name: value for name, value in lookup.items() if name != "pipeline"}
    if lookup.get("let") == {}:
        lookup = {name: value for name, value in lookup.items() if name != "let"}
    return {"$lookup": lookup}


def joined_condition_as_match(stages: list[Stage], level: str) -> list[Stage]:
    """An INNER JOIN into which the stock backend pushed a condition on the joined rows.

    In: {"$lookup": {"localField", "foreignField", "as": "a", "pipeline": [{"$match": {"x": 1}}]}}; {"$unwind": "$a"}.
    Out: an equality $lookup; {"$unwind": "$a"}; {"$match": {"a.x": 1}}.
    Why: an equality with a pipeline is documented from 8.0.2 on (lookup.html). After an inner $unwind the two mean the
    same; a LEFT JOIN with a condition of its own has no such form and is refused by the guard.
    """
    if level == "8.0.2":
        return stages
    out: list[Stage] = []
    conditions: list[Stage] = []
    for position, stage in enumerate(stages):
        condition = _pushed_condition(stage, stages[position + 1 : position + 2])
        if condition is not None:
            lookup = {name: value for name, value in stage["$lookup"].items() if name != "pipeline"}
            out.append({"$lookup": lookup})
            conditions.append({"$match": prefix_query(condition, lookup["as"])})
            continue
        out.append(stage)
        if "$unwind" in stage:
            out += conditions
            conditions = []
    return out


def _pushed_condition(stage: Stage, following: list[Stage]) -> dict[str, Any] | None:
    lookup = stage.get("$lookup", {})
    pipeline = lookup.get("pipeline")
    is_inner = following == [{"$unwind": f"${lookup.get('as')}"}]
    if is_inner and "localField" in lookup and "let" not in lookup and pipeline and set(pipeline[0]) == {"$match"}:
        return pipeline[0]["$match"] if len(pipeline) == 1 else None
    return None


def prefix_query(query: dict[str, Any], prefix: str) -> dict[str, Any]:
    """{"x": 1} → {"prefix.x": 1}, through $and, $or, $nor and $expr."""
    prefixed: dict[str, Any] = {}
    for key, value in query.items():
        if key in ("$and", "$or", "$nor"):
            prefixed[key] = [prefix_query(part, prefix) for part in value]
        elif key == "$expr":
            prefixed[key] = _prefix_expression(value, prefix)
        else:
            prefixed[f"{prefix}.{key}"] = value
    return prefixed


def _prefix_expression(expression: Any, prefix: str) -> Any:
    if isinstance(expression, str) and expression.startswith("$") and not expression.startswith("$$"):
        return f"${prefix}.{expression[1:]}"
    if isinstance(expression, list):
        return [_prefix_expression(item, prefix) for item in expression]
    if isinstance(expression, dict) and "$literal" not in expression:
        return {key: _prefix_expression(value, prefix) for key, value in expression.items()}
    return expression
