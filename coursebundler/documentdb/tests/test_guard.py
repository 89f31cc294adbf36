"""What the guard refuses, and that it looks at operators and never at data."""

import pytest
from django.db import NotSupportedError

from coursebundler.documentdb import guard
from coursebundler.documentdb.support import LEVELS

ALL = set(LEVELS)
FROM_8_0 = ALL - {"5.0"}


@pytest.mark.parametrize(
    ("stage", "levels"),
    [
        ({"$match": {"a": 1}}, ALL),
        ({"$set": {"a": 1}}, FROM_8_0),
        ({"$unset": "a"}, FROM_8_0),
        ({"$facet": {"x": []}}, {"8.0.2"}),
        ({"$facet": {"x": [{"$unionWith": "y"}]}}, set()),
        ({"$unionWith": "other"}, set()),
        ({"$lookup": {"from": "b", "localField": "x", "foreignField": "_id", "as": "b"}}, ALL),
        ({"$lookup": {"from": "b", "localField": "x", "foreignField": "_id", "as": "b", "pipeline": []}}, {"8.0.2"}),
        ({"$lookup": {"from": "b", "let": {"x": "$x"}, "pipeline": [], "as": "b"}}, {"8.0.2"}),
        ({"$lookup": {"from": "b", "pipeline": [{"$match": {"a": 1}}], "as": "b"}}, ALL),
        ({"$lookup": {"from": "b", "let": {"x": "$x"}, "pipeline": [{"$facet": {}}], "as": "b"}}, set()),
        ({"$lookup": {"from": "b", "pipeline": [{"$project": {"a": {"$getField": "x"}}}], "as": "b"}}, set()),
        ({"$project": {"a": {"$round": ["$x", 1]}}}, {"8.0.1", "8.0.2"}),
        ({"$project": {"a": {"$dateTrunc": {"date": "$x", "unit": "week"}}}}, FROM_8_0),
        ({"$addFields": {"a": "$$NOW"}}, set()),
        ({"$addFields": {"a": "$$REMOVE"}}, set()),
        ({"$addFields": {"a": "$$ROOT.x"}}, ALL),
        ({"$addFields": {"a": {"$literal": "$$NOW"}}}, ALL),
        ({"$group": {"_id": None, "n": {"$sum": 1}}}, ALL),
        ({"$group": {"_id": None, "n": {"$stdDevPop": "$x"}}}, {"8.0.1", "8.0.2"}),
        ({"$group": {"_id": {"$getField": "x"}}}, set()),
        ({"$group": {"_id": None, "n": {"$sum": {"$getField": "x"}}}}, set()),
        ({"$match": {"$expr": {"$eq": ["$a", {"$getField": "x"}]}}}, set()),
        ({"$sort": {"a": {"$meta": "textScore"}}}, ALL),
        ({"$newStage": {}}, set()),
    ],
)
def test_stages(stage, levels):
    assert {level for level in LEVELS if accepts(guard.check_pipeline, [stage], level)} == levels


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ({"a": 1, "b": {"$gt": 1, "$lt": 2}}, ALL),
        ({"$or": [{"a": 1}, {"$and": [{"b": {"$in": [1, 2]}}]}]}, ALL),
        ({"a": {"$not": {"$regex": "^x", "$options": "i"}}}, ALL),
        ({"a": {"$elemMatch": {"b": 1, "c": {"$gt": 2}}}}, ALL),
        ({"$where": "1"}, set()),
        ({"$nor": [{"$where": "1"}]}, set()),
        ({"a": {"$not": {"$where": "1"}}}, set()),
        ({"a": {"$elemMatch": {"b": {"$where": "1"}}}}, set()),
        ({"$expr": {"$gt": ["$a", {"$rand": {}}]}}, FROM_8_0),
        # Data, not operators.
        ({"a": "$$NOW"}, ALL),
        ({"a": {"price": "$where"}}, ALL),
        ({"a": {"$in": ["$where", "$$NOW"]}}, ALL),
    ],
)
def test_queries(query, levels):
    assert {level for level in LEVELS if accepts(guard.check_query, query, level)} == levels


@pytest.mark.parametrize(
    ("update", "levels"),
    [
        ({"$set": {"a": {"$where": 1}}, "$inc": {"b": 1}, "$mul": {"c": 2}, "$unset": {"d": ""}}, ALL),
        ({"$push": {"a": {"$each": [1], "$slice": 3}}}, ALL),
        ({"$push": {"a": {"$each": [1], "$where": 3}}}, set()),
        ([{"$set": {"a": 1}}], set()),
        ({"a": 1}, set()),
        ({"$newOperator": {"a": 1}}, set()),
    ],
)
def test_updates(update, levels):
    assert {level for level in LEVELS if accepts(guard.check_update, update, level)} == levels


@pytest.mark.parametrize(
    ("index", "levels"),
    [
        ({"key": {"a": 1, "b": -1}, "name": "x", "unique": True}, ALL),
        ({"key": {"a": 1}, "expireAfterSeconds": 0}, ALL),
        ({"key": {"a": "text"}}, ALL),
        ({"key": {"a": "hashed"}}, set()),
        ({"key": {"$**": 1}}, set()),
        ({"key": {"a": 1}, "hidden": True}, set()),
        ({"key": {"a": 1}, "collation": {"locale": "en"}}, FROM_8_0),
        ({"key": {"a": 1}, "partialFilterExpression": {"$and": [{"a": {"$gte": ""}}, {"b": 1}]}}, ALL),
        ({"key": {"a": 1}, "partialFilterExpression": {"a": {"$type": "string"}}}, set()),
        ({"key": {"a": 1}, "partialFilterExpression": {"$or": [{"a": 1}, {"b": 1}]}}, set()),
        ({"key": {"a": 1}, "partialFilterExpression": {"$and": [{"$and": [{"a": 1}]}]}}, set()),
        ({"key": {"a": 1}, "somethingNew": 1}, set()),
    ],
)
def test_indexes(index, levels):
    assert {level for level in LEVELS if accepts(guard.check_index, index, level)} == levels


@pytest.mark.parametrize(
    ("command", "levels"),
    [
        ({"hello": 1}, ALL),
        ({"mapReduce": "a"}, FROM_8_0),
        ({"endSessions": []}, set()),
        ({"somethingNew": 1}, set()),
        ({"aggregate": "a", "pipeline": [{"$facet": {"x": []}}]}, {"8.0.2"}),
        ({"explain": {"aggregate": "a", "pipeline": [{"$facet": {"x": []}}]}}, {"8.0.2"}),
        ({"find": "a", "filter": {"$where": "1"}}, set()),
        ({"find": "a", "filter": {}, "collation": {"locale": "en"}}, FROM_8_0),
        ({"distinct": "a", "query": {"$where": "1"}}, set()),
        ({"count": "a", "query": {"$where": "1"}}, set()),
        ({"update": "a", "updates": [{"q": {}, "u": [{"$set": {"a": 1}}]}]}, set()),
        ({"update": "a", "updates": [{"q": {"$where": "1"}, "u": {"a": 1}}]}, set()),
        ({"update": "a", "updates": [{"q": {}, "u": {"a": 1}}]}, ALL),
        ({"delete": "a", "deletes": [{"q": {"$where": "1"}}]}, set()),
        ({"find": "a", "projection": {"b": 1, "c": {"$slice": 2}}}, ALL),
        ({"find": "a", "projection": {"b": {"$concat": []}}}, set()),
        ({"find": "a", "tailable": True}, set()),
        ({"find": "a", "noCursorTimeout": True}, set()),
        ({"find": "a", "let": {"b": 1}}, set()),
        ({"findAndModify": "a", "query": {}, "fields": {"b": {"$concat": []}}}, set()),
        ({"findAndModify": "a", "query": {}, "sort": {"b": 1}, "update": {"$set": {"b": 1}}}, ALL),
        ({"update": "a", "updates": [{"q": {}, "u": {"a": 1}, "sort": {"b": 1}}]}, set()),
        ({"update": "a", "updates": [{"q": {}, "u": {"a": 1}, "collation": {"locale": "en"}}]}, FROM_8_0),
        ({"create": "a", "validator": {"$jsonSchema": {"required": ["b"]}}, "validationAction": "error"}, ALL),
        ({"create": "a", "validator": {"$expr": {"$gt": ["$b", "$c"]}}}, set()),
        ({"collMod": "a", "validator": {"$jsonSchema": {"not": {"properties": {"b": {"format": "date"}}}}}}, set()),
        ({"collMod": "a", "validator": {"$jsonSchema": {"properties": {"b": {"enum": [{"format": 1}]}}}}}, ALL),
        ({"collMod": "a", "validator": {}}, ALL),
        ({"collMod": "a", "validationAction": "warn"}, set()),
        ({"findAndModify": "a", "query": {"$where": "1"}}, set()),
        ({"findAndModify": "a", "query": {}, "update": [{"$set": {"a": 1}}]}, set()),
        ({"insert": "a", "documents": [{"$x": 1}]}, set()),
        ({"createIndexes": "a", "indexes": [{"key": {"a": "hashed"}, "name": "a"}]}, set()),
    ],
)
def test_commands(command, levels):
    assert {level for level in LEVELS if accepts(guard.check_command, command, level)} == levels


def test_it_says_what_and_where_and_what_instead():
    with pytest.raises(NotSupportedError) as caught:
        guard.check_pipeline([{"$unionWith": "x"}], "8.0.1")
    assert str(caught.value) == (
        "Amazon DocumentDB 8.0.1 does not support $unionWith (stage). "
        "Instead: evaluate the querysets and join them in Python instead of union()."
    )


@pytest.mark.parametrize("name", ["$a", "a.b"])
def test_it_refuses_field_names_that_are_syntax(name):
    assert not accepts(guard.check_document, {name: 1}, "8.0.2")


@pytest.mark.parametrize("option", ["max", "min", "return_key", "show_record_id", "no_cursor_timeout", "collation"])
def test_it_refuses_options_that_no_cursor_has(option):
    assert not accepts(guard.check_options, {option: {"a": 1}}, "5.0")
    assert accepts(guard.check_options, {option: None}, "5.0")


def accepts(check, argument, level):
    try:
        check(argument, level)
    except NotSupportedError:
        return False
    return True
