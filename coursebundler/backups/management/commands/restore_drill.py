import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from coursebundler.backups import drill
from coursebundler.backups.drill import OtherMigrations
from coursebundler.backups.management.commands.back_up import store_from
from coursebundler.backups.manifest import DamagedDump, Manifest
from coursebundler.backups.scratch import CONFIGURED, NotScratch, scratch_database
from coursebundler.backups.stopping import stopped_by_sigterm
from coursebundler.backups.stores import Store, StoreError
from coursebundler.logs import log_event


class Command(BaseCommand):
    help = (
        "Restores the newest dump of BACKUP_URL into a scratch database, compares every count, row and reference,"
        " prints a table and removes the scratch database. Never touches the configured one, unless it is empty"
        " and --into configured says so. Ends with 1 if anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dump", nargs="?", default="", help="its name; the newest unless said")
        parser.add_argument("--from", dest="source", default="", help="where dumps are; BACKUP_URL unless said")
        parser.add_argument(
            "--into", default="", help="“sqlite”, the DATABASE_URL of an empty database, or “configured”"
        )
        parser.add_argument("--keep", action="store_true", help="leave the restored database; needs --into with a URL")
        parser.add_argument("--list", action="store_true", help="only list the dumps, newest first")

    def handle(self, *args: Any, **options: Any) -> None:
        store = store_from(options["source"])
        if options["keep"] and "://" not in options["into"] and options["into"] != CONFIGURED:
            raise CommandError("--keep needs --into with the DATABASE_URL of an empty database, or “configured”.")
        if options["into"] == CONFIGURED and not options["keep"]:
            raise CommandError("--into configured is a real restore: say --keep too.")
        try:
            if options["list"]:
                self.stdout.write("\n".join(store.names()) or "There is no dump.")
                return
            with stopped_by_sigterm():
                self.drill(store, options["dump"], options["into"], keep=options["keep"])
        except (StoreError, DamagedDump, OtherMigrations, NotScratch, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The scratch database cannot be used: {error}") from None
        except OSError as error:
            raise CommandError(f"The drill did not end: {error.strerror}.") from None

    def drill(self, store: Store, name: str, into: str, *, keep: bool) -> None:
        began = time.monotonic()
        dump = drill.read_manifest(store, name or newest(store))
        drill.refuse_other_migrations(dump)
        with scratch_database(into, keep=keep) as using:
            drill.make_tables(using)
            self.stdout.write(
                f"{dump.name} of {dump.engine}, {dump.consistency}, into {connections[using].settings_dict['NAME']}"
            )
            differences = self.restore(dump, store, using)
            references = list(drill.broken_references(using))
        for line in references:
            self.stdout.write(line)
        self.tell(dump, differences + len(references), time.monotonic() - began)

    def restore(self, dump: Manifest, store: Store, using: str) -> int:
        """Prints the table; gives the number of models that differ."""
        differences = 0
        self.stdout.write(f"{'model':32} {'dumped':>12} {'restored':>12} {'seconds':>8}")
        for result in drill.restore(dump, store, using):
            verdict = result.difference or "ok"
            self.stdout.write(
                f"{result.model:32} {result.rows:>12,} {result.restored:>12,} {result.seconds:>8.1f} {verdict}"
            )
            differences += bool(result.difference)
        return differences

    def tell(self, dump: Manifest, differences: int, seconds: float) -> None:
        log_event("restore_drill", backup=dump.name, rows=dump.rows, differences=differences, seconds=round(seconds))
        if differences:
            raise CommandError(f"{dump.name} does not come back as it was: {differences} differences.")
        self.stdout.write(
            self.style.SUCCESS(f"{dump.name} comes back whole: {dump.rows:,} rows, every reference, {seconds:.1f} s.")
        )


def newest(store: Store) -> str:
    names = store.names()
    if not names:
        raise CommandError(
            f"There is no finished dump in {store.url.partition('?')[0]}. `manage.py back_up` makes one."
        )
    return names[0]
