"""`manage.py seed_demo`: the demonstration school."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payments.demo.activity import create_activity
from payments.demo.books import create_invoices
from payments.demo.catalogue import create_catalogue
from payments.demo.offers import create_offers
from payments.demo.people import INSTRUCTOR, PASSWORD, STAFF, STUDENT, create_people
from payments.demo.plans import create_plans
from payments.demo.scale import MAX_COURSES, create_scale


class Command(BaseCommand):
    help = (
        "Makes the demonstration school: people, courses with videos, orders and progress. Makes what is missing and "
        "changes nothing that is there, so it is safe to repeat. Needs no network."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scale",
            type=int,
            metavar="N",
            default=0,
            help=f"also N generated courses and 10 × N generated students (1 to {MAX_COURSES})",
        )
        parser.add_argument(
            "--force", action="store_true", help="also without DEBUG=true, on a machine that nobody else can reach"
        )

    def handle(self, *, scale: int, force: bool, verbosity: int, **options: Any) -> None:
        _refuse_in_production(force=force)
        if scale and not 1 <= scale <= MAX_COURSES:
            raise CommandError(f"--scale takes a number from 1 to {MAX_COURSES}.")
        people, courses, students = create_people(), create_catalogue(), create_activity()
        create_plans()
        create_offers()
        create_invoices()
        if verbosity and people + courses + students:
            self.stdout.write(
                f"Demonstration school: {people} people, {courses} courses, {students} students with a past."
            )
            self.stdout.write(f"Log in as {STUDENT}, {INSTRUCTOR} or {STAFF}; the password is {PASSWORD}")
        elif verbosity:
            self.stdout.write("The demonstration school is complete; nothing was changed.")
        if scale:
            # A bar is neither an error, to be printed in red, nor a line of its own with each step.
            self.stderr.style_func, self.stderr.ending = None, ""
            create_scale(scale, self.stderr)


def _refuse_in_production(*, force: bool) -> None:
    if not (settings.DEBUG or force):
        raise CommandError(
            "seed_demo makes an administrator whose password is printed in its source, "
            "so it runs only with DEBUG=true. If nobody else can reach this machine, add --force."
        )
