"""Pipelines, from what django-mongodb-backend emits to what Amazon DocumentDB accepts.

`Planner.plan` is the door: it gives for a pipeline the commands to run, made once for each shape of pipeline and
guarded as it is made. The rules are in the modules beside this one, each a function that says what comes in, what
goes out and why; `rewrite_stages` puts them in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coursebundler.documentdb.guard import check_pipeline
from coursebundler.documentdb.rewrite.aggregates import total_without_facet, values_without_facet
from coursebundler.documentdb.rewrite.clock import time_of_asking
from coursebundler.documentdb.rewrite.joins import joined_condition_as_match, left_join_as_unwind, plain_equality_join
from coursebundler.documentdb.rewrite.order import (
    filter_before_joining,
    page_before_joining,
    without_idle_fields,
)
from coursebundler.documentdb.rewrite.partial import repeat_partial_filter
from coursebundler.documentdb.rewrite.shape import Hole, fill, fingerprint, has_holes, with_holes
from coursebundler.documentdb.rewrite.stages import rewrite_stage
from coursebundler.documentdb.rewrite.subqueries import (
    InnerQuery,
    correlated_subqueries,
    uncorrelated_subqueries_first,
)

Stage = dict[str, Any]
# {collection: {column: the condition under which its unique index holds a row}}
PartialFilters = Mapping[str, Mapping[str, dict[str, Any]]]

MAX_PLANS = 2000


@dataclass(frozen=True)
class Plan:
    """What to run for pipelines of one shape: `subqueries` first, then `stages`.

    `for_no_rows` are the stages that make the one row of an aggregate if nothing comes back, `default` is that row
    where it is known; `clock` is the hole for the time of asking. `constants` are the stages of a query without a
    collection, which runs here.
    """

    stages: list[tuple[Stage, bool]]
    subqueries: list[InnerQuery]
    for_no_rows: list[Stage] | None
    default: Stage | None
    clock: Hole | None
    constants: list[Stage] | None
    hole_count: int

    def fill(self, values: list[Any]) -> list[Stage]:
        return [fill(stage, values) if is_open else stage for stage, is_open in self.stages]


class Planner:
    """Makes plans for one engine level, and keeps them by the pipeline's shape."""

    def __init__(self, level: str, partial_filters: PartialFilters | None = None) -> None:
        self.level = level
        self.partial_filters = partial_filters or {}
        self._plans: dict[Any, Plan] = {}

    def plan(self, collection: str, pipeline: list[Stage]) -> tuple[Plan, list[Any]]:
        """(the plan, the pipeline's values). NotSupportedError for what the level does not have."""
        shape, values = fingerprint(pipeline)
        plan = self._plans.get((collection, shape))
        if plan is None:
            plan = self._make(collection, pipeline)
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[collection, shape] = plan
        return plan, values + [None] * (plan.hole_count - len(values))

    def _make(self, collection: str, pipeline: list[Stage]) -> Plan:
        stages, hole_count = with_holes(pipeline)
        holes: list[Hole] = []

        def new_hole() -> Hole:
            holes.append(Hole(hole_count + len(holes)))
            return holes[-1]

        stages, clock = time_of_asking(stages, new_hole)
        stages, subqueries = uncorrelated_subqueries_first(stages, new_hole)
        if stages[:1] == [{"$facet": {"__null": []}}]:
            return Plan([], subqueries, None, None, clock, stages[1:], hole_count + len(holes))
        stages, rest = total_without_facet(stages)
        stages, default = values_without_facet(stages)
        stages = rewrite_stages(stages, self.level)
        stages = repeat_partial_filter(stages, self.partial_filters.get(collection, {}))
        check_pipeline(stages, self.level)
        return Plan(
            [(stage, has_holes(stage)) for stage in stages],
            subqueries,
            rest,
            default,
            clock,
            None,
            hole_count + len(holes),
        )


def rewrite_stages(stages: list[Stage], level: str) -> list[Stage]:
    """The rules that need nothing but the stages, in their order; used for the pipelines inside $lookup as well."""
    stages = left_join_as_unwind(stages)
    stages = plain_equality_join(stages, level)
    stages = filter_before_joining(stages)
    stages = without_idle_fields(stages)
    stages = page_before_joining(stages)
    stages = joined_condition_as_match(stages, level)
    stages = correlated_subqueries(stages, lambda inner: _rewrite_inner(inner, level))
    return [rewrite_stage(stage, level) for stage in stages]


def _rewrite_inner(stages: list[Stage], level: str) -> tuple[list[Stage], Stage | None]:
    stages, default = values_without_facet(stages)
    return rewrite_stages(stages, level), default
