from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from coursebundler import heartbeat
from payments.worker import Worker


class Command(BaseCommand):
    help = (
        "Settles orders soon after they are due, until SIGTERM; then it ends after the row in hand. Goes on when the"
        " database or the gateway is away. Several at once share the work. Its heartbeat is a file (HEARTBEAT_FILE)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--everything-every",
            type=int,
            default=0,
            metavar="SECONDS",
            help="also do all that reconcile_payments does, so often; for where no schedule runs that",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["everything_every"] < 0:
            raise CommandError("--everything-every must not be negative.")
        try:
            heartbeat.beat()
        except OSError as error:
            raise CommandError(f"HEARTBEAT_FILE={heartbeat.FILE} cannot be written: {error.strerror}.") from error
        worker = Worker(everything_seconds=options["everything_every"])
        worker.stop_on_signals()
        worker.run()
