"""Updates: what each expression of the stock backend becomes, and which are refused."""

from decimal import Decimal

import pytest
from bson import Decimal128, Int64
from django.db import NotSupportedError
from pymongo import UpdateOne

from coursebundler.documentdb.updates import names_one_row, per_row_updates, update_document, update_statements


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$literal": "paid"}, {"$set": {"a": "paid"}}),
        ({"$literal": "$100"}, {"$set": {"a": "$100"}}),
        ({"$literal": {"$set": 1}}, {"$set": {"a": {"$set": 1}}}),
        ({"$literal": None}, {"$set": {"a": None}}),
        ("bare", {"$set": {"a": "bare"}}),
        ({"size": 3}, {"$set": {"a": {"size": 3}}}),
        ({"$add": ["$a", {"$literal": 2}]}, {"$inc": {"a": 2}}),
        ({"$add": [{"$literal": 2}, "$a"]}, {"$inc": {"a": 2}}),
        ({"$subtract": ["$a", {"$literal": 2}]}, {"$inc": {"a": -2}}),
        ({"$subtract": ["$a", Decimal128("2.5")]}, {"$inc": {"a": Decimal128("-2.5")}}),
        ({"$multiply": ["$a", {"$literal": 2}]}, {"$mul": {"a": 2}}),
        ("$$NOW", {"$currentDate": {"a": True}}),
    ],
)
def test_it_becomes_a_classic_update(value, expected):
    assert update_document([{"$set": {"a": value}}], "5.0") == expected


def test_64_bits_stay_64_bits():
    changed = update_document([{"$set": {"a": {"$subtract": ["$a", {"$literal": Int64(2)}]}}}], "5.0")
    assert isinstance(changed["$inc"]["a"], Int64)


def test_several_columns_make_one_document():
    values = {"status": {"$literal": "paid"}, "tries": {"$add": ["$tries", {"$literal": 1}]}, "note": {"$literal": ""}}
    expected = {"$set": {"status": "paid", "note": ""}, "$inc": {"tries": 1}}
    assert update_document([{"$set": values}], "5.0") == expected


@pytest.mark.parametrize(
    "value",
    [
        "$b",
        {"$add": ["$b", {"$literal": 1}]},
        {"$add": ["$a", "$b"]},
        {"$subtract": [{"$literal": 1}, "$a"]},
        {"$divide": ["$a", {"$literal": 2}]},
        {"$concat": ["$a", {"$literal": "x"}]},
        {"$switch": {"branches": [{"case": {"$gt": ["$a", 1]}, "then": {"$literal": 1}}], "default": None}},
    ],
)
def test_it_refuses_what_has_no_classic_form(value):
    """Django's own words in the refusal: the column, and what to write instead."""
    with pytest.raises(NotSupportedError, match=r"5\.0 does not support this update of 'a'.*Instead"):
        update_document([{"$set": {"a": value}}], "5.0")


def branch(key, value):
    return {"case": {"$eq": ["$_id", {"$literal": key}]}, "then": {"$literal": value}}


def test_bulk_update_becomes_one_update_a_row():
    pipeline = [
        {
            "$set": {
                "a": {"$switch": {"branches": [branch("x", 1), branch("y", 2)], "default": None}},
                "b": {"$switch": {"branches": [branch("x", Decimal(3))], "default": None}},
            }
        }
    ]
    rows = per_row_updates({"_id": {"$in": ("x",)}}, pipeline)
    assert rows == {"x": {"a": 1, "b": Decimal(3)}, "y": {"a": 2}}
    assert update_statements({"_id": {"$in": ("x", "y")}}, rows)[1] == UpdateOne({"_id": "y"}, {"$set": {"a": 2}})
    narrowed = {"$and": [{"_id": {"$in": ("x", "y")}}, {"status": "new"}]}
    assert update_statements(narrowed, rows)[1] == UpdateOne({"$and": [narrowed, {"_id": "y"}]}, {"$set": {"a": 2}})


def switch(case, then, **more):
    return {"$switch": {"branches": [{"case": case, "then": then}]} | more}


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ({"_id": {"$in": ["x"]}}, {"$literal": 1}),
        ({"_id": {"$in": ["x"]}}, switch({"$gt": ["$_id", {"$literal": "x"}]}, {"$literal": 1})),
        ({"_id": {"$in": ["x"]}}, switch({"$eq": ["$status", {"$literal": "x"}]}, {"$literal": 1})),
        ({"_id": {"$in": ["x"]}}, switch({"$eq": ["$_id", "$other"]}, {"$literal": 1})),
        ({"_id": {"$in": ["x"]}}, switch({"$eq": ["$_id", {"$literal": "x"}]}, "$b")),
        # Rows without a branch of their own would become NULL.
        ({"_id": {"$in": ["x", "y"]}}, switch({"$eq": ["$_id", {"$literal": "x"}]}, {"$literal": 1})),
        ({}, switch({"$eq": ["$_id", {"$literal": "x"}]}, {"$literal": 1})),
    ],
)
def test_other_updates_are_not_taken_for_bulk_updates(condition, value):
    assert per_row_updates(condition, [{"$set": {"a": value}}]) is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"_id": "x"}, True),
        ({"$and": [{"_id": "x"}, {"status": "new"}]}, True),
        ({"_id": {"$in": ["x"]}}, True),
        ({"_id": {"$in": ["x", "y"]}}, False),
        ({"_id": {"$gt": "x"}}, False),
        ({"status": "new"}, False),
        ({"$or": [{"_id": "x"}, {"_id": "y"}]}, False),
        ({}, False),
    ],
)
def test_a_filter_on_the_key_names_one_row(condition, expected):
    assert names_one_row(condition) is expected
