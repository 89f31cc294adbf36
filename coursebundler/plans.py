"""How the database gets at the rows of a queryset: by which index, or by reading everything.

Two engines, two languages. SQLite's EXPLAIN QUERY PLAN tells how each table is read and what is sorted. DocumentDB's
explain tells it for the beginning of a pipeline; what comes later is read off the pipeline as it is really sent.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

# Reading or sorting so few is cheaper than any index, and a planner may choose to.
FEW_ROWS = 200

INDEX_STAGES = {"IXSCAN", "IXONLYSCAN", "IDHACK", "COUNT_SCAN", "DISTINCT_SCAN", "EXPRESS_IXSCAN"}
SCAN_STAGES = {"COLLSCAN", "PARALLEL_COLLSCAN"}

SQLITE_ACCESS = re.compile(r"(?P<verb>SCAN|SEARCH) (?P<table>[^\s(]+)(?: AS \S+)?(?: USING (?P<how>.*))?$")


@dataclass(frozen=True)
class Find:
    """A question to DocumentDB past the ORM, as the cache asks."""

    collection: str
    condition: dict[str, Any]


@dataclass
class Plan:
    """`scanned` are the tables read from end to end; `examined` and `returned` are row counts, None if untold."""

    indexes: list[str] = field(default_factory=list)
    scanned: list[str] = field(default_factory=list)
    is_sorted_in_memory: bool = False
    is_empty: bool = False
    # The first index by which the rows could be found, and found in their order, whatever the database made of it.
    fits: str = ""
    fits_in_order: str = ""
    examined: int | None = None
    returned: int | None = None

    @property
    def is_known(self) -> bool:
        return bool(self.is_empty or self.indexes or self.scanned)

    @property
    def scanned_tables_of_many_rows(self) -> list[str]:
        return [table for table in self.scanned if not _has_few_rows(table)]


def _has_few_rows(table: str) -> bool:
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table]
    return bool(models) and models[0]._base_manager.all()[: FEW_ROWS + 1].count() <= FEW_ROWS


def plan_of(rows: "QuerySet[Any] | Find") -> Plan:
    """Asks the database; on DocumentDB that runs the query as well."""
    if isinstance(rows, Find):
        return _plan_of_pipeline(rows.collection, [{"$match": rows.condition}])
    try:
        return _plan_on_documentdb(rows) if connection.vendor == "mongodb" else plan_in_sqlite_words(rows.explain())
    except EmptyResultSet:  # Nothing is asked, for there can be nothing.
        return Plan(is_empty=True)


def plan_in_sqlite_words(text: str) -> Plan:
    """From lines such as "3 0 62 SEARCH courses_course USING INDEX course_newest (status=?)"."""
    plan = Plan(is_empty=not text)
    for line in text.splitlines():
        if "USE TEMP B-TREE FOR" in line and "ORDER BY" in line:
            plan.is_sorted_in_memory = True
        elif match := SQLITE_ACCESS.search(line):
            how = match["how"] or ""
            if not how or how.startswith("AUTOMATIC"):  # An index that is made for this one query, by reading all.
                plan.scanned.append(match["table"].strip('"'))
            else:
                plan.indexes.append(how.removeprefix("COVERING ").removeprefix("INDEX ").partition(" (")[0])
    return plan


def _plan_on_documentdb(rows: "QuerySet[Any]") -> Plan:
    return _plan_of_pipeline(*_as_sent(rows))


def _plan_of_pipeline(collection: str, pipeline: list[dict[str, Any]]) -> Plan:
    def explain_find(head: dict[str, Any]) -> Mapping[str, Any]:
        return _explain({"find": collection, **head}, "queryPlanner")

    told = _explain({"aggregate": collection, "pipeline": pipeline, "cursor": {}}, "executionStats")
    plan = plan_in_documentdb_words(collection, pipeline, told, explain_find)
    indexes = _database().get_collection(collection).index_information()
    plan.fits, plan.fits_in_order = fitting_indexes(pipeline, indexes)
    return plan


def _database() -> Any:
    """The connection as DocumentDB's backend makes it."""
    return connection


def _as_sent(rows: "QuerySet[Any]") -> tuple[str, list[dict[str, Any]]]:
    """(collection, the pipeline that goes out). Made as SQLCompiler.execute_sql() makes it."""
    compiler: Any = rows.query.get_compiler(rows.db)
    compiler.pre_sql_setup()
    needs_columns = rows.query.annotations or not rows.query.default_cols or rows.query.distinct
    pipeline = compiler.build_query(compiler.columns if needs_columns else None).get_pipeline()
    collection = compiler.collection_name
    sent = _database().get_collection(collection).as_sent({"aggregate": collection, "pipeline": pipeline})
    return collection, sent["pipeline"]


def _explain(command: dict[str, Any], verbosity: str) -> Mapping[str, Any]:
    told: Mapping[str, Any] = _database().database.command({"explain": command, "verbosity": verbosity})
    return told


def plan_in_documentdb_words(collection: str, pipeline: list[dict[str, Any]], told: Any, explain_find: Any) -> Plan:
    """From what explain told of a pipeline; `explain_find` is asked about its head, for there sorts are told best."""
    plan = Plan()
    planned = told.get("queryPlanner", told)
    for stage in _documents_with("stage", planned):
        if stage["stage"] in INDEX_STAGES:
            plan.indexes.append(stage.get("indexName", "_id"))
        elif stage["stage"] in SCAN_STAGES:
            plan.scanned.append(collection)
    statistics = told.get("executionStats", {})
    plan.examined, plan.returned = statistics.get("totalDocsExamined"), statistics.get("nReturned")
    plan.is_sorted_in_memory = _is_sorted_in_memory(pipeline, explain_find)
    return plan


def _is_sorted_in_memory(pipeline: list[dict[str, Any]], explain_find: Any) -> bool:
    """Whether anything is sorted, before a $limit makes it few, otherwise than by walking along an index."""
    for number, stage in enumerate(pipeline):
        if "$limit" in stage:
            return False
        if "$sort" in stage:
            before = pipeline[:number]
            if [next(iter(item)) for item in before] not in ([], ["$match"]):
                return True
            head = {"filter": before[0]["$match"] if before else {}, "sort": stage["$sort"]}
            return any(item["stage"] == "SORT" for item in _documents_with("stage", explain_find(head)))
    return False


def fitting_indexes(pipeline: list[dict[str, Any]], indexes: Mapping[str, Any]) -> tuple[str, str]:
    """(an index that finds the rows of a pipeline, one that finds them in order); "" for none.

    By the rule of thumb: first the columns that are equal to something, then those that are sorted by.
    """
    # The stock backend names what it sorts by once more, {"$addFields": {"x": "$x"}}: that changes nothing.
    pipeline = [
        stage for stage in pipeline if any(f"${name}" != of for name, of in stage.get("$addFields", stage).items())
    ]
    match, rest = _first(pipeline, "$match")
    sort, _ = _first(rest, "$sort")
    equal, compared = _columns(match)
    finding: list[tuple[int, str]] = []
    in_order: list[tuple[int, str]] = []
    for name, index in indexes.items():
        if "partialFilterExpression" in index:
            continue
        keys = list(index["key"])
        count = next((number for number, (column, _) in enumerate(keys) if column not in equal), len(keys))
        if count or not match or keys[0][0] in compared:
            finding.append((count, name))
            wanted = [(column, way) for column, way in sort.items() if column not in equal]
            backwards = [(column, -way) for column, way in wanted]
            if keys[count : count + len(wanted)] in (wanted, backwards):
                in_order.append((count, name))
    has_late_sort = not sort and any("$sort" in stage for stage in pipeline)
    return _best(finding), "" if has_late_sort else _best(in_order)


def _best(fitting: list[tuple[int, str]]) -> str:
    """The first of those that use the most columns."""
    return max(fitting, key=lambda item: item[0], default=(0, ""))[1]


def _first(pipeline: list[dict[str, Any]], operator: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the argument of the first stage if it is of that kind, the other stages)."""
    if pipeline and operator in pipeline[0]:
        return pipeline[0][operator], pipeline[1:]
    return {}, pipeline


def _columns(condition: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The columns that must be equal to a value, and those that are compared otherwise, in each part of an OR."""
    equal: set[str] = set()
    compared: set[str] = set()
    for column, value in condition.items():
        if column == "$and":
            for part in value:
                more_equal, more_compared = _columns(part)
                equal |= more_equal
                compared |= more_compared
        elif column == "$or":
            compared |= set.intersection(*(set().union(*_columns(part)) for part in value))
        elif not column.startswith("$"):
            is_comparison = isinstance(value, Mapping) and any(name.startswith("$") for name in value)
            (compared if is_comparison and "$eq" not in value else equal).add(column)
    return equal, compared


def _documents_with(key: str, told: Any) -> Iterator[Mapping[str, Any]]:
    """Every document with that key, at any depth; not those that the planner rejected."""
    if isinstance(told, Mapping):
        if isinstance(told.get(key), str):
            yield told
        for name, value in told.items():
            if name not in ("rejectedPlans", "command"):
                yield from _documents_with(key, value)
    elif isinstance(told, list):
        for item in told:
            yield from _documents_with(key, item)
