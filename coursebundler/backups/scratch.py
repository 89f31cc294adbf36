"""A database for trying a dump, beside the configured one and never that one itself.

Only databases that are made here are ever emptied or removed.
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from pymongo.errors import PyMongoError

from coursebundler import database_url

ALIAS = "drill"
FOLDER = "restore_drill-"
MARK = "_drill_"
# What a drill that was killed left behind is removed by one that comes so much later.
FORGOTTEN_AFTER = timedelta(days=1)
# The site's own database, which a real restore fills when everything is lost. Only an empty one.
CONFIGURED = "configured"
SQLITE_OPTIONS = {"init_command": "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"}


class NotScratch(Exception):
    """The database that was named is in use, or may be."""


@contextmanager
def scratch_database(into: str = "", *, keep: bool = False) -> Iterator[str]:
    """The alias of an empty database; removed afterwards unless `keep`, and whatever is said if the block fails.

    `into` is "" for one beside the configured one, "sqlite" for a file, a DATABASE_URL, or CONFIGURED. Raises
    NotScratch if it is not empty, or if a URL leads to the configured database: who means that one says so.
    """
    settings = settings_for(into)
    if into != CONFIGURED:
        refuse_the_configured(settings, connections.databases[DEFAULT_DB_ALIAS])
    connections.settings[ALIAS] = connections.configure_settings({DEFAULT_DB_ALIAS: {}, ALIAS: settings})[ALIAS]
    try:
        refuse_what_has_something(settings)
        remove_forgotten(settings)
        try:
            yield ALIAS
        except BaseException:
            remove(settings)  # Half a restore is none, also of those that were to stay.
            raise
        if not keep:
            remove(settings)
    finally:
        _close()
        del connections[ALIAS]
        del connections.settings[ALIAS]


def settings_for(into: str) -> dict[str, Any]:
    """Django's settings of the scratch database."""
    configured = connections.databases[DEFAULT_DB_ALIAS]
    if into == CONFIGURED:
        return {key: value for key, value in configured.items() if key != "TEST"}
    is_sqlite = configured["ENGINE"] == "django.db.backends.sqlite3"
    if into == "sqlite" or (not into and is_sqlite):
        folder = tempfile.mkdtemp(prefix=FOLDER)
        return _sqlite(Path(folder) / "drill.sqlite3")
    if not into:
        name = f"{configured['NAME']}{MARK}{datetime.now(UTC):%Y%m%d%H%M%S}_{secrets.token_hex(2)}"
        return {key: value for key, value in configured.items() if key != "TEST"} | {"NAME": name}
    secret_arn = configured["OPTIONS"].get("secret_arn", "") if "@" not in into and "sqlite:" not in into else ""
    settings = database_url.databases(into, secret_arn=secret_arn)["default"]
    return _sqlite(Path(settings["NAME"])) if into.startswith("sqlite:") else settings


def _sqlite(path: Path) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": SQLITE_OPTIONS}


def refuse_the_configured(settings: dict[str, Any], configured: dict[str, Any]) -> None:
    """By its name alone on DocumentDB: a cluster has many host names, and all lead to the same data."""
    if settings["ENGINE"] != configured["ENGINE"]:
        return
    if "sqlite" in settings["ENGINE"]:
        is_same = Path(settings["NAME"]).resolve() == Path(configured["NAME"]).resolve()
    else:
        is_same = settings["NAME"].lower() == str(configured["NAME"]).lower()
    if is_same:
        raise NotScratch(f"{settings['NAME']} is the configured database. Name another one with --into.")


def refuse_what_has_something(settings: dict[str, Any]) -> None:
    if "sqlite" in settings["ENGINE"]:
        if Path(settings["NAME"]).exists():
            raise NotScratch(f"{settings['NAME']} is there already. Name a file that is not.")
        if not Path(settings["NAME"]).parent.is_dir():
            raise NotScratch(f"{Path(settings['NAME']).parent} is not a folder.")
    elif connections[ALIAS].introspection.table_names():
        raise NotScratch(f"The database {settings['NAME']} is not empty. Name one that is.")


def remove(settings: dict[str, Any]) -> None:
    if "sqlite" not in settings["ENGINE"]:
        _drop(settings["NAME"])
        return
    connections[ALIAS].close()
    path = Path(settings["NAME"])
    path.unlink(missing_ok=True)
    if path.parent.name.startswith(FOLDER):
        shutil.rmtree(path.parent, ignore_errors=True)


def remove_forgotten(settings: dict[str, Any]) -> None:
    """What was made by name and date like ours, long ago. Whoever may not list databases has none to remove."""
    if "sqlite" in settings["ENGINE"]:
        for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
            if time.time() - folder.stat().st_mtime > FORGOTTEN_AFTER.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)
        return
    if MARK not in settings["NAME"]:
        return
    prefix = settings["NAME"].partition(MARK)[0] + MARK
    with suppress(DatabaseError, PyMongoError):
        connections[ALIAS].ensure_connection()
        for name in connections[ALIAS].connection.list_database_names():
            if name.startswith(prefix) and _is_forgotten(name.removeprefix(prefix)):
                _drop(name)


def _is_forgotten(rest: str) -> bool:
    with suppress(ValueError):
        made_at = datetime.strptime(rest.partition("_")[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return datetime.now(UTC) - made_at > FORGOTTEN_AFTER
    return False


def _drop(name: str) -> None:
    connections[ALIAS].ensure_connection()
    connections[ALIAS].connection.drop_database(name)


def _close() -> None:
    connection: Any = connections[ALIAS]
    if connection.vendor == "mongodb":
        connection.close_pool()
    connection.close()
