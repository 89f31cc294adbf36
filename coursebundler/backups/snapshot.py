"""How the rows of a dump belong to one moment.

SQLite: one reading transaction; whoever writes meanwhile is not held up (write-ahead log).

DocumentDB: one transaction too, which sees the moment of its first command. It may live for a minute
(https://docs.aws.amazon.com/documentdb/latest/devguide/transactions.html), so a dump that would take longer starts
over, model by model: those that refer come first, those that they refer to afterwards. A parent that was made
meanwhile is there, a child is not, and no row refers to one that is missing. What such a dump may have is an order
that is paid and whose grant is younger than the dump; `reconcile_payments` after a restore mends that. For one moment
of a large database, dump a clone of the cluster (deploy/README.md).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from coursebundler.db import atomic, is_transient

Result = TypeVar("Result")

# Of the minute that a transaction may live.
SNAPSHOT_SECONDS = 45
ONE_MOMENT = "one moment"
MODEL_BY_MODEL = "model by model"


class TookTooLong(Exception):
    """The transaction would not live long enough."""


def take(dump: Callable[[Callable[[], None]], Result], *, seconds: float = SNAPSHOT_SECONDS) -> tuple[Result, str]:
    """(what `dump` gives, how consistent it is). `dump` calls what it is given from time to time, and is safe to
    repeat."""
    if connections[DEFAULT_DB_ALIAS].vendor != "mongodb":
        with sqlite_snapshot():
            return dump(lambda: None), ONE_MOMENT
    try:
        with atomic():
            return dump(deadline(seconds)), ONE_MOMENT
    except TookTooLong:
        pass
    except DatabaseError as error:
        if not is_transient(error):
            raise
    return dump(lambda: None), MODEL_BY_MODEL


def deadline(seconds: float) -> Callable[[], None]:
    ends_at = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > ends_at:
            raise TookTooLong

    return check


@contextmanager
def sqlite_snapshot() -> Iterator[None]:
    """`BEGIN` without IMMEDIATE, which the site's own transactions have: it takes no lock that a writer needs."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
