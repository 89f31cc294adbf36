"""What an operator runs first on a new cluster: does the server do all that the site relies on?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    help = "Try, in scratch collections, everything that the site needs of the database, and print a table."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.ensure_connection()
            results = self.documentdb() if connection.vendor == "mongodb" else self.sqlite()
            results.append(self.migrations())
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}") from None
        for name, works, found in results:
            self.stdout.write(f"{'ok     ' if works else 'FAILED '} {name:26} {found}")
        failed = sum(not works for _, works, _ in results)
        if failed:
            raise CommandError(f"{failed} of {len(results)} checks failed (docs/database.md tells what they mean).")
        self.stdout.write(self.style.SUCCESS(f"All {len(results)} checks passed."))

    def documentdb(self) -> list[tuple[str, bool, str]]:
        from coursebundler.documentdb import selftest

        return selftest.run()

    def sqlite(self) -> list[tuple[str, bool, str]]:
        with connection.cursor() as cursor:
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            state = cursor.execute("PRAGMA quick_check").fetchone()[0]
        return [("Journal", mode == "wal", mode), ("File", state == "ok", state)]

    def migrations(self) -> tuple[str, bool, str]:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return "Migrations", not waiting, f"{len(waiting)} to apply" if waiting else "all applied"
