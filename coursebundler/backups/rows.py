"""A row as a line of JSON, and back.

A line is the array of the column values, in the order of the manifest's `fields`. Django's own JSON serializer would
cut moments to milliseconds; here a row that comes back is the row that went.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Field, JSONField, Model
from django.utils.duration import duration_string

ROWS_AT_ONCE = 1000
# With the reason, which the manifest repeats.
LEFT_OUT = {"sessions.Session": "whoever has a session's key is logged in; people log in again"}


def models_in_dump() -> list[type[Model]]:
    """Every model that has rows of its own, also the tables between two models; those that refer come before those
    that are referred to, so that a dump that takes its time has each row's parents (snapshot.py)."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.label not in LEFT_OUT
    ]
    return children_first(found)


def children_first(models: Iterable[type[Model]]) -> list[type[Model]]:
    """A model after all that refer to it. In a circle the order is that of the labels."""
    waiting = sorted(models, key=lambda model: model._meta.label)
    ordered: list[type[Model]] = []
    while waiting:
        referred_to = {parent for model in waiting for parent in parents_of(model) if parent is not model}
        free = [model for model in waiting if model not in referred_to] or waiting[:1]
        ordered += free
        waiting = [model for model in waiting if model not in free]
    return ordered


def parents_of(model: type[Model]) -> set[type[Model]]:
    return {field.related_model for field in foreign_keys(model)}  # type: ignore[misc]


def foreign_keys(model: type[Model]) -> list[Field]:
    return [field for field in fields_of(model) if field.is_relation]


def fields_of(model: type[Model]) -> list[Field]:
    return list(model._meta.local_concrete_fields)


def names_of(model: type[Model]) -> list[str]:
    """The columns by their Python names: `course_id`, not `course`."""
    return [field.attname for field in fields_of(model)]


def stored_rows(model: type[Model], using: str) -> Iterator[tuple[Any, ...]]:
    """Every row in the order of its key, some at a time, so that memory does not grow with the table."""
    rows = model._base_manager.using(using).order_by("pk").values_list(*names_of(model))
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def line_of(values: Iterable[Any]) -> bytes:
    """Half a surrogate pair, which a JSON field may hold on SQLite, is written as UTF-8 would write it."""
    plain = [to_plain(value) for value in values]
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass") + b"\n"


def portable_line_of(values: tuple[Any, ...], line: bytes) -> bytes:
    """The line as every engine can hold it: DocumentDB keeps moments to the millisecond. `line` is the exact one."""
    cut = tuple(cut_to_milliseconds(value) for value in values)
    return line if cut == values else line_of(cut)


def cut_to_milliseconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def to_plain(value: Any) -> Any:
    """What JSON can hold; `from_plain` is the way back."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return duration_string(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value


def from_plain(field: Field, value: Any) -> Any:
    return value if value is None or isinstance(field, JSONField) else field.to_python(value)


def instance_of(model: type[Model], fields: list[Field], line: bytes, using: str) -> Model:
    """Raises ValueError or ValidationError for a line that is not of this model."""
    values = json.loads(line)
    if not isinstance(values, list) or len(values) != len(fields):
        raise ValueError(f"A row of {model._meta.label} has {len(fields)} columns.")
    plain = [from_plain(field, value) for field, value in zip(fields, values, strict=True)]
    return model.from_db(using, [field.attname for field in fields], plain)


def insert(model: type[Model], instances: list[Model], using: str) -> None:
    """As they are: no defaults, no `auto_now`, no signals."""
    fields = fields_of(model)
    manager: Any = model._base_manager.using(using)
    manager._insert(instances, fields=fields, using=using, raw=True)
