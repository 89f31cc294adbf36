"""Which listings an index serves, by the database's own explanation."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from coursebundler.plans import Plan, plan_of
from payments.listings import Listing, listings

HEADINGS = ("Listing", "Verdict", "Examined", "Returned", "Index")
UNKNOWN = "unknown"


class Command(BaseCommand):
    help = (
        "Show for each listing of the site which index serves it. Fails if one reads a whole table, or sorts many rows "
        "in memory. Tells little on an empty database: fill it first, e.g. with seed_demo --scale 1000."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plans = [(listing, plan_of(listing.rows())) for listing in listings()]
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}") from None
        verdicts = [(listing.name, verdict(listing, plan), plan) for listing, plan in plans]
        self.stdout.write(table([HEADINGS, *(_row(*item) for item in verdicts)]))
        wrong = [name for name, found, _ in verdicts if found.isupper()]
        unknown = [name for name, found, _ in verdicts if found == UNKNOWN]
        if unknown:
            self.stdout.write(f"The database does not say how it finds: {', '.join(unknown)}.")
        if wrong:
            raise CommandError(f"No index serves {len(wrong)} of {len(verdicts)} listings: {', '.join(wrong)}.")


def verdict(listing: Listing, plan: Plan) -> str:
    """In capitals if it is a fault."""
    if not plan.is_known:
        return UNKNOWN
    if plan.is_empty:
        return "nothing asked"
    if plan.scanned_tables_of_many_rows:
        return "FULL SCAN"
    if plan.is_sorted_in_memory and plan.scanned:
        return "few rows"
    if plan.is_sorted_in_memory:
        return f"index; sorts {listing.sorts_few}" if listing.sorts_few else "SORTS ALL"
    return "few rows" if plan.scanned and not plan.indexes else "index"


def _row(name: str, found: str, plan: Plan) -> tuple[str, ...]:
    counts = ("–" if count is None else str(count) for count in (plan.examined, plan.returned))
    return (name, found, *counts, ", ".join(dict.fromkeys(plan.indexes)))


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
