"""Rules that put stages into an order in which indexes can serve them.

The stock backend joins first, then filters, projects, sorts and cuts a page off, and leaves it to MongoDB's optimizer
to turn that round. AWS documents no such optimizer: a $match or $sort uses an index at the beginning of a pipeline.
"""

from typing import Any

from coursebundler.documentdb.rewrite.stages import conjuncts

Stage = dict[str, Any]


def filter_before_joining(stages: list[Stage]) -> list[Stage]:
    """In: $lookup as "a"; $unwind; {"$match": {"$and": [{"x": 1}, {"a.y": 2}]}}.

    Out: {"$match": {"x": 1}}; $lookup as "a"; $unwind; {"$match": {"a.y": 2}}.
    Why: the joins then see only the rows that are wanted, which an index found. Conditions on a joined row stay.
    """
    joins = _leading_joins(stages)
    rest = stages[len(joins) :]
    if not joins or not rest or "$match" not in rest[0]:
        return stages
    joined = {stage["$lookup"]["as"] for stage in joins if "$lookup" in stage}
    own: list[dict[str, Any]] = []
    across: list[dict[str, Any]] = []
    for condition in conjuncts(rest[0]["$match"]):
        (across if _roots(condition) & joined else own).append(condition)
    if not own:
        return stages
    return [_match(own), *joins, *([_match(across)] if across else []), *rest[1:]]


def without_idle_fields(stages: list[Stage]) -> list[Stage]:
    """In: {"$addFields": {"published_at": "$published_at", "_id": "$_id"}}; $sort; $limit. Out: $sort; $limit.

    Why: the stock backend says so before a sort by columns that it does not list; it changes nothing, and a $sort uses
    an index only at the beginning of a pipeline (as for the module).
    """
    return [stage for stage in stages if not _is_idle(stage)]


def _is_idle(stage: Stage) -> bool:
    fields: dict[str, Any] = stage.get("$addFields", {})
    return bool(fields) and all("." not in name and value == f"${name}" for name, value in fields.items())


def page_before_joining(stages: list[Stage]) -> list[Stage]:
    """In: $match; $lookup as "a"; $unwind; $lookup as "b"; $unwind; {"$match": {"a.y": 2}}; $project; $sort; $limit.

    Out: $match; $lookup as "a"; $unwind; {"$match": {"a.y": 2}}; $sort; $limit; $lookup as "b"; $unwind; $project;
    $sort again.
    Why: an index serves filter, order and limit together, and only one page of rows is joined. Sorted again because
    the order holds only if $sort comes last (functional-differences.html, "Sort"); a page is quickly sorted. Only for
    joins along foreign keys, each to one row: there a join cannot change which rows there are.
    """
    own, stages_left = _take(stages, "$match")
    joins = _leading_joins(stages_left)
    across, stages_left = _take(stages_left[len(joins) :], "$match")
    project, tail = _take(stages_left, "$project")
    if [next(iter(stage)) for stage in tail] not in (["$sort", "$limit"], ["$sort", "$skip", "$limit"]):
        return stages
    needed, later = _joins_for(joins, across)
    if not (later or project) or not _are_to_one(later) or not _can_sort_early(tail[0]["$sort"], later, project):
        return stages
    return [*own, *needed, *across, *tail, *later, *project, tail[0]]


def _take(stages: list[Stage], operator: str) -> tuple[list[Stage], list[Stage]]:
    """(the first stage if it is of that kind, the others)."""
    count = 1 if stages and operator in stages[0] else 0
    return stages[:count], stages[count:]


def _joins_for(joins: list[Stage], across: list[Stage]) -> tuple[list[Stage], list[Stage]]:
    """(the joins that a filter across them needs, with those that lead there; the others)."""
    wanted = _roots(across[0]["$match"]) if across else set()
    needed: list[Stage] = []
    later: list[Stage] = []
    for lookup, unwind in reversed(list(zip(joins[::2], joins[1::2], strict=True))):
        if lookup["$lookup"]["as"] in wanted:
            wanted.add(lookup["$lookup"].get("localField", "").partition(".")[0])
            needed = [lookup, unwind, *needed]
        else:
            later = [lookup, unwind, *later]
    return needed, later


def _leading_joins(stages: list[Stage]) -> list[Stage]:
    """The pairs of $lookup and $unwind at the beginning."""
    length = 0
    while len(stages) >= length + 2 and "$lookup" in stages[length] and "$unwind" in stages[length + 1]:
        length += 2
    return stages[:length]


def _match(conditions: list[dict[str, Any]]) -> Stage:
    return {"$match": conditions[0] if len(conditions) == 1 else {"$and": conditions}}


def _roots(query: dict[str, Any]) -> set[str]:
    """The first parts of all field names in a filter."""
    roots: set[str] = set()
    for key, value in query.items():
        if key in ("$and", "$or", "$nor"):
            roots = roots.union(*(_roots(part) for part in value))
        elif key == "$expr":
            roots |= _expression_roots(value)
        else:
            roots.add(key.partition(".")[0])
    return roots


def _expression_roots(expression: Any) -> set[str]:
    if isinstance(expression, str):
        is_path = expression.startswith("$") and not expression.startswith("$$")
        return {expression[1:].partition(".")[0]} if is_path else set()
    parts = expression.values() if isinstance(expression, dict) else expression if isinstance(expression, list) else ()
    return set().union(*(_expression_roots(part) for part in parts))


def _are_to_one(joins: list[Stage]) -> bool:
    lookups = [stage["$lookup"] for stage in joins if "$lookup" in stage]
    return all(lookup.get("foreignField") == "_id" and "pipeline" not in lookup for lookup in lookups)


def _can_sort_early(sort: dict[str, Any], joins: list[Stage], project: list[Stage]) -> bool:
    """The order is by columns that are there before these joins, and the projection keeps them under their names."""
    joined = {stage["$lookup"]["as"] for stage in joins if "$lookup" in stage}
    kept = project[0]["$project"] if project else None
    return all(
        column.partition(".")[0] not in joined and (kept is None or kept.get(column) in (1, True)) for column in sort
    )
