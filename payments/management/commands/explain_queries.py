"""Which listings an index serves, by the server's own explain()."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from payments.listings import listings


class Command(BaseCommand):
    help = "Show for each listing of the site whether an index serves it; fails if one does not."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plans = {name: make().explain() for name, make in listings().items()}
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}") from None
        without = [name for name, plan in plans.items() if not self.uses_index(plan)]
        for name in plans:
            self.stdout.write(f"{'NO INDEX' if name in without else 'index   '} {name}")
        if without:
            raise CommandError(f"No index serves {len(without)} of {len(plans)} listings: {', '.join(without)}.")

    def uses_index(self, plan: str) -> bool:
        if connection.vendor == "mongodb":
            from coursebundler.documentdb.selftest import uses_index

            return uses_index(plan)
        # The first line is how SQLite gets at the listing's own rows; joins by key follow.
        return " USING " in plan.partition("\n")[0]
