"""Each rule of rewrite/: what comes in from the stock backend, and what goes out."""

from datetime import UTC, datetime

import pytest
from django.db import NotSupportedError

from coursebundler.documentdb.rewrite import Planner, rewrite_stages
from coursebundler.documentdb.rewrite.aggregates import total_without_facet, values_without_facet
from coursebundler.documentdb.rewrite.clock import time_of_asking
from coursebundler.documentdb.rewrite.empty import evaluate, evaluate_query, row_for_no_rows, rows_of_constants
from coursebundler.documentdb.rewrite.expressions import rewrite_expression, rewrite_query
from coursebundler.documentdb.rewrite.joins import (
    joined_condition_as_match,
    left_join_as_unwind,
    plain_equality_join,
    prefix_query,
)
from coursebundler.documentdb.rewrite.order import filter_before_joining, page_before_joining, without_idle_fields
from coursebundler.documentdb.rewrite.partial import repeat_partial_filter
from coursebundler.documentdb.rewrite.shape import Hole
from coursebundler.documentdb.rewrite.stages import rewrite_stage
from coursebundler.documentdb.rewrite.subqueries import (
    correlated_subqueries,
    plain_in,
    uncorrelated_subqueries_first,
)


def lookup(name="b", field="b_id", **more):
    return {"$lookup": {"from": name, "localField": field, "foreignField": "_id", "as": name} | more}


def unwind(name="b"):
    return {"$unwind": f"${name}"}


def optional(name="b"):
    return {"$unwind": {"path": f"${name}", "preserveNullAndEmptyArrays": True}}


def padding(name="b"):
    """What the stock backend puts between the $lookup and the $unwind of a LEFT JOIN."""
    is_empty = {"$or": [{"$eq": [{"$type": f"${name}"}, "missing"]}, {"$eq": [{"$size": f"${name}"}, 0]}]}
    return {"$set": {name: {"$cond": {"if": is_empty, "then": [{}], "else": f"${name}"}}}}


class TestExpressions:
    def test_months_are_truncated_through_text_at_5_0(self):
        given = {"$dateTrunc": {"date": ["$paid_at"], "unit": "month", "startOfWeek": "mon", "timezone": "UTC"}}
        text = {"$dateToString": {"date": ["$paid_at"], "format": "%Y-%m-01T00:00:00"}}
        assert rewrite_expression(given, "5.0") == {"$dateFromString": {"dateString": text}}
        assert rewrite_expression(given, "8.0") == given

    def test_other_zones_go_along(self):
        given = {"$dateTrunc": {"date": "$d", "unit": "day", "timezone": "Asia/Kolkata"}}
        text = {"$dateToString": {"date": "$d", "format": "%Y-%m-%dT00:00:00", "timezone": "Asia/Kolkata"}}
        assert rewrite_expression(given, "5.0") == {"$dateFromString": {"dateString": text, "timezone": "Asia/Kolkata"}}

    def test_weeks_are_left_to_the_guard(self):
        given = [{"$project": {"a": {"$dateTrunc": {"date": "$d", "unit": "week"}}}}]
        with pytest.raises(NotSupportedError, match=r"\$dateTrunc .*TruncMonth"):
            Planner("5.0").plan("a", given)

    def test_date_parts_in_utc_are_plain(self):
        assert rewrite_expression({"$year": {"date": ["$d"], "timezone": "UTC"}}, "5.0") == {"$year": "$d"}
        elsewhere = {"$year": {"date": ["$d"], "timezone": "Asia/Kolkata"}}
        assert rewrite_expression(elsewhere, "5.0") == elsewhere

    def test_json_keys_are_paths(self):
        inner = {"$getField": {"input": "$data", "field": "size"}}
        assert rewrite_expression({"$getField": {"input": inner, "field": "width"}}, "8.0.2") == "$data.size.width"

    @pytest.mark.parametrize("field", ["a.b", "$a"])
    def test_json_keys_that_are_no_path_are_left_to_the_guard(self, field):
        given = {"$getField": {"input": "$data", "field": field}}
        assert rewrite_expression(given, "8.0.2") == given

    def test_data_stay_as_they_are(self):
        given = {"$literal": {"$getField": {"input": "$data", "field": "size"}}}
        assert rewrite_expression(given, "8.0.2") == given

    def test_in_a_filter_only_expressions_are_rewritten(self):
        key = {"$getField": {"input": "$data", "field": "size"}}
        given = {"$and": [{"$expr": {"$gt": [key, 1]}}, {"data": key}]}
        assert rewrite_query(given, "5.0") == {"$and": [{"$expr": {"$gt": ["$data.size", 1]}}, {"data": key}]}


class TestStages:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"$set": {"a": {"b": "$x"}}}, {"$addFields": {"a.b": "$x"}}),
            ({"$addFields": {"a": {"$literal": {"b": 1}}}}, {"$addFields": {"a": {"$literal": {"b": 1}}}}),
            ({"$project": {"a": 1, "b": {"c": 1, "d": {"e": 1}}}}, {"$project": {"a": 1, "b.c": 1, "b.d.e": 1}}),
            ({"$unset": "a"}, {"$project": {"a": 0}}),
            ({"$unset": ["a", "b"]}, {"$project": {"a": 0, "b": 0}}),
            ({"$limit": 5}, {"$limit": 5}),
        ],
    )
    def test_a_stage_becomes_its_listed_form(self, given, expected):
        assert rewrite_stage(given, "5.0") == expected

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
            ({"$and": [{"a": {"$gt": 1}}, {"$and": [{"a": {"$lt": 9}}]}]}, {"a": {"$gt": 1, "$lt": 9}}),
            ({"$and": [{"a": 1}, {"a": 2}]}, {"a": 1, "$and": [{"a": 2}]}),
            ({"$and": [{"a": {"$gt": 1}}, {"a": {"$gt": 2}}]}, {"a": {"$gt": 1}, "$and": [{"a": {"$gt": 2}}]}),
            ({"$and": [{"a": {"$regex": "x"}}, {"a": {"$regex": "y"}}]},
             {"a": {"$regex": "x"}, "$and": [{"a": {"$regex": "y"}}]}),
            ({"$and": [{"$or": [{"a": 1}]}, {"$or": [{"b": 1}]}]}, {"$or": [{"a": 1}], "$and": [{"$or": [{"b": 1}]}]}),
            ({"a": {"b": 1}}, {"a": {"b": 1}}),
            ({}, {}),
            ({"$or": [{"a": {"$exists": False}}, {"a": None}]}, {"a": None}),
            ({"$nor": [{"$or": [{"a": {"$exists": False}}, {"a": None}]}]}, {"$nor": [{"a": None}]}),
            ({"$or": [{"a": {"$exists": False}}, {"b": None}]}, {"$or": [{"a": {"$exists": False}}, {"b": None}]}),
            ({"$and": [{"a": {"$lt": 5}}, {"a": {"$exists": True}}, {"a": {"$ne": None}}]}, {"a": {"$lt": 5}}),
            ({"$and": [{"a": {"$exists": True}}, {"a": {"$ne": None}}]}, {"a": {"$exists": True, "$ne": None}}),
            ({"a": {"$lt": 5, "$exists": False, "$ne": 3}}, {"a": {"$lt": 5, "$exists": False, "$ne": 3}}),
        ],
    )  # fmt: skip
    def test_conditions_are_one_document(self, given, expected):
        assert rewrite_stage({"$match": given}, "5.0") == {"$match": expected}

    def test_groups_keep_their_form_and_have_their_expressions_rewritten(self):
        key = {"$getField": {"input": "$data", "field": "size"}}
        given = {"$group": {"_id": {"size": key}, "n": {"$sum": key}}}
        assert rewrite_stage(given, "5.0") == {"$group": {"_id": {"size": "$data.size"}, "n": {"$sum": "$data.size"}}}


class TestJoins:
    def test_a_left_join_is_an_unwind_that_keeps_rows(self):
        given = [lookup(), padding(), unwind(), {"$limit": 5}]
        assert left_join_as_unwind(given) == [lookup(), optional(), {"$limit": 5}]

    def test_an_inner_join_stays(self):
        assert left_join_as_unwind([lookup(), unwind()]) == [lookup(), unwind()]

    def test_an_equality_has_no_pipeline(self):
        assert plain_equality_join([lookup(pipeline=[])], "5.0") == [lookup()]

    def test_a_condition_in_the_join_follows_it(self):
        given = [lookup(pipeline=[{"$match": {"$or": [{"x": 1}, {"y": 2}]}}]), unwind(), {"$limit": 5}]
        expected = [lookup(), unwind(), {"$match": {"$or": [{"b.x": 1}, {"b.y": 2}]}}, {"$limit": 5}]
        assert joined_condition_as_match(given, "5.0") == expected
        assert joined_condition_as_match(given, "8.0.2") == given

    def test_a_left_join_with_a_condition_is_left_to_the_guard(self):
        given = [lookup(pipeline=[{"$match": {"x": 1}}]), padding(), unwind()]
        with pytest.raises(NotSupportedError, match="localField and a pipeline"):
            Planner("5.0").plan("a", given)

    def test_prefixing_reaches_expressions_and_spares_data(self):
        given = {"$expr": {"$eq": ["$x", "$$outer", {"$literal": "$y"}]}, "z": {"$in": ["$w"]}}
        assert prefix_query(given, "b") == {
            "$expr": {"$eq": ["$b.x", "$$outer", {"$literal": "$y"}]},
            "b.z": {"$in": ["$w"]},
        }


class TestOrder:
    def test_own_conditions_come_before_the_joins(self):
        given = [lookup(), unwind(), {"$match": {"$and": [{"x": 1}, {"b.y": 2}]}}, {"$limit": 5}]
        expected = [{"$match": {"x": 1}}, lookup(), unwind(), {"$match": {"b.y": 2}}, {"$limit": 5}]
        assert filter_before_joining(given) == expected

    def test_nothing_stays_behind_if_all_is_own(self):
        given = [lookup(), unwind(), {"$match": {"$and": [{"x": 1}, {"$or": [{"y": 2}, {"z": 3}]}]}}]
        expected = [{"$match": {"$and": [{"x": 1}, {"$or": [{"y": 2}, {"z": 3}]}]}}, lookup(), unwind()]
        assert filter_before_joining(given) == expected

    @pytest.mark.parametrize(
        "condition",
        [
            {"$or": [{"x": 1}, {"b.y": 2}]},
            {"$nor": [{"b.y": 2}]},
            {"$expr": {"$gt": ["$x", "$b.y"]}},
        ],
    )
    def test_conditions_across_a_join_stay_behind_it(self, condition):
        given = [lookup(), unwind(), {"$match": condition}]
        assert filter_before_joining(given) == given

    def test_a_page_is_cut_before_it_is_joined(self):
        tail = [{"$sort": {"x": -1}}, {"$skip": 5}, {"$limit": 5}]
        given = [{"$match": {"y": 1}}, lookup(), unwind(), {"$project": {"x": 1, "b": 1}}, *tail]
        expected = [{"$match": {"y": 1}}, *tail, lookup(), unwind(), {"$project": {"x": 1, "b": 1}}, tail[0]]
        assert page_before_joining(given) == expected

    def test_fields_that_are_set_to_themselves_are_left_out(self):
        sort = {"$sort": {"x": -1, "_id": -1}}
        assert without_idle_fields([{"$addFields": {"x": "$x", "_id": "$_id"}}, sort]) == [sort]

    @pytest.mark.parametrize("fields", [{"x": "$y"}, {"x": "$x", "z": {"$literal": 1}}, {"a.x": "$a.x"}])
    def test_fields_that_change_stay(self, fields):
        assert without_idle_fields([{"$addFields": fields}]) == [{"$addFields": fields}]

    def test_a_page_with_such_fields_is_cut_before_it_is_joined(self):
        tail = [{"$sort": {"x": -1}}, {"$limit": 5}]
        given = [lookup(), unwind(), {"$addFields": {"x": "$x"}}, *tail]
        assert rewrite_stages(given, "5.0") == [*tail, lookup(), unwind(), tail[0]]

    def test_a_join_that_filters_comes_before_the_page(self):
        tail = [{"$sort": {"x": -1}}, {"$limit": 5}]
        across = {"$match": {"b.y": 1}}
        given = [lookup("b"), unwind("b"), lookup("c", "c_id"), unwind("c"), across, *tail]
        expected = [lookup("b"), unwind("b"), across, *tail, lookup("c", "c_id"), unwind("c"), tail[0]]
        assert page_before_joining(given) == expected

    def test_joins_that_lead_to_the_filter_come_along(self):
        tail = [{"$sort": {"x": -1}}, {"$limit": 5}]
        across = {"$match": {"c.y": 1}}
        given = [lookup("b"), unwind("b"), lookup("c", "b.c_id"), unwind("c"), across, *tail]
        assert page_before_joining(given) == given

    @pytest.mark.parametrize(
        "given",
        [
            # By a joined column; to many rows; nothing to gain; grouped; a projection that drops the order's column.
            [lookup(), unwind(), {"$sort": {"b.x": 1}}, {"$limit": 5}],
            [lookup(field="_id", foreignField="a_id"), unwind(), {"$sort": {"x": 1}}, {"$limit": 5}],
            [{"$match": {"x": 1}}, {"$sort": {"x": 1}}, {"$limit": 5}],
            [lookup(), unwind(), {"$group": {"_id": "$b"}}, {"$sort": {"x": 1}}, {"$limit": 5}],
            [lookup(), unwind(), {"$project": {"y": 1}}, {"$sort": {"x": 1}}, {"$limit": 5}],
            [lookup(), unwind(), {"$sort": {"x": 1}}],
        ],
    )
    def test_other_pages_stay(self, given):
        assert page_before_joining(given) == given


class TestAggregates:
    TOTAL = {"$group": {"__count": {"$sum": 1}, "_id": None}}
    GET = {"$getField": {"input": {"$arrayElemAt": ["$group", 0]}, "field": "__count"}}
    REST = [{"$project": {"__count": {"$ifNull": ["$__count", {"$literal": 0}]}}}]

    def test_a_count_needs_no_facet(self):
        facet = [{"$facet": {"group": [self.TOTAL]}}, {"$addFields": {"__count": self.GET}}]
        stages, rest = total_without_facet([{"$match": {"x": 1}}, *facet, *self.REST])
        assert stages == [{"$match": {"x": 1}}, self.TOTAL, *self.REST]
        assert rest == self.REST
        assert row_for_no_rows(rest) == {"__count": 0}

    def test_other_facets_are_left_to_the_guard(self):
        given = [{"$facet": {"one": [], "two": []}}]
        assert total_without_facet(given) == (given, None)

    def test_a_list_of_values_needs_no_facet(self):
        group = {"$group": {"_id": None, "tmp_name": {"$addToSet": "$course_id"}}}
        get = {"$getField": {"input": {"$arrayElemAt": ["$group", 0]}, "field": "tmp_name"}}
        given = [{"$facet": {"group": [group]}}, {"$project": {"course_id": {"$ifNull": [get, []]}}}]
        assert values_without_facet(given) == (
            [group, {"$project": {"course_id": "$tmp_name"}}],
            {"course_id": []},
        )

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("$missing", None),
            ({"$literal": "$x"}, "$x"),
            ({"$ifNull": ["$missing", {"$literal": 0}]}, 0),
            ({"$cond": {"if": {"$eq": ["$missing", None]}, "then": 1, "else": 2}}, 1),
            ({"$add": [{"$size": "$missing"}, {"$cond": {"if": {"$in": [1, "$missing"]}, "then": -1, "else": 0}}]}, 0),
            ({"$multiply": ["$missing", 2]}, None),
            ({"$subtract": [5, 2]}, 3),
            ({"$divide": [6, 2]}, 3),
            ({"$pow": [3, 2]}, 9),
        ],
    )
    def test_the_row_for_no_rows_is_computed_here(self, expression, expected):
        assert evaluate(expression, {}) == expected

    @pytest.mark.parametrize("stages", [[{"$match": {"n": 1}}], [{"$project": {"a": {"$sqrt": "$n"}}}]])
    def test_what_it_cannot_compute_it_refuses(self, stages):
        with pytest.raises(NotSupportedError, match="Python"):
            row_for_no_rows(stages)


class TestConstants:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({"$gt": [{"$literal": 5}, {"$literal": 0}]}, True),
            ({"$gt": [{"$literal": 0}, {"$literal": 0}]}, False),
            ({"$in": [{"$literal": "a"}, ("a", "b")]}, True),
            ({"$or": [{"$eq": [{"$type": None}, "missing"]}, {"$eq": [None, None]}]}, True),
            ({"$and": [{"$lt": [None, {"$literal": 1}]}, {"$not": {"$eq": [{"$literal": 1}, None]}}]}, True),
            ({"$lte": [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]}, True),
            ({"$eq": [{"$toLower": {"$literal": "A"}}, {"$literal": "a"}]}, True),
            ({"$ne": [{"$literal": 1}, {"$literal": 1}]}, False),
        ],
    )
    def test_constants_are_compared_here(self, condition, expected):
        stages = [{"$match": {"$expr": condition}}, {"$project": {"_check": {"$literal": 1}}}]
        assert rows_of_constants(stages) == ([{"_check": 1}] if expected else [])

    def test_a_query_of_constants_sends_nothing(self):
        plan, _ = Planner("5.0").plan("__null", [{"$facet": {"__null": []}}, {"$project": {"a": {"$literal": 1}}}])
        assert plan.stages == []
        assert plan.constants is not None

    def test_joined_conditions(self):
        yes, no = {"$expr": True}, {"$expr": False}
        assert evaluate_query({"$and": [yes, {"$or": [no, yes]}, {"$nor": [no, no]}]})
        assert not evaluate_query({"$nor": [no, yes]})
        with pytest.raises(NotSupportedError, match="Python"):
            evaluate_query({"a": 1})


class TestSubqueries:
    def outer(self, **more):
        inner = {"$lookup": {"as": "__subquery0", "from": "grants", "let": {}, "pipeline": [{"$limit": 5}]} | more}
        return [inner, {"$set": {"__subquery0": {"$cond": {"if": 1, "then": {}, "else": 2}}}}]

    def test_an_inner_queryset_runs_first(self):
        hole = Hole(9)
        condition = {"$and": [{"y": 1}, {"$expr": {"$in": ["$x", "$__subquery0.course_id"]}}]}
        stages, (subquery,) = uncorrelated_subqueries_first([*self.outer(), {"$match": condition}], lambda: hole)
        assert stages == [{"$match": {"$and": [{"y": 1}, {"x": {"$in": hole}}]}}]
        assert (subquery.collection, subquery.stages) == ("grants", [{"$limit": 5}])
        assert subquery.answers == {"course_id": hole}

    def test_elsewhere_its_answer_is_a_constant(self):
        hole = Hole(9)
        project = {"$project": {"price": {"$add": ["$__subquery0.price", 1]}}}
        stages, _ = uncorrelated_subqueries_first([*self.outer(), project], lambda: hole)
        assert stages == [{"$project": {"price": {"$add": [{"$literal": hole}, 1]}}}]

    def test_a_correlated_one_stays_where_it_is(self):
        given = self.outer(let={"parent__field__0": "$_id"})
        assert uncorrelated_subqueries_first(given, lambda: Hole(9)) == (given, [])

    def test_a_correlated_one_is_rewritten_inside_and_knows_the_empty_list(self):
        given = self.outer(let={"parent__field__0": "$_id"})
        out = correlated_subqueries(given, lambda inner: ([*inner, {"$skip": 1}], {"course_id": []}))
        assert out[0]["$lookup"]["pipeline"] == [{"$limit": 5}, {"$skip": 1}]
        assert out[1]["$set"]["__subquery0"]["$cond"]["then"] == {"course_id": []}

    @pytest.mark.parametrize("level", ["5.0", "8.0", "8.0.1"])
    def test_below_8_0_2_a_correlated_one_is_refused(self, level):
        with pytest.raises(NotSupportedError, match=r"correlated \$lookup.*two queries.*Exists"):
            Planner(level).plan("a", self.outer(let={"parent__field__0": "$_id"}))

    def test_only_a_plain_list_becomes_a_plain_in(self):
        assert plain_in({"$in": ["$x", {"$literal": [1]}]}) == {"x": {"$in": [1]}}
        assert plain_in({"$in": ["$$x", {"$literal": [1]}]}) is None
        assert plain_in({"$in": ["$x", "$y"]}) is None
        assert plain_in({"$eq": ["$x", {"$literal": [1]}]}) is None


class TestClock:
    def test_now_is_the_time_of_asking(self):
        hole = Hole(3)
        given = [{"$match": {"$expr": {"$lt": ["$ends_at", "$$NOW"]}}}, {"$project": {"late": "$$NOW"}}]
        stages, found = time_of_asking(given, lambda: hole)
        assert found is hole
        assert stages == [{"$match": {"$expr": {"$lt": ["$ends_at", hole]}}}, {"$project": {"late": hole}}]

    def test_somebodys_text_is_no_clock(self):
        given = [{"$match": {"title": "$$NOW"}}, {"$project": {"a": {"$literal": "$$NOW"}}}]
        assert time_of_asking(given, lambda: Hole(3)) == (given, None)

    def test_it_is_asked_anew_for_each_query(self):
        plan, values = Planner("5.0").plan("a", [{"$project": {"late": "$$NOW"}}])
        values[plan.clock.number] = datetime(2026, 1, 1, tzinfo=UTC)
        assert plan.fill(values) == [{"$project": {"late": datetime(2026, 1, 1, tzinfo=UTC)}}]


class TestPartialFilters:
    FILTERS = {"code": {"$gte": ""}}

    def test_a_look_up_by_a_nullable_unique_column_repeats_the_condition_of_its_index(self):
        value = Hole(0)
        given = [{"$match": {"code": value, "other": value}}]
        expected = {"code": {"$eq": value, "$gte": ""}, "other": value}
        assert repeat_partial_filter(given, self.FILTERS) == [{"$match": expected}]

    @pytest.mark.parametrize("condition", [{"code": None}, {"code": {"$in": ["a"]}}, {"$or": [{"code": Hole(0)}]}])
    def test_other_conditions_stay(self, condition):
        assert repeat_partial_filter([{"$match": condition}], self.FILTERS) == [{"$match": condition}]
