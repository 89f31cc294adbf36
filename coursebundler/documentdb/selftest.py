"""What `manage.py check_database` tries on a server: one function for each thing the site relies on.

Each works in scratch collections of its own and goes through the same guarded driver as the site. It returns a word or
two on what it found, or raises: Refused if the server does not do what is needed.
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bson import json_util
from django.db import connection as django_connection
from pymongo import IndexModel, UpdateOne
from pymongo.errors import PyMongoError

MAX_SKEW_SECONDS = 5
# Only ever ours: the command asks for it on DocumentDB alone.
connection: Any = django_connection


class Refused(Exception):
    """The server answers, and not as it has to."""


class Scratch:
    """Collections that nobody else has; dropped at the end."""

    def __init__(self) -> None:
        self.prefix = f"check_database_{uuid.uuid4().hex[:8]}"

    def __getitem__(self, name: str) -> Any:
        return connection.get_collection(f"{self.prefix}_{name}")

    def drop(self) -> None:
        for name in connection.introspection.table_names():
            if name.startswith(self.prefix):
                connection.database.drop_collection(name)


def version(scratch: Scratch) -> str:
    found = ".".join(map(str, connection.get_database_version()[:3]))
    level = connection.level
    if not found.startswith(level.split(".")[0] + "."):
        raise Refused(f"the server says {found}, DATABASE_URL says engine={level}")
    return f"{found}, engine={level}"


def clock(scratch: Scratch) -> str:
    server_time = connection.connection.admin.command("hello").get("localTime")
    if server_time is None:
        return "not told"
    skew = abs((datetime.now(UTC) - server_time.replace(tzinfo=UTC)).total_seconds())
    if skew > MAX_SKEW_SECONDS:
        raise Refused(f"the clocks differ by {skew:.0f} s")
    return f"{skew:.1f} s apart"


def updates(scratch: Scratch) -> str:
    rows = scratch["updates"]
    rows.insert_many([{"_id": str(number), "n": number} for number in range(3)])
    rows.update_many({"n": {"$gte": 1}}, {"$inc": {"n": 10}, "$set": {"text": "$n"}, "$currentDate": {"at": True}})
    rows.update_one({"_id": "0"}, {"$mul": {"n": 5}})
    rows.bulk_write([UpdateOne({"_id": "new"}, {"$setOnInsert": {"n": 7}}, upsert=True) for _ in range(2)])
    expect(sorted(row["n"] for row in rows.find()), [0, 7, 11, 12])
    expect(rows.update_many({"_id": "1", "n": 99}, {"$set": {"n": 0}}).matched_count, 0)
    return "conditional, counting, upserts"


def unique(scratch: Scratch) -> str:
    rows = scratch["unique"]
    rows.create_indexes([IndexModel([("code", 1)], name="code", unique=True)])
    rows.insert_one({"code": "a"})
    expect_refusal(lambda: rows.insert_one({"code": "a"}), "the same key twice")
    return "kept"


def unique_with_null(scratch: Scratch) -> str:
    rows = scratch["nullable"]
    condition = {"code": {"$gte": ""}}
    rows.create_indexes([IndexModel([("code", 1)], name="code", unique=True, partialFilterExpression=condition)])
    rows.insert_many([{"code": None}, {"code": None}, {"code": "a"}])
    expect_refusal(lambda: rows.insert_one({"code": "a"}), "the same key twice")
    return "kept, NULLs apart"


def unique_under_condition(scratch: Scratch) -> str:
    rows = scratch["conditional"]
    index = IndexModel([("who", 1)], name="who", unique=True, partialFilterExpression={"status": {"$eq": "open"}})
    rows.create_indexes([index])
    rows.insert_many([{"who": 1, "status": "closed"}, {"who": 1, "status": "closed"}, {"who": 1, "status": "open"}])
    expect_refusal(lambda: rows.insert_one({"who": 1, "status": "open"}), "a second open row")
    return "kept"


def checks(scratch: Scratch) -> str:
    name = f"{scratch.prefix}_checks"
    connection.database.create_collection(name)
    positive = {"properties": {"n": {"minimum": 0, "exclusiveMinimum": True}}}
    lower_case = {"properties": {"text": {"pattern": "^[^A-Z]*$"}}}
    schema = {"allOf": [positive, lower_case, {"not": {"required": ["bad"]}}]}
    connection.database.command("collMod", name, validator={"$jsonSchema": schema})
    scratch["checks"].insert_one({"n": 1, "text": "a"})
    expect_refusal(lambda: scratch["checks"].insert_one({"n": 0}), "what a check forbids")
    expect_refusal(lambda: scratch["checks"].insert_one({"n": 1, "text": "A"}), "capitals where a check forbids them")
    expect_refusal(lambda: scratch["checks"].update_many({}, {"$set": {"n": -1}}), "an update to what a check forbids")
    return "kept by validators"


def expiry(scratch: Scratch) -> str:
    scratch["expiry"].create_index([("expires_at", 1)], name="ttl", expireAfterSeconds=0)
    expect(scratch["expiry"].index_information()["ttl"]["expireAfterSeconds"], 0)
    return "TTL index made"


def reading(scratch: Scratch) -> str:
    """The stages that pages are made of, after the rewriting."""
    scratch["owners"].insert_many([{"_id": "o1", "name": "Ada"}])
    days = [datetime(2026, month, 3, 4, 5) for month in (1, 2, 2)]
    rows = [{"_id": str(n), "n": n, "owner_id": "o1" if n else None, "at": day} for n, day in enumerate(days)]
    scratch["rows"].insert_many(rows)
    lookup = {"from": scratch["owners"].name, "localField": "owner_id", "foreignField": "_id", "as": "owner"}
    unwind = {"path": "$owner", "preserveNullAndEmptyArrays": True}
    joined = [
        {"$match": {"n": {"$lt": 9}}},
        {"$sort": {"n": -1}},
        {"$limit": 3},
        {"$lookup": lookup},
        {"$unwind": unwind},
    ]
    found = list(scratch["rows"].aggregate([*joined, {"$sort": {"n": -1}}]))
    expect([row.get("owner", {}).get("name") for row in found], ["Ada", "Ada", None])
    month = {"$dateTrunc": {"date": "$at", "unit": "month", "timezone": "UTC"}}
    grouped = list(scratch["rows"].aggregate([{"$group": {"_id": month, "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]))
    expect([(row["_id"].month, row["n"]) for row in grouped], [(1, 1), (2, 2)])
    expect(scratch["rows"].count_documents({"_id": {"$regex": "^1", "$options": "i"}}), 1)
    return "filters, joins, groups, months"


def correlated(scratch: Scratch) -> str:
    if connection.level != "8.0.2":
        return f"not at {connection.level}"
    inner = [{"$match": {"$expr": {"$eq": ["$owner_id", "$$key"]}}}]
    lookup = {"from": scratch["rows"].name, "let": {"key": "$_id"}, "pipeline": inner, "as": "rows"}
    expect([len(row["rows"]) for row in scratch["owners"].aggregate([{"$lookup": lookup}])], [2])
    return "work"


def transactions(scratch: Scratch) -> str:
    rows = scratch["transactions"]
    rows.insert_one({"_id": "before"})
    with connection.connection.start_session() as session:
        session.start_transaction()
        rows.insert_one({"_id": "undone"}, session=session)
        session.abort_transaction()
        session.start_transaction()
        rows.insert_one({"_id": "done"}, session=session)
        expect(rows.count_documents({}), 1)
        session.commit_transaction()
    expect(sorted(row["_id"] for row in rows.find()), ["before", "done"])
    return "commit, undo, keep apart"


def retryable_writes(scratch: Scratch) -> str:
    if not connection.settings_dict["OPTIONS"].get("retryWrites"):
        return "off"
    scratch["retry"].insert_one({"_id": 1})
    scratch["retry"].update_one({"_id": 1}, {"$set": {"n": 1}})
    return "on, accepted"


def indexes_are_used(scratch: Scratch) -> str:
    rows = scratch["explain"]
    rows.insert_many([{"_id": n, "kind": n % 50, "n": n} for n in range(1000)])
    rows.create_index([("kind", 1), ("n", -1)], name="kind_newest")
    pipeline: list[dict[str, Any]] = [{"$match": {"kind": 7}}, {"$sort": {"n": -1}}, {"$limit": 5}]
    if not uses_index(explain(rows.name, pipeline)):
        raise Refused("explain() shows no index scan for an equality with a sort")
    return "by explain()"


def explain(collection: str, pipeline: list[dict[str, Any]]) -> str:
    """The server's plan as text."""
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
    return json.dumps(json_util.dumps(connection.database.command("explain", command)))


def uses_index(plan: str) -> bool:
    return any(word in plan for word in ("IXSCAN", "IXONLYSCAN", "IDHACK"))


def cache_collection(scratch: Scratch) -> str:
    from coursebundler.documentdb.cache import TTL_INDEX

    if TTL_INDEX not in connection.get_collection("cache").index_information():
        raise Refused("it has no TTL index: run manage.py migrate")
    return "there, expires"


CHECKS: dict[str, Callable[[Scratch], str]] = {
    "Version": version,
    "Clock": clock,
    "Updates": updates,
    "Unique": unique,
    "Unique with NULL": unique_with_null,
    "Unique under a condition": unique_under_condition,
    "Check constraints": checks,
    "Expiry": expiry,
    "Queries": reading,
    "Correlated subqueries": correlated,
    "Transactions": transactions,
    "Retryable writes": retryable_writes,
    "Indexes are used": indexes_are_used,
    "Cache": cache_collection,
}


def run() -> list[tuple[str, bool, str]]:
    """[(what, whether it works, what was found)], in the order of CHECKS."""
    scratch = Scratch()
    results = []
    try:
        for name, check in CHECKS.items():
            try:
                results.append((name, True, check(scratch)))
            except (Refused, PyMongoError) as error:
                results.append((name, False, str(error).partition(", full error")[0][:200]))
    finally:
        scratch.drop()
    return results


def expect(found: Any, expected: Any) -> None:
    if found != expected:
        raise Refused(f"{found!r} came back where {expected!r} was due")


def expect_refusal(write: Callable[[], Any], what: str) -> None:
    try:
        write()
    except PyMongoError:
        return
    raise Refused(f"the server took {what}")
