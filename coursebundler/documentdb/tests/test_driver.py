"""Every way to the server is guarded: nothing here can connect, so whatever is refused was refused before it left."""

import pytest
from django.db import NotSupportedError
from pymongo import DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import ServerSelectionTimeoutError

from coursebundler.documentdb.driver import Client, Collection, Database
from coursebundler.documentdb.rewrite import Planner

BAD = {"$where": "1"}
FINE = {"a": 1}
PIPELINE_UPDATE = [{"$set": {"a": {"$concat": ["$b", "$c"]}}}]


@pytest.fixture
def client():
    client = Client("mongodb://127.0.0.1:9/", planner=Planner("5.0"), connect=False, serverSelectionTimeoutMS=1)
    yield client
    client.close()


@pytest.fixture
def collection(client) -> Collection:
    return client["shop"]["orders"]


PATHS = {
    "aggregate": lambda c: c.aggregate([{"$unionWith": "x"}]),
    "aggregate with options": lambda c: c.aggregate([], collation={"locale": "en"}),
    "find": lambda c: c.find(BAD),
    "find with options": lambda c: c.find(FINE, collation={"locale": "en"}),
    "find_one": lambda c: c.find_one(BAD),
    "find_raw_batches": lambda c: c.find_raw_batches(FINE),
    "aggregate_raw_batches": lambda c: c.aggregate_raw_batches([]),
    "count_documents": lambda c: c.count_documents(BAD),
    "distinct": lambda c: c.distinct("a", BAD),
    "watch": lambda c: c.watch([{"$unionWith": "x"}]),
    "insert_one": lambda c: c.insert_one({"$a": 1}),
    "insert_many": lambda c: c.insert_many([FINE, {"$a": 1}]),
    "update_one, filter": lambda c: c.update_one(BAD, {"$set": FINE}),
    "update_one, update": lambda c: c.update_one(FINE, {"$new": FINE}),
    "update_one, pipeline": lambda c: c.update_one(FINE, PIPELINE_UPDATE),
    "update_one, options": lambda c: c.update_one(FINE, {"$set": FINE}, collation={"locale": "en"}),
    "update_many, filter": lambda c: c.update_many(BAD, {"$set": FINE}),
    "update_many, update": lambda c: c.update_many(FINE, {"$new": FINE}),
    "update_many, pipeline": lambda c: c.update_many(FINE, PIPELINE_UPDATE),
    "update_many of many rows, filter": lambda c: c.update_many(
        {"$and": [BAD, {"_id": {"$in": ["x"]}}]},
        [{"$set": {"a": {"$switch": {"branches": [{"case": {"$eq": ["$_id", "x"]}, "then": {"$literal": 1}}]}}}}],
    ),
    "replace_one, filter": lambda c: c.replace_one(BAD, FINE),
    "replace_one, document": lambda c: c.replace_one(FINE, {"$a": 1}),
    "delete_one": lambda c: c.delete_one(BAD),
    "delete_many": lambda c: c.delete_many(BAD),
    "find_one_and_update, filter": lambda c: c.find_one_and_update(BAD, {"$set": FINE}),
    "find_one_and_update, update": lambda c: c.find_one_and_update(FINE, PIPELINE_UPDATE),
    "find_one_and_replace, filter": lambda c: c.find_one_and_replace(BAD, FINE),
    "find_one_and_replace, document": lambda c: c.find_one_and_replace(FINE, {"a.b": 1}),
    "find_one_and_delete": lambda c: c.find_one_and_delete(BAD),
    "bulk InsertOne": lambda c: c.bulk_write([InsertOne({"$a": 1})]),
    "bulk UpdateOne": lambda c: c.bulk_write([UpdateOne(FINE, PIPELINE_UPDATE)]),
    "bulk UpdateOne, filter": lambda c: c.bulk_write([UpdateOne(BAD, {"$set": FINE})]),
    "bulk UpdateMany": lambda c: c.bulk_write([UpdateMany(FINE, {"$new": FINE})]),
    "bulk ReplaceOne": lambda c: c.bulk_write([ReplaceOne(FINE, {"a.b": 1})]),
    "bulk DeleteOne": lambda c: c.bulk_write([DeleteOne(BAD)]),
    "bulk DeleteMany": lambda c: c.bulk_write([DeleteMany(BAD)]),
    "bulk, options": lambda c: c.bulk_write([DeleteMany(FINE, collation={"locale": "en"})]),
    "create_indexes": lambda c: c.create_indexes([IndexModel([("a", "hashed")])]),
    "create_index": lambda c: c.create_index([("a", "hashed")]),
    "list_search_indexes": lambda c: c.list_search_indexes(),
    "create_search_index": lambda c: c.create_search_index({}),
    "with_options": lambda c: c.with_options().find(BAD),
    "collection of a collection": lambda c: c.archive.find(BAD),
    "collection of a collection, by key": lambda c: c["archive"].find(BAD),
    "by way of the database": lambda c: c.database["other"].find(BAD),
    "by attribute of the database": lambda c: c.database.other.find(BAD),
    "get_collection": lambda c: c.database.get_collection("other").find(BAD),
    "with_options of the database": lambda c: c.database.with_options()["other"].find(BAD),
    "by way of the client": lambda c: c.database.client.shop.orders.find(BAD),
    "get_database": lambda c: c.database.client.get_database("shop").orders.find(BAD),
    "get_default_database": lambda c: c.database.client.get_default_database("shop").orders.find(BAD),
    "command": lambda c: c.database.command("somethingNew"),
    "command, as a document": lambda c: c.database.command({"find": "orders", "filter": BAD}),
    "explain": lambda c: c.database.command("explain", {"aggregate": "orders", "pipeline": [{"$unionWith": "x"}]}),
    "aggregate of the database": lambda c: c.database.aggregate([{"$unionWith": "x"}]),
    "cursor_command": lambda c: c.database.cursor_command("find", "orders"),
    "create_collection": lambda c: c.database.create_collection("x", capped=True, size=1),
    "create_collection, options": lambda c: c.database.create_collection("x", collation={"locale": "en"}),
    "watch of the database": lambda c: c.database.watch(),
    "watch of the client": lambda c: c.database.client.watch(),
    "bulk_write of the client": lambda c: c.database.client.bulk_write([]),
}


@pytest.mark.parametrize("path", PATHS)
def test_it_refuses_before_anything_is_sent(collection, path):
    with pytest.raises(NotSupportedError, match="does not support"):
        PATHS[path](collection)


@pytest.mark.parametrize(
    "send",
    [
        lambda c: list(c.aggregate([{"$match": FINE}])),
        lambda c: c.find_one(FINE),
        lambda c: c.update_many(FINE, [{"$set": {"a": {"$literal": 1}}}]),
        lambda c: c.bulk_write([UpdateOne(FINE, {"$set": FINE})]),
        lambda c: c.database.command("ping"),
    ],
)
def test_it_sends_what_is_supported(collection, send):
    """The counterpart: without it, the tests above could pass because nothing works."""
    with pytest.raises(ServerSelectionTimeoutError):
        send(collection)


def test_no_method_of_pymongo_is_forgotten():
    """A new version of pymongo may bring a new way to the server: decide on it, then name it here."""
    harmless = {"drop", "rename", "options", "index_information", "list_indexes", "drop_index", "drop_indexes"}
    harmless |= {"estimated_document_count", "find_one", "next", "codec_options", "database", "full_name", "name"}
    harmless |= {"read_concern", "read_preference", "write_concern"}
    public = {name for name in dir(Collection.__mro__[1]) if not name.startswith("_")}
    assert public - harmless == {name for name in vars(Collection) if name in public and name != "find_one"}


def test_databases_and_collections_are_ours(client):
    assert isinstance(client.shop, Database)
    assert isinstance(client.shop.orders, Collection)
