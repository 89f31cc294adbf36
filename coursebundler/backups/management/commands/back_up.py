from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from coursebundler.backups import snapshot
from coursebundler.backups.dump import make_dump
from coursebundler.backups.manifest import Manifest
from coursebundler.backups.stopping import stopped_by_sigterm
from coursebundler.backups.stores import Store, StoreError, store_at
from coursebundler.logs import log_event


class Command(BaseCommand):
    help = (
        "Dumps every row of every model, gzipped, with a manifest, to the folder or bucket of BACKUP_URL. The site may"
        " run meanwhile. Safe to repeat: each run makes a dump of its own. `restore_drill` shows that it comes back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default="", help="file:///folder or s3://bucket/prefix; BACKUP_URL unless said")
        parser.add_argument(
            "--snapshot-seconds",
            type=float,
            default=snapshot.SNAPSHOT_SECONDS,
            help="how long a DocumentDB transaction may take, before the dump goes model by model",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        store = store_from(options["to"])
        try:
            with stopped_by_sigterm():
                made = make_dump(store, snapshot_seconds=options["snapshot_seconds"])
        except StoreError as error:
            raise CommandError(f"The dump was not made. {error}") from None
        except DatabaseError as error:
            raise CommandError(f"The dump was not made: the database does not answer. {error}") from None
        except OSError as error:
            raise CommandError(f"The dump was not made: {error.strerror}.") from None
        self.report(made, store)

    def report(self, made: Manifest, store: Store) -> None:
        for model in made.models:
            if model.rows:
                self.stdout.write(f"{model.model:32} {model.rows:>12,} rows {model.bytes:>14,} bytes")
        self.stdout.write(
            f"{made.name}: {made.rows:,} rows of {len(made.models)} models, {made.size:,} bytes, {made.consistency}, "
            f"engine {made.engine}."
        )
        where = store.url.partition("?")[0]
        log_event("backup_made", backup=made.name, rows=made.rows, bytes=made.size, where=where)


def store_from(url: str) -> Store:
    """The store that was named, else the configured one. CommandError if there is none, or it is no URL."""
    url = url or settings.BACKUP_URL
    if not url:
        raise CommandError("Set BACKUP_URL (.env.example), or name a place: --to file:///folder or s3://bucket/prefix.")
    try:
        return store_at(url)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
