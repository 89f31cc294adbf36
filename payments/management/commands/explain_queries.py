"""Which listings an index serves, by the database's own explanation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from coursebundler.plans import Plan, plan_of
from payments.listings import Listing, listings

HEADINGS = ("Listing", "Verdict", "Examined", "Returned", "Index")
FAULTS = ("FULL SCAN", "SORTS ALL")
UNKNOWN = "unknown"
UNUSED = "unused: "


class Command(BaseCommand):
    help = (
        "Show for each listing of the site which index serves it. Fails if one reads a whole table, or sorts many rows "
        "in memory. Tells little on an empty database: fill it first, e.g. with seed_demo --scale 1000."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--strict", action="store_true", help="fail also where there is an index that the database does not use"
        )

    def handle(self, *args: Any, strict: bool, **options: Any) -> None:
        try:
            plans = [(listing, plan_of(listing.rows())) for listing in listings()]
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}") from None
        verdicts = [(listing.name, verdict(listing, plan), plan) for listing, plan in plans]
        self.stdout.write(table([HEADINGS, *(_row(*item) for item in verdicts)]))
        faults = tuple([*FAULTS, UNUSED, UNKNOWN] if strict else FAULTS)
        wrong = [name for name, found, _ in verdicts if found.startswith(faults)]
        unknown = [name for name, found, _ in verdicts if found == UNKNOWN]
        if unknown:
            self.stdout.write(f"The database does not say how it finds: {', '.join(unknown)}.")
        if wrong:
            raise CommandError(f"No index serves {len(wrong)} of {len(verdicts)} listings: {', '.join(wrong)}.")


def verdict(listing: Listing, plan: Plan) -> str:
    """One of FAULTS, or how it is served."""
    if not plan.is_known:
        return UNKNOWN
    if plan.is_empty:
        return "nothing asked"
    if plan.scanned_tables_of_many_rows:
        if listing.reads_all:
            return f"reads all: {listing.reads_all}"
        return _unused(plan.fits if listing.sorts_few else plan.fits_in_order) or "FULL SCAN"
    if plan.scanned and not plan.indexes:
        return "few rows"
    if not plan.is_sorted_in_memory:
        return "index"
    return f"index; sorts {listing.sorts_few}" if listing.sorts_few else _unused(plan.fits_in_order) or "SORTS ALL"


def _unused(index: str) -> str:
    """An index that fits may be left aside by a simple planner, or where there are few rows."""
    return f"{UNUSED}{index}" if index else ""


def _row(name: str, found: str, plan: Plan) -> tuple[str, ...]:
    counts = ("–" if count is None else str(count) for count in (plan.examined, plan.returned))
    return (name, found, *counts, ", ".join(dict.fromkeys(plan.indexes)))


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
