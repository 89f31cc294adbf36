import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from coursebundler.exports import harmless
from payments.gst_return import NotAMonth, return_rows


class Command(BaseCommand):
    help = "Writes a month's invoices and credit notes as CSV for the GST return, to the standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", help="by the date in India, like 2026-11")

    def handle(self, *args: Any, month: str, **options: Any) -> None:
        try:
            rows = return_rows(month)
        except NotAMonth as error:
            raise CommandError(str(error)) from None
        csv.writer(self.stdout).writerows(map(harmless, rows))
