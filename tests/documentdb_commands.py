"""Sees every command that leaves for the test server, whatever sent it.

Three uses: each is held against AWS's table once more, as it goes over the wire; the collections that a test wrote to
are known, so that only they need emptying after it; and the pipelines make up the report of what the site asks for.
"""

import json
import os
import sys
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import NotSupportedError
from pymongo import monitoring

from tests.source import APPS, ROOT

WRITES = {"insert", "update", "delete", "findAndModify"}
OURS = tuple(f"{ROOT}/{name}" for name in (*APPS, "tests", "conftest.py"))
# Reads every table whole, by its key, and writes to a database of its own.
DUMPS = f"{ROOT}/coursebundler/backups/"
IN_BETWEEN = (f"{ROOT}/coursebundler/documentdb/", __file__)
# What a page or a command of Django's own or of another package runs under.
DJANGO_AT_WORK = ("/django/core/handlers/base.py", "/django/core/management/base.py")


class CommandLog(monitoring.CommandListener):
    def __init__(self) -> None:
        self.count = 0
        self.written: set[str] = set()
        self.refused: list[str] = []
        self.pipelines: dict[Any, dict[str, str]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        from django.db import connection

        from coursebundler.documentdb import guard

        self.count += 1
        if not event.command:  # pymongo shows nothing of commands that hold passwords
            return
        if event.command_name in WRITES:
            self.written.add(event.command[event.command_name])
        try:
            guard.check_command(event.command, connection.level)
        except NotSupportedError as error:
            self.refused.append(f"{error} {event.command}")
        if event.command_name == "aggregate":
            self.remember(event.command["aggregate"], list(event.command["pipeline"]))

    def remember(self, collection: str, pipeline: list[dict[str, Any]]) -> None:
        """Keep the pipeline's shape, with the lowest level that has all of it."""
        from django.db import connection

        from coursebundler.documentdb.guard import check_pipeline
        from coursebundler.documentdb.rewrite.shape import fingerprint, with_holes
        from coursebundler.documentdb.support import LEVELS

        key = collection, fingerprint(pipeline)[0]
        if key in self.pipelines or collection.startswith("check_database_") or not is_asked_by_the_site():
            return
        level = next(level for level in LEVELS if accepts(check_pipeline, pipeline, level))
        text = as_text(with_holes(pipeline)[0])
        self.pipelines[key] = {"collection": collection, "level": level, "pipeline": text, "sent": connection.level}

    def write(self, folder: Path) -> None:
        """What this process saw, for scripts/documentdb_report.py."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(list(self.pipelines.values())))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def is_asked_by_the_site() -> bool:
    """Whether it is the site that asks and not a test about the site: who comes first on the way up decides."""
    frame: FrameType | None = sys._getframe()
    while frame:
        file = frame.f_code.co_filename
        if file.startswith(DUMPS):
            return False
        if file.endswith(DJANGO_AT_WORK):
            return True
        if file.startswith(OURS) and not file.startswith(IN_BETWEEN):
            return "/tests/" not in file and not file.endswith("/conftest.py")
        frame = frame.f_back
    return False


def accepts(check: Any, pipeline: Any, level: str) -> bool:
    try:
        check(pipeline, level)
    except NotSupportedError:
        return False
    return True


def as_text(template: Any, *, is_in_key: bool = False) -> str:
    """The template with one sign for every value, and one piece for several in a row that are alike.

    The parts of a group's key are sorted: Django collects them in a set, whose order is another in each process.
    """
    from coursebundler.documentdb.rewrite.shape import Hole

    if isinstance(template, dict):
        items = sorted(template.items()) if is_in_key else template.items()
        texts = (f"{key}: {as_text(value, is_in_key=is_in_key or key == '_id')}" for key, value in items)
        return "{" + ", ".join(texts) + "}"
    if isinstance(template, list):
        pieces = [(piece, len(list(same))) for piece, same in groupby(map(as_text, template))]
        return "[" + ", ".join(f"{piece}, …" if count > 1 else piece for piece, count in pieces) + "]"
    if isinstance(template, Hole):
        return "?"
    return str(template) if isinstance(template, str) else json.dumps(template)


def empty_only_what_was_written(log: CommandLog) -> None:
    """Make the `flush` after each test quick: it empties what the test wrote to.

    Content types and permissions stay, so that nothing needs to make them anew (that alone is half a second a test).
    """
    from django.core.management.commands import flush
    from django.db import connection

    kept = {"django_content_type", "auth_permission", "django_migrations"}
    tables = set(connection.introspection.django_table_names()) - kept

    def execute_sql_flush(written: list[str]) -> None:
        for table in written:
            connection.database[table].delete_many({})
        log.written.clear()

    flush.sql_flush = lambda *args, **kwargs: sorted(log.written & tables)
    flush.emit_post_migrate_signal = lambda *args, **kwargs: None
    connection.ops.execute_sql_flush = execute_sql_flush
