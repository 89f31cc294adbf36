"""A management command, so many minutes from now: `python -m tests.chaos.later 15 reconcile_payments`.

What waits for some minutes, for a lease or for the next month need not be waited for.
"""

import sys
from datetime import datetime, timedelta

from django.utils import timezone

MINUTES = timedelta(minutes=float(sys.argv[1]))
real_now = timezone.now


def now() -> datetime:
    return real_now() + MINUTES


timezone.now = now  # before any model has been read, since their defaults keep the function

from django.core.management import execute_from_command_line  # noqa: E402

execute_from_command_line(["manage.py", *sys.argv[2:]])
