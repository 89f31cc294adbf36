"""Sees every command that leaves for the test server, whatever sent it.

Three uses: each is held against AWS's table once more, as it goes over the wire; the collections that a test wrote to
are known, so that only they need emptying after it; and the pipelines make up the report of what the site asks for.
"""

import json
import os
from pathlib import Path
from typing import Any

from django.db import NotSupportedError
from pymongo import monitoring

WRITES = {"insert", "update", "delete", "findAndModify"}


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
        from coursebundler.documentdb.guard import check_pipeline
        from coursebundler.documentdb.rewrite.shape import fingerprint, with_holes
        from coursebundler.documentdb.support import LEVELS

        key = collection, fingerprint(pipeline)[0]
        if key in self.pipelines:
            return
        level = next(level for level in LEVELS if accepts(check_pipeline, pipeline, level))
        self.pipelines[key] = {"collection": collection, "level": level, "pipeline": as_text(with_holes(pipeline)[0])}

    def write(self, folder: Path) -> None:
        """What this process saw, for scripts/documentdb_report.py."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(list(self.pipelines.values())))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def accepts(check: Any, pipeline: Any, level: str) -> bool:
    try:
        check(pipeline, level)
    except NotSupportedError:
        return False
    return True


def as_text(template: Any) -> str:
    """The template with one sign for every value."""
    from coursebundler.documentdb.rewrite.shape import Hole

    if isinstance(template, dict):
        return "{" + ", ".join(f"{key}: {as_text(value)}" for key, value in template.items()) + "}"
    if isinstance(template, list):
        return "[" + ", ".join(map(as_text, template)) + "]"
    return "?" if isinstance(template, Hole) else str(template)


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
