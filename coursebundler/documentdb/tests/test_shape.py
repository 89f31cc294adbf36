"""Pipelines of one shape share a plan: what makes a shape, and that values come back where they were."""

from datetime import datetime

import pytest
from bson import SON, Int64

from coursebundler.documentdb.rewrite import MAX_PLANS, Planner
from coursebundler.documentdb.rewrite.shape import fill, fingerprint, with_holes

PIPELINES = [
    [{"$match": {"a": "x", "b": {"$in": ("p", "q")}, "$expr": {"$eq": ["$a", {"$literal": {"$deep": 1}}]}}}],
    [{"$match": {"$and": [{"a": {"$gt": 5}}, {"b": None}, {"c": True}, {"d": datetime(2026, 1, 1)}]}}],
    [{"$sort": SON([("b", -1), ("a", 1)])}, {"$skip": 20}, {"$limit": 10}],
    [{"$lookup": {"from": "b", "localField": "x", "foreignField": "_id", "as": "b", "pipeline": []}}],
    [{"$match": {"a": {"$in": ["$price", "x"]}, "b": Int64(1), "c": {"nested": {"deep": [1, 2, "x"]}}}}],
    [{"$project": {"a": 1, "b": {"$in": [{"$type": "$a"}, ["missing", "null"]]}}}],
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_filling_the_holes_gives_the_pipeline(pipeline):
    """Both walks meet the values in the same order, in pipelines with every kind of value."""
    shape, values = fingerprint(pipeline)
    template, count = with_holes(pipeline)
    assert count == len(values)
    assert as_lists(fill(template, values)) == as_lists(pipeline)
    assert fingerprint(pipeline)[0] == shape


def as_lists(node):
    if isinstance(node, dict):
        return {key: as_lists(value) for key, value in node.items()}
    return [as_lists(item) for item in node] if isinstance(node, list | tuple) else node


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "x"}, {"a": "y"}),
        ({"a": {"$in": [1, 2]}}, {"a": {"$in": [3]}}),
        ({"a": 7}, {"a": 8}),
        ({"a": datetime(2026, 1, 1)}, {"a": datetime(2027, 1, 1)}),
    ],
)
def test_values_make_no_new_shape(one, other):
    assert fingerprint([{"$match": one}])[0] == fingerprint([{"$match": other}])[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 0}),
        ({"a": None}, {"a": "x"}),
        ({"a": {"$exists": True}}, {"a": {"$exists": False}}),
        ({"a": "x"}, {"b": "x"}),
        ({"a": "$x"}, {"a": "$y"}),
        ({"a": {"b": "x"}}, {"a": {"b": {"c": "x"}}}),
        ({"a": ["x"]}, {"a": ["x", "y"]}),
        ({"a": {"b": 5}, "c": 5}, {"a": {"b": 5, "c": 5}}),
    ],
)
def test_structure_makes_a_new_shape(one, other):
    assert fingerprint([{"$match": one}])[0] != fingerprint([{"$match": other}])[0]


def test_a_plan_is_made_once_for_a_shape():
    planner = Planner("5.0")
    first, values = planner.plan("a", [{"$match": {"x": "one"}}, {"$limit": 5}])
    second, other_values = planner.plan("a", [{"$match": {"x": "two"}}, {"$limit": 9}])
    assert first is second
    assert first.fill(values) == [{"$match": {"x": "one"}}, {"$limit": 5}]
    assert first.fill(other_values) == [{"$match": {"x": "two"}}, {"$limit": 9}]


def test_plans_do_not_grow_without_end():
    planner = Planner("5.0")
    for number in range(MAX_PLANS + 10):
        planner.plan("a", [{"$match": {f"field{number}": 5}}])
    assert len(planner._plans) <= MAX_PLANS
