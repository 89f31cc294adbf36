"""The cache's collection with its TTL index; on SQLite there is nothing to do."""

from typing import Any

from django.db import migrations

LOCATION = "cache"


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "mongodb":
        from coursebundler.documentdb.cache import create_collection

        create_collection(schema_editor.connection, LOCATION)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "mongodb":
        from coursebundler.documentdb.cache import drop_collection

        drop_collection(schema_editor.connection, LOCATION)


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunPython(create, drop)]
