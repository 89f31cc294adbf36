from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.reconciliation import reconcile


class Command(BaseCommand):
    help = (
        "Asks Razorpay about every order, refund and subscription that is not settled, and settles it. Safe to run at"
        " any time, as often as wanted and in parallel with itself. Ends with 1 if something has to be tried again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=1000, help="how many rows each job looks at, at the most")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.")
        run = reconcile(limit=options["limit"])
        self.stdout.write(str(run))
        if run.failed:
            raise CommandError(f"{run.failed} could not be settled; the log says why. The next run tries again.")
