"""Every way to the server is guarded: nothing here can connect, so whatever is refused was refused before it left."""

from types import SimpleNamespace

import pytest
from django.db import IntegrityError, NotSupportedError
from pymongo import CursorType, DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import ServerSelectionTimeoutError

from coursebundler.documentdb.checks import RowCheck
from coursebundler.documentdb.driver import Client, Collection, Cursor, Database
from coursebundler.documentdb.rewrite import Planner
from coursebundler.documentdb.support import LEVELS

BAD = {"$where": "1"}
FINE = {"a": 1}
GERMAN = {"locale": "de"}
PIPELINE_UPDATE = [{"$set": {"a": {"$concat": ["$b", "$c"]}}}]


@pytest.fixture
def client_at():
    """A client for an engine level."""
    clients = []

    def make(level):
        client = Client("mongodb://127.0.0.1:9/", planner=Planner(level), connect=False, serverSelectionTimeoutMS=1)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(client_at):
    return client_at("5.0")


@pytest.fixture
def collection(client) -> Collection:
    return client["shop"]["orders"]


PATHS = {
    "aggregate": lambda c: c.aggregate([{"$unionWith": "x"}]),
    "aggregate with options": lambda c: c.aggregate([], collation={"locale": "en"}),
    "find": lambda c: c.find(BAD),
    "find with options": lambda c: c.find(FINE, collation={"locale": "en"}),
    "find, projection": lambda c: c.find(FINE, {"a": {"$concat": ["$b", "$c"]}}),
    "find, projection of another column": lambda c: c.find(FINE, {"a": "$b"}),
    "find, let": lambda c: c.find(FINE, let={"a": 1}),
    "find, tailable": lambda c: c.find(FINE, cursor_type=CursorType.TAILABLE),
    "find, $jsonSchema": lambda c: c.find({"$jsonSchema": {"properties": {"a": {"anyOf": [{"format": "date"}]}}}}),
    "find and where": lambda c: c.find(FINE).where("true"),
    "find and collation, with options": lambda c: c.find(FINE).collation({"locale": "en"}),
    "find and max": lambda c: c.find(FINE).max([("a", 1)]),
    "find and min": lambda c: c.find(FINE).min([("a", 1)]),
    "find and allow_disk_use": lambda c: c.find(FINE).allow_disk_use(True),
    "find and add_option": lambda c: c.find(FINE).add_option(2),
    "find, copied, and where": lambda c: c.find(FINE).clone().where("true"),
    "find_one": lambda c: c.find_one(BAD),
    "find_one, projection": lambda c: c.find_one(FINE, {"a": {"$concat": ["$b", "$c"]}}),
    "find_raw_batches": lambda c: c.find_raw_batches(FINE),
    "aggregate_raw_batches": lambda c: c.aggregate_raw_batches([]),
    "count_documents": lambda c: c.count_documents(BAD),
    "distinct": lambda c: c.distinct("a", BAD),
    "distinct of a cursor": lambda c: c.find(FINE).where("true").distinct("a"),
    "watch": lambda c: c.watch([{"$unionWith": "x"}]),
    "insert_one": lambda c: c.insert_one({"$a": 1}),
    "insert_many": lambda c: c.insert_many([FINE, {"$a": 1}]),
    "update_one, filter": lambda c: c.update_one(BAD, {"$set": FINE}),
    "update_one, update": lambda c: c.update_one(FINE, {"$new": FINE}),
    "update_one, pipeline": lambda c: c.update_one(FINE, PIPELINE_UPDATE),
    "update_one, options": lambda c: c.update_one(FINE, {"$set": FINE}, collation={"locale": "en"}),
    "update_one, sort": lambda c: c.update_one(FINE, {"$set": FINE}, sort=[("a", 1)]),
    "update_many, filter": lambda c: c.update_many(BAD, {"$set": FINE}),
    "update_many, update": lambda c: c.update_many(FINE, {"$new": FINE}),
    "update_many, pipeline": lambda c: c.update_many(FINE, PIPELINE_UPDATE),
    "update_many of many rows, filter": lambda c: c.update_many(
        {"$and": [BAD, {"_id": {"$in": ["x"]}}]},
        [{"$set": {"a": {"$switch": {"branches": [{"case": {"$eq": ["$_id", "x"]}, "then": {"$literal": 1}}]}}}}],
    ),
    "replace_one, filter": lambda c: c.replace_one(BAD, FINE),
    "replace_one, document": lambda c: c.replace_one(FINE, {"$a": 1}),
    "replace_one, sort": lambda c: c.replace_one(FINE, FINE, sort=[("a", 1)]),
    "delete_one": lambda c: c.delete_one(BAD),
    "delete_many": lambda c: c.delete_many(BAD),
    "find_one_and_update, filter": lambda c: c.find_one_and_update(BAD, {"$set": FINE}),
    "find_one_and_update, update": lambda c: c.find_one_and_update(FINE, PIPELINE_UPDATE),
    "find_one_and_update, projection": lambda c: c.find_one_and_update(
        FINE, {"$set": FINE}, projection={"a": {"$concat": []}}
    ),
    "find_one_and_replace, projection": lambda c: c.find_one_and_replace(FINE, FINE, projection={"a": {"$add": []}}),
    "find_one_and_delete, projection": lambda c: c.find_one_and_delete(FINE, projection={"a": {"$add": []}}),
    "find_one_and_replace, filter": lambda c: c.find_one_and_replace(BAD, FINE),
    "find_one_and_replace, document": lambda c: c.find_one_and_replace(FINE, {"a.b": 1}),
    "find_one_and_delete": lambda c: c.find_one_and_delete(BAD),
    "bulk InsertOne": lambda c: c.bulk_write([InsertOne({"$a": 1})]),
    "bulk UpdateOne": lambda c: c.bulk_write([UpdateOne(FINE, PIPELINE_UPDATE)]),
    "bulk UpdateOne, filter": lambda c: c.bulk_write([UpdateOne(BAD, {"$set": FINE})]),
    "bulk UpdateOne, sort": lambda c: c.bulk_write([UpdateOne(FINE, {"$set": FINE}, sort={"a": 1})]),
    "bulk_write, let": lambda c: c.bulk_write([DeleteOne(FINE)], let={"a": 1}),
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
    "count_documents, options": lambda c: c.count_documents(FINE, collation=GERMAN),
    "distinct, options": lambda c: c.distinct("a", FINE, collation=GERMAN),
    "watch, options": lambda c: c.watch([], collation=GERMAN),
    "replace_one, options": lambda c: c.replace_one(FINE, FINE, collation=GERMAN),
    "delete_one, options": lambda c: c.delete_one(FINE, collation=GERMAN),
    "delete_many, options": lambda c: c.delete_many(FINE, collation=GERMAN),
    "find_one_and_replace, options": lambda c: c.find_one_and_replace(FINE, FINE, collation=GERMAN),
    "find_one_and_delete, options": lambda c: c.find_one_and_delete(FINE, collation=GERMAN),
    "aggregate of the database, options": lambda c: c.database.aggregate([], collation=GERMAN),
    "bulk, something new": lambda c: c.bulk_write([SimpleNamespace(_filter=FINE)]),
    "command": lambda c: c.database.command("somethingNew"),
    "command, as a document": lambda c: c.database.command({"find": "orders", "filter": BAD}),
    "explain": lambda c: c.database.command("explain", {"aggregate": "orders", "pipeline": [{"$unionWith": "x"}]}),
    "aggregate of the database": lambda c: c.database.aggregate([{"$unionWith": "x"}]),
    "cursor_command": lambda c: c.database.cursor_command("find", "orders"),
    "create_collection": lambda c: c.database.create_collection("x", capped=True, size=1),
    "create_collection, options": lambda c: c.database.create_collection("x", collation={"locale": "en"}),
    "create_collection, $expr": lambda c: c.database.create_collection("x", validator={"$expr": {"$gt": ["$a", "$b"]}}),
    "create_collection, warning": lambda c: c.database.create_collection("x", validationAction="warn"),
    "collMod": lambda c: c.database.command("collMod", "x", validator={"a": {"$gt": 1}}),
    "validate_collection": lambda c: c.database.validate_collection("x"),
    "watch of the database": lambda c: c.database.watch(),
    "watch of the client": lambda c: c.database.client.watch(),
    "bulk_write of the client": lambda c: c.database.client.bulk_write([]),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("path", PATHS)
def test_it_refuses_before_anything_is_sent(client_at, path, level):
    """What, where, and what to do instead."""
    if "options" in path and level != "5.0":
        return  # Collation is there from 8.0 on.
    with pytest.raises(NotSupportedError, match=rf"^Amazon DocumentDB {level} does not support \S.* Instead: \S.*\.$"):
        PATHS[path](client_at(level)["shop"]["orders"])


WRONG = {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "write",
    [
        lambda c: c.insert_one(WRONG),
        lambda c: c.insert_many([FINE, WRONG]),
        lambda c: c.update_one({}, {"$set": WRONG}),
        lambda c: c.update_one({}, {"$set": {"a": 2}, "$setOnInsert": {"b": 1}}, upsert=True),
        lambda c: c.find_one_and_update({}, {"$set": WRONG}),
        lambda c: c.replace_one({}, WRONG),
        lambda c: c.find_one_and_replace({}, WRONG),
        lambda c: c.bulk_write([InsertOne(WRONG)]),
        lambda c: c.bulk_write([UpdateOne({}, {"$set": WRONG})]),
        lambda c: c.bulk_write([ReplaceOne({}, WRONG)]),
    ],
)
def test_it_keeps_the_checks_that_the_server_cannot(client, collection, write):
    client.row_checks = {"orders": [RowCheck("a_first", {"a", "b"}, lambda row: row["a"] < row["b"])]}
    with pytest.raises(IntegrityError, match="CHECK constraint failed: a_first"):
        write(collection)


@pytest.mark.parametrize("find", ["find", "update_one", "replace_one", "aggregate", "delete_one", "distinct"])
def test_options_have_names(collection, find):
    """One that was given by its place could not be looked at."""
    with pytest.raises(TypeError, match="positional"):
        getattr(collection, find)({}, {}, {}, {}, {}, {"locale": "en"})


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


HARMLESS = {
    Collection: {
        *("drop", "rename", "options", "index_information", "list_indexes", "drop_index", "drop_indexes"),
        *("estimated_document_count", "find_one", "next", "codec_options", "database", "full_name", "name"),
        *("read_concern", "read_preference", "write_concern"),
    },
    # dereference() is a find_one(), validate_collection() goes through command().
    Database: {
        *("client", "name", "codec_options", "read_concern", "read_preference", "write_concern", "next"),
        *("list_collections", "list_collection_names", "drop_collection", "dereference", "validate_collection"),
    },
    Client: {
        *("HOST", "PORT", "address", "arbiters", "close", "codec_options", "delegate", "drop_database", "is_mongos"),
        *("is_primary", "list_database_names", "list_databases", "max_bson_size", "max_message_size", "next", "nodes"),
        *("max_write_batch_size", "options", "primary", "read_concern", "read_preference", "secondaries"),
        *("server_info", "start_session", "topology_description", "write_concern", "append_metadata", "eq_props"),
    },
    # explain() and distinct() send the filter that find() was given.
    Cursor: {
        *("address", "alive", "batch_size", "clone", "close", "collection", "comment", "cursor_id", "distinct"),
        *("explain", "hint", "limit", "max_await_time_ms", "max_scan", "max_time_ms", "next", "remove_option"),
        *("retrieved", "rewind", "session", "skip", "sort", "to_list"),
    },
}


@pytest.mark.parametrize("ours", HARMLESS, ids=lambda ours: ours.__name__)
def test_no_method_of_pymongo_is_forgotten(ours):
    """A new version of pymongo may bring a new way to the server: decide on it, then name it here."""
    public = {name for name in dir(ours.__mro__[1]) if not name.startswith("_")}
    assert public - HARMLESS[ours] == {name for name in vars(ours) if name in public - HARMLESS[ours]}


def test_databases_and_collections_are_ours(client):
    assert isinstance(client.shop, Database)
    assert isinstance(client.shop.orders, Collection)
