"""Refuses, before anything is sent, whatever AWS does not list for the configured engine level.

The test server accepts far more than DocumentDB does, so without this a green test run would mean nothing; in
production it turns a puzzling server error into a sentence. Every function takes what is about to be sent and the
level, returns nothing, and raises NotSupportedError that names the operator, the level and what to write instead.

Data are never looked into: a text that begins with "$" is a price in a title, not an operator.

Sources: https://docs.aws.amazon.com/documentdb/latest/devguide/mongo-apis.html (the table),
https://docs.aws.amazon.com/documentdb/latest/devguide/functional-differences.html,
https://docs.aws.amazon.com/documentdb/latest/devguide/lookup.html,
https://docs.aws.amazon.com/documentdb/latest/developerguide/partial-index.html,
https://docs.aws.amazon.com/documentdb/latest/developerguide/json-schema-validation.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import NotSupportedError

from coursebundler.documentdb.support import is_command_supported, is_index_supported, is_supported

INSTEAD = {
    "$facet": "ask for the parts one by one",
    "$unionWith": "evaluate the querysets and join them in Python instead of union()",
    "$documents": "evaluate the querysets and join them in Python",
    "$setWindowFields": "aggregate with values().annotate(), or number the rows in Python, instead of Window()",
    "$getField": "filter by a JSON key only with plain names: field__key=value",
    "$dateTrunc": "TruncYear, TruncMonth, TruncDay or a finer one",
    "$round": "round in Python",
    "$trunc": "cast in Python",
    "$pow": "compute it in Python",
    "$rand": "choose in Python",
    "$max": "compare in Python instead of Greatest()",
    "$min": "compare in Python instead of Least()",
    "$where": "an ordinary filter",
    "$$NOW": "pass timezone.now()",
    "$$REMOVE": "pass None",
}

# Stages that a $lookup with `let` may not hold, from the devguide's $lookup page.
FORBIDDEN_IN_CORRELATED_LOOKUP = {
    "$facet",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$geoNear",
    "$setWindowFields",
    "$fill",
}
PARTIAL_INDEX_OPERATORS = {"$eq", "$exists", "$gt", "$gte", "$lt", "$lte"}
# What every driver says to shake hands; not in AWS's table, and answered by every engine version.
HANDSHAKE_COMMANDS = {"hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "startTransaction"}
INDEX_TYPES = {
    1: "Single Field Index",
    -1: "Single Field Index",
    "text": "Text Index",
    "2dsphere": "2dsphere",
    "2d": "2d Index",
    "hashed": "Hashed Index",
}
# createIndexes option → AWS's name of the property.
INDEX_OPTIONS = {
    "unique": "Unique",
    "sparse": "Sparse",
    "background": "Background",
    "expireAfterSeconds": "TTL",
    "partialFilterExpression": "Partial",
    "collation": "Case Insensitive",
    "hidden": "Hidden",
    "weights": "Text",
    "default_language": "Text",
}
PROJECTION_OPERATORS = {"$elemMatch", "$meta", "$slice"}
# Options that AWS lists nowhere, by pymongo's name and by the one that goes over the wire.
UNLISTED_OPTIONS = {
    *("max", "min", "let", "return_key", "returnKey", "show_record_id", "showRecordId"),
    *("no_cursor_timeout", "noCursorTimeout", "cursor_type", "tailable", "awaitData", "allow_disk_use"),
}
# What a schema for documents may say; "properties" and the like hold schemas by name, "items" one, "anyOf" a list.
SCHEMA_KEYWORDS = {
    *("additionalItems", "additionalProperties", "allOf", "anyOf", "bsonType", "dependencies", "description", "enum"),
    *("exclusiveMaximum", "exclusiveMinimum", "items", "maximum", "minimum", "maxItems", "minItems", "maxLength"),
    *("minLength", "maxProperties", "minProperties", "multipleOf", "not", "oneOf", "pattern", "patternProperties"),
    *("properties", "required", "title", "type", "uniqueItems"),
}


def refuse(what: str, level: str, instead: str = "") -> NotSupportedError:
    advice = instead or "see docs/database.md, “What application code may use”"
    return NotSupportedError(f"Amazon DocumentDB {level} does not support {what}. Instead: {advice}.")


def check_operator(operator: str, context: str, level: str) -> None:
    if not is_supported(operator, context, level):
        raise refuse(f"{operator} ({context})", level, INSTEAD.get(operator, ""))


def check_query(query: Mapping[str, Any], level: str) -> None:
    """A filter in the query language: of find, count, update, delete, $match …"""
    for key, value in query.items():
        if not key.startswith("$"):
            _check_field_condition(value, level)
            continue
        check_operator(key, "query", level)
        if key == "$expr":
            check_expression(value, level)
        elif key == "$jsonSchema":
            check_schema(value, level)
        elif key in ("$and", "$or", "$nor"):
            for part in value:
                check_query(part, level)


def _check_field_condition(condition: Any, level: str) -> None:
    """What a field is compared with: a value, which is data, or {"$gt": …, "$lt": …}."""
    if not isinstance(condition, Mapping):
        return
    for operator, value in condition.items():
        if not operator.startswith("$"):
            return
        check_operator(operator, "query", level)
        if operator == "$not":
            _check_field_condition(value, level)
        elif operator in ("$elemMatch", "$all") and isinstance(value, Mapping):
            (check_query if _names_fields(value) else _check_field_condition)(value, level)


def check_projection(projection: Any, level: str) -> None:
    """What of a row find() and findAndModify are to give: names, or {name: 1}, or {name: {"$slice": 2}}."""
    for value in projection.values() if isinstance(projection, Mapping) else ():
        for operator in value if isinstance(value, Mapping) else ():
            if operator not in PROJECTION_OPERATORS:
                raise refuse(f"{operator} in a projection", level, "annotate(), or compute it in Python")
            check_operator(operator, "query", level)
        if isinstance(value, str):
            raise refuse(f"{value!r} in a projection", level, "annotate(), or compute it in Python")


def check_schema(schema: Any, level: str) -> None:
    """A $jsonSchema, of a filter or of a collection's validator."""
    for keyword, value in schema.items() if isinstance(schema, Mapping) else ():
        if keyword not in SCHEMA_KEYWORDS:
            raise refuse(f"{keyword} in a $jsonSchema", level, "a check in forms and in save()")
        if keyword in ("properties", "patternProperties", "dependencies"):
            parts = list(value.values())
        else:
            parts = value if keyword in ("allOf", "anyOf", "oneOf", "items") and isinstance(value, list) else [value]
        for part in parts if keyword != "enum" else ():
            check_schema(part, level)


def check_validator(options: Mapping[str, Any], level: str) -> None:
    """The options of create and collMod that say which documents a collection takes."""
    for key in set(options.get("validator") or {}) - {"$jsonSchema"}:
        raise refuse(f"{key} in a validator", level, "a $jsonSchema")
    if options.get("validationAction", "error") != "error":
        raise refuse(f"validationAction {options['validationAction']!r}", level, "'error'")
    check_query(options.get("validator") or {}, level)


def _names_fields(condition: Mapping[str, Any]) -> bool:
    return any(not key.startswith("$") or key in ("$and", "$or", "$nor") for key in condition)


def check_expression(expression: Any, level: str, context: str = "expression") -> None:
    """An aggregation expression: "$field", "$$variable", {"$add": […]}, {"$literal": data}, or a document of these."""
    if isinstance(expression, str):
        _check_variable(expression, level)
    elif isinstance(expression, Mapping):
        for key, value in expression.items():
            if key.startswith("$"):
                check_operator(key, context, level)
            if key != "$literal":
                check_expression(value, level)
    elif isinstance(expression, list | tuple):
        for item in expression:
            check_expression(item, level)


def _check_variable(text: str, level: str) -> None:
    """System variables are in capitals: $$ROOT may be used (AWS lists it as $ROOT), $$NOW may not."""
    variable = text.partition(".")[0]
    if not (variable.startswith("$$") and variable[2:].isupper()):
        return
    listed = "$ROOT" if variable == "$$ROOT" else variable
    if not is_supported(listed, "expression", level):
        raise refuse(variable, level, INSTEAD.get(variable, ""))


def check_pipeline(stages: Iterable[Mapping[str, Any]], level: str, *, is_correlated: bool = False) -> None:
    for stage in stages:
        for operator, argument in stage.items():
            check_operator(operator, "stage", level)
            if is_correlated and operator in FORBIDDEN_IN_CORRELATED_LOOKUP:
                raise refuse(f"{operator} in a correlated $lookup", level, "two queries")
            _STAGE_CHECKS.get(operator, check_expression)(argument, level)


def _check_group(group: Mapping[str, Any], level: str) -> None:
    for name, value in group.items():
        if name == "_id":
            check_expression(value, level)
        else:
            check_expression(value, level, context="accumulator")


def _check_lookup(lookup: Mapping[str, Any], level: str) -> None:
    """Up to 8.0.1 an equality or an uncorrelated pipeline; `let`, and an equality with a pipeline, from 8.0.2 on."""
    pipeline = lookup.get("pipeline")
    if lookup.get("let") and level != "8.0.2":
        raise refuse(
            "a correlated $lookup",
            level,
            "two queries, filter(pk__in=list(…)), rather than Exists(), Subquery(), OuterRef() or an exclude() over a "
            "reverse relation",
        )
    if pipeline is not None and "localField" in lookup and level != "8.0.2":
        raise refuse("a $lookup with localField and a pipeline", level, "a filter on the joined rows, or two queries")
    check_expression(lookup.get("let", {}), level)
    check_pipeline(pipeline or (), level, is_correlated=bool(lookup.get("let")))


def _check_facet(facet: Mapping[str, Any], level: str) -> None:
    for pipeline in facet.values():
        check_pipeline(pipeline, level)


def _check_sort(sort: Mapping[str, Any], level: str) -> None:
    for direction in sort.values():
        check_expression(direction, level)


def _nothing_to_check(argument: Any, level: str) -> None:
    """Numbers and names."""


_STAGE_CHECKS = {
    "$match": check_query,
    "$group": _check_group,
    "$lookup": _check_lookup,
    "$facet": _check_facet,
    "$sort": _check_sort,
    "$limit": _nothing_to_check,
    "$skip": _nothing_to_check,
    "$count": _nothing_to_check,
    "$unset": _nothing_to_check,
    "$unwind": _nothing_to_check,
    "$collStats": _nothing_to_check,
    "$indexStats": _nothing_to_check,
    "$sample": _nothing_to_check,
}


def check_update(update: Any, level: str) -> None:
    """A classic update document, {"$set": {…}, "$inc": {…}}: AWS documents no other kind."""
    if not isinstance(update, Mapping):
        raise refuse(
            "an update given as an aggregation pipeline",
            level,
            "constants, or F() of the same field plus, minus or times a constant; else read, compute, and update with "
            "a filter on what was read",
        )
    for operator, changes in update.items():
        if not operator.startswith("$"):
            raise refuse("an update without operators", level, "replace_one()")
        check_operator(operator, "update", level)
        for change in changes.values() if operator in ("$push", "$addToSet") else ():
            _check_modifiers(change, level)


def check_update_order(options: Mapping[str, Any], level: str) -> None:
    """Which row update() and replace() take, if several match: MongoDB 8 can be told by a sort."""
    if options.get("sort"):
        raise refuse("a sort in an update", level, "find_one_and_update()")


def _check_modifiers(change: Any, level: str) -> None:
    for modifier in change if isinstance(change, Mapping) else ():
        if modifier.startswith("$"):
            check_operator(modifier, "update", level)


def check_document(document: Mapping[str, Any], level: str) -> None:
    """A document to be stored: field names may not hold what is syntax elsewhere."""
    for name in document:
        if name.startswith("$") or "." in name:
            raise refuse(f"the field name {name!r}", level, "letters, digits and underscores")


def check_index(index: Mapping[str, Any], level: str) -> None:
    """An index as createIndexes takes it: {"key": {…}, "name": …, "unique": …, "partialFilterExpression": …}."""
    for field, kind in index["key"].items():
        name = "Wildcard" if "$**" in field else INDEX_TYPES.get(kind, str(kind))
        if not is_index_supported(name, level):
            raise refuse(f"the index type {kind!r} on {field!r}", level, "an ordinary index")
    for option in index:
        if option not in ("key", "name", "v") and not is_index_supported(INDEX_OPTIONS.get(option, option), level):
            raise refuse(f"the index option {option}", level, "an ordinary index")
    _check_partial_filter(index.get("partialFilterExpression", {}), level)


def _check_partial_filter(condition: Mapping[str, Any], level: str, *, is_top: bool = True) -> None:
    for key, value in condition.items():
        if key == "$and" and is_top:
            for part in value:
                _check_partial_filter(part, level, is_top=False)
        elif key.startswith("$"):
            raise refuse(f"{key} in the condition of a partial index", level, "conditions joined by AND")
        elif isinstance(value, Mapping):
            for operator in set(value) - PARTIAL_INDEX_OPERATORS:
                raise refuse(f"{operator} in the condition of a partial index", level, "=, <, <=, >, >= or isnull")


def check_options(options: Mapping[str, Any], level: str) -> None:
    """Keyword arguments of find, aggregate, update …: those that AWS lists for some levels only."""
    if options.get("collation") is not None and not is_index_supported("Case Insensitive", level):
        raise refuse("collation", level, "a column that holds the text in lower case")
    for name in UNLISTED_OPTIONS.intersection(options):
        if options[name]:
            raise refuse(f"the option {name}", level)


def check_command(command: Mapping[str, Any], level: str) -> None:
    """A whole command as it goes over the wire: what it is called, and everything in it."""
    name = next(iter(command))
    if name not in HANDSHAKE_COMMANDS and not is_command_supported(name, level):
        raise refuse(f"the command {name}", level)
    check_options(command, level)
    if name == "explain":
        check_command(command["explain"], level)
    elif name == "aggregate":
        check_pipeline(command["pipeline"], level)
    elif name in ("find", "distinct", "count", "findAndModify"):
        check_query(command.get("filter") or command.get("query") or {}, level)
        check_projection(command.get("projection") or command.get("fields"), level)
    elif name in ("create", "collMod"):
        check_validator(command, level)
    _check_writes(command, level)


def _check_writes(command: Mapping[str, Any], level: str) -> None:
    statements: Sequence[Mapping[str, Any]] = command.get("updates") or command.get("deletes") or ()
    for statement in statements:
        check_query(statement["q"], level)
        check_options(statement, level)
        check_update_order(statement, level)
        if "u" in statement:
            _check_update_or_replacement(statement["u"], level)
    if "findAndModify" in command and "update" in command:
        _check_update_or_replacement(command["update"], level)
    for index in command.get("indexes", ()) if "createIndexes" in command else ():
        check_index(index, level)
    for document in command.get("documents", ()) if "insert" in command else ():
        check_document(document, level)


def _check_update_or_replacement(update: Any, level: str) -> None:
    is_replacement = isinstance(update, Mapping) and not any(key.startswith("$") for key in update)
    (check_document if is_replacement else check_update)(update, level)
