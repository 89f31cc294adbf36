"""Rules for aggregates without grouping: count(), aggregate(), and the list that `in` takes from a queryset."""

from typing import Any

Stage = dict[str, Any]


def total_without_facet(stages: list[Stage]) -> tuple[list[Stage], list[Stage] | None]:
    """count() and aggregate().

    In: …; {"$facet": {"group": [{"$group": g}]}}; {"$addFields": each key of g, by $getField}; rest.
    Out: …; {"$group": g}; rest; and beside it `rest`, for the driver to compute on an empty document.
    Why: $facet is listed from 8.0.2 on and $getField for no level (mongo-apis.html, "Stage operators"). The stock
    backend uses them because $group gives no document at all where there are no rows, and SQL gives one.
    """
    for position, stage in enumerate(stages):
        group = _facet_of_one_group(stage)
        following = stages[position + 1] if position + 1 < len(stages) else {}
        if group is not None and "$addFields" in following:
            rest = stages[position + 2 :]
            return [*stages[:position], group, *rest], rest
    return stages, None


def values_without_facet(stages: list[Stage]) -> tuple[list[Stage], dict[str, Any] | None]:
    """filter(x__in=queryset).

    In: …; {"$facet": {"group": [{"$group": {"tmp_name": …}}]}}; {"$project": {"column": ifNull(its tmp_name, [])}}.
    Out: …; {"$group": {"tmp_name": …}}; {"$project": {"column": "$tmp_name"}}; and beside it {"column": []}, the
    answer where there are no rows.
    Why: as for `total_without_facet`.
    """
    for position, stage in enumerate(stages):
        group = _facet_of_one_group(stage)
        following = stages[position + 1] if position + 1 < len(stages) else {}
        if group is not None and "$project" in following:
            (column,) = following["$project"]
            renamed = {"$project": {column: "$tmp_name"}}
            return [*stages[:position], group, renamed, *stages[position + 2 :]], {column: []}
    return stages, None


def _facet_of_one_group(stage: Stage) -> Stage | None:
    parts = stage.get("$facet", {})
    if list(parts) == ["group"] and len(parts["group"]) == 1 and "$group" in parts["group"][0]:
        return parts["group"][0]
    return None
