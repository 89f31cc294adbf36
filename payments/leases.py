"""Mail that goes out once; twice if a process dies at the worst moment; never not at all."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)


def send_once(rows: "QuerySet[Any]", mail: str, send: Callable[[], object], *, about: object) -> bool:
    """Send it unless it was sent or somebody else is at it; says whether this call did. Safe to repeat and to race.

    `rows` is one row with the columns `<mail>_claimed_at` and `<mail>_sent_at`. Whoever claims it sends it. A claim
    runs out, since its process may have died, and a failing mail server gives it back: the reconciler tries again.
    """
    now = timezone.now()
    is_free = Q(**{f"{mail}_claimed_at__isnull": True}) | Q(**{f"{mail}_claimed_at__lt": now - LEASE})
    if not rows.filter(is_free, **{f"{mail}_sent_at__isnull": True}).update(**{f"{mail}_claimed_at": now}):
        return False
    mine = rows.filter(**{f"{mail}_claimed_at": now})
    try:
        send()
    except Exception:
        logger.exception("The %s of %s was not sent; the reconciler tries again.", mail, about)
        mine.update(**{f"{mail}_claimed_at": None})
        return False
    mine.update(**{f"{mail}_sent_at": timezone.now()})
    return True
