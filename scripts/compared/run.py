"""Run by scripts/compare_backends.py, in the environment of one backend: `python -m scripts.compared.run BACKEND PORT
LEVEL`. Does every operation and prints JSON: [[operation, outcome, why]].

What a backend sends is held against AWS's table (coursebundler/documentdb/guard.py) as it leaves; the test server
itself takes nearly anything.
"""

import json
import sys
import warnings
from typing import Any

import django
from django.conf import settings
from django.db import NotSupportedError
from pymongo import MongoClient, monitoring

from coursebundler.documentdb import guard

NAME = "compared"
# AWS lists buildInfo, which drivers write in small letters; drivers send endSessions and do not wait for the answer.
NEITHER_HERE_NOR_THERE = {"buildinfo", "endSessions"}


class Guard(monitoring.CommandListener):
    """Writes down what AWS does not list, while `is_on`."""

    def __init__(self, level: str) -> None:
        self.level = level
        self.is_on = False
        self.refused: list[str] = []

    def started(self, event: Any) -> None:
        if self.is_on and event.command_name not in NEITHER_HERE_NOR_THERE:
            try:
                guard.check_command(event.command, self.level)
            except NotSupportedError as error:
                self.refused.append(str(error).partition(" Instead:")[0])

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


def database(backend: str, port: int, level: str) -> tuple[dict[str, Any], str]:
    """(Django's settings of the database, DEFAULT_AUTO_FIELD), as each backend's own documentation asks for them."""
    host = f"mongodb://127.0.0.1:{port}/"
    options = {"retryWrites": level == "8.0.2"}
    if backend == "djongo":
        client = {"host": host, **options}
        return {"ENGINE": "djongo", "NAME": NAME, "CLIENT": client}, "django.db.models.AutoField"
    if backend == "django-documentdb":
        own = {"ENGINE": "django_documentdb", "NAME": NAME, "HOST": "127.0.0.1", "PORT": port, "OPTIONS": options}
        return own, "django_documentdb.fields.ObjectIdAutoField"
    if backend == "stock":
        own = {"ENGINE": "django_mongodb_backend", "NAME": NAME, "HOST": host, "OPTIONS": options}
        return own, "django_mongodb_backend.fields.ObjectIdAutoField"
    own = {"ENGINE": "coursebundler.documentdb", "NAME": NAME, "HOST": host, "OPTIONS": {"engine": level} | options}
    return own, "coursebundler.fields.UUIDAutoField"


def outcome_of(work: Any, watch: Guard, empty: Any) -> tuple[str, str]:
    from scripts.compared.operations import fill, migrate

    watch.is_on = False
    empty()
    try:
        if work is not migrate:
            fill()
    except Exception as error:
        return "failed", f"the rows before it: {explain(error)}"
    watch.refused, watch.is_on = [], True
    try:
        came, expected = work()
    except Exception as error:
        return ("refused", watch.refused[0]) if watch.refused else ("failed", explain(error))
    finally:
        watch.is_on = False
    if watch.refused:
        return "refused", watch.refused[0]
    return ("passed", "") if came == expected else ("wrong", f"{came!r} instead of {expected!r}")


def explain(error: Exception) -> str:
    cause = error if str(error) or not error.__cause__ else error.__cause__
    return f"{type(error).__name__}: {' '.join(str(cause).split())}"[:150]


def main(backend: str, port: int, level: str) -> None:
    warnings.simplefilter("ignore")
    plain = MongoClient("127.0.0.1", port)
    plain.drop_database(NAME)
    watch = Guard(level)
    monitoring.register(watch)
    own, key = database(backend, port, level)
    settings.configure(
        DATABASES={"default": own},
        DEFAULT_AUTO_FIELD=key,
        INSTALLED_APPS=["scripts.compared"],
        USE_TZ=True,
        TIME_ZONE="UTC",
        LOGGING_CONFIG=None,
    )
    django.setup()
    from django.db import connection

    from scripts.compared.operations import OPERATIONS

    def empty() -> None:
        for name in plain[NAME].list_collection_names():
            if name.startswith("compared_"):
                plain[NAME][name].delete_many({})

    found = []
    for name, work in OPERATIONS.items():
        found.append((name, *outcome_of(work, watch, empty)))
        if name == "migrate" and found[-1][1] == "failed":
            create_tables(connection)
    sys.stdout.write(json.dumps(found))


def create_tables(connection: Any) -> None:
    """One by one, so that one table that cannot be made spoils one operation and not all."""
    from django.apps import apps

    for model in apps.get_app_config("compared").get_models():
        try:
            with connection.schema_editor() as editor:
                editor.create_model(model)
        except Exception as error:
            sys.stderr.write(f"{model.__name__}: {explain(error)}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
