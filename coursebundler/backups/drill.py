"""Restores a dump into a scratch database and compares: every count, every row, every reference."""

import gzip
import itertools
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.models import Field, Model

from coursebundler.backups import manifest
from coursebundler.backups.dump import Digests, engine, sha256_of
from coursebundler.backups.manifest import DamagedDump, Manifest, ModelDump
from coursebundler.backups.rows import (
    ROWS_AT_ONCE,
    fields_of,
    foreign_keys,
    insert,
    instance_of,
    models_in_dump,
    names_of,
)
from coursebundler.backups.scratch import FOLDER
from coursebundler.backups.stores import NAME_PATTERN, Store

# What a line that is no row of ours may raise on its way into the database.
UNREADABLE = (EOFError, zlib.error, OSError, ValueError, TypeError, OverflowError, RecursionError, ValidationError)


class OtherMigrations(Exception):
    """The dump is of another version of the tables than this program has."""


@dataclass
class Result:
    """What became of one model. `difference` is empty if it came back as it went."""

    model: str
    rows: int
    restored: int
    seconds: float
    difference: str = ""


def read_manifest(store: Store, name: str) -> Manifest:
    if not NAME_PATTERN.fullmatch(name):
        raise DamagedDump(f"“{name}” is not the name of a dump; --list says which there are.")
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        path = Path(folder) / manifest.NAME
        store.get(name, manifest.NAME, path)
        made = manifest.from_json(path.read_bytes())
    if made.name != name:
        raise DamagedDump(f"The manifest of {name} is another dump's: {made.name}.")
    return made


def refuse_other_migrations(dump: Manifest) -> None:
    """Raises OtherMigrations with what to do. Also for models and columns that the manifest does not know."""
    ours = set(known_migrations())
    theirs = set(dump.migrations)
    if ours != theirs:
        older, newer = sorted(ours - theirs), sorted(theirs - ours)
        raise OtherMigrations(
            f"The dump {dump.name} is of other migrations: "
            f"only the dump has {', '.join(newer) or 'none'}; only this program has {', '.join(older) or 'none'}. "
            "Use the program (the image) of the day of the dump, and migrate afterwards."
        )
    columns = {model._meta.label: names_of(model) for model in models_in_dump()}
    if columns != {model.model: model.fields for model in dump.models}:
        raise OtherMigrations(f"The dump {dump.name} has other models or columns than this program.")


def known_migrations() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations)


def make_tables(using: str) -> None:
    """The tables, without what migrations and Django put into them: the dump has those rows."""
    call_command("migrate", database=using, interactive=False, verbosity=0)
    connections[using].disable_constraint_checking()
    for model in models_in_dump():
        model._base_manager.using(using).all()._raw_delete(using)


def restore(dump: Manifest, store: Store, using: str) -> Iterator[Result]:
    """Model by model. Raises DamagedDump for a file that is cut or changed."""
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        for part in dump.models:
            began = time.monotonic()
            path = Path(folder) / part.file
            store.get(dump.name, part.file, path)
            if sha256_of(path) != part.sha256:
                raise DamagedDump(f"{part.file} of {dump.name} is not what was written: its SHA-256 differs.")
            load(part, path, using)
            path.unlink()
            result = compare(part, using, is_same_engine=engine(using).split()[0] == dump.engine.split()[0])
            result.seconds = time.monotonic() - began
            yield result


def load(part: ModelDump, path: Path, using: str) -> None:
    model = apps.get_model(part.model)
    fields = fields_of(model)
    at_once = batch_size(fields, using)
    try:
        with gzip.open(path) as lines:
            while batch := list(itertools.islice(lines, at_once)):
                insert(model, [instance_of(model, fields, line, using) for line in batch], using)
    except UNREADABLE as error:
        raise DamagedDump(f"{part.file} cannot be read: {type(error).__name__}.") from None
    except OperationalError:
        raise  # The disk is full or the server has gone: the dump may be good.
    except DatabaseError as error:
        # Its text may quote the row.
        raise DamagedDump(f"{part.file} has a row that the database refuses: {type(error).__name__}.") from None


def batch_size(fields: list[Field], using: str) -> int:
    """SQLite takes so many values in one statement."""
    return min(ROWS_AT_ONCE, connections[using].ops.bulk_batch_size(fields, range(ROWS_AT_ONCE)))


def compare(part: ModelDump, using: str, *, is_same_engine: bool) -> Result:
    """By the digest of all lines; across engines by that of the lines that every engine can hold."""
    digests = Digests(apps.get_model(part.model), using)
    found, dumped = (digests.exact, part.rows_sha256) if is_same_engine else (digests.portable, part.portable_sha256)
    difference = "" if found == dumped else "the rows differ"
    if digests.rows != part.rows:
        missing = part.rows - digests.rows
        difference = f"{abs(missing):,} rows {'missing' if missing > 0 else 'too many'}"
    return Result(part.model, part.rows, digests.rows, 0, difference)


def broken_references(using: str) -> Iterator[str]:
    """ "payments.Order.user: 2 rows refer to nothing", for each foreign key that has any."""
    for model in models_in_dump():
        for field in foreign_keys(model):
            if missing := missing_parents(model, field, using):
                yield f"{model._meta.label}.{field.name}: {missing} keys lead to nothing"


def missing_parents(model: type[Model], field: Any, using: str) -> int:
    """Asked of the rows and not of the engine: DocumentDB knows no foreign keys."""
    parent, column = field.related_model, field.target_field.attname
    keys = model._base_manager.using(using).exclude(**{field.attname: None}).values_list(field.attname, flat=True)
    numbers, missing = keys.iterator(chunk_size=ROWS_AT_ONCE), 0
    while batch := set(itertools.islice(numbers, ROWS_AT_ONCE // 2)):
        found = parent._base_manager.using(using).filter(**{f"{column}__in": batch}).count()
        missing += len(batch) - found
    return missing
