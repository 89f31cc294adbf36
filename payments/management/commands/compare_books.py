from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from payments.comparison import compare_books
from payments.razorpay import GatewayError
from payments.tax import INDIA


class Command(BaseCommand):
    help = (
        "Compares our ledger with Razorpay for one day, from midnight to midnight in India, and keeps the result for"
        " the admin. Changes nothing else; safe to repeat. Ends with 1 if there is a difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, help="YYYY-MM-DD; yesterday unless said")

    def handle(self, *args: Any, **options: Any) -> None:
        today = datetime.now(INDIA).date()
        day = options["date"] or today - timedelta(days=1)
        if not date(2000, 1, 2) <= day <= today:
            raise CommandError("--date must be a day that has begun.")
        started_at = timezone.now()
        try:
            report = compare_books(day)
        except GatewayError as error:
            raise CommandError(f"Razorpay did not answer: {error}") from error
        for row in report.differences.all():
            self.stdout.write(f"{row.kind} {row.reference}: {row.explanation}")
        seconds = (timezone.now() - started_at).total_seconds()
        self.stdout.write(
            f"{day}: {report.payments_here} payments here, {report.payments_there} there; "
            f"{report.difference_count} differences; {seconds:.1f} s"
        )
        if report.difference_count:
            raise CommandError(f"The books of {day} do not balance.")
