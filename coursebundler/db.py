"""Transactions for application code. Use these and never django.db.transaction.atomic: on DocumentDB that one is a
no-op, so the project keeps one door through which both engines can be served (docs/database.md).

Rules that hold on both engines: no nesting for a partial roll-back (there are no savepoints), no catching of an
IntegrityError inside the block, nothing slow inside the block.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connections, transaction
from django.db.models import QuerySet

Result = TypeVar("Result")
Rows = TypeVar("Rows", bound="QuerySet[Any]")

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5


def atomic() -> AbstractContextManager[Any]:
    """Everything in the block is stored, or nothing is. Do not count on an inner block rolling back alone."""
    if connections[DEFAULT_DB_ALIAS].vendor == "mongodb":
        from django_mongodb_backend.transaction import atomic as mongodb_atomic

        return mongodb_atomic(DEFAULT_DB_ALIAS)
    return transaction.atomic()


def on_commit(callback: Callable[[], object]) -> None:
    """Call back once the surrounding `atomic` is stored, at once if there is none, never if it is rolled back."""
    transaction.on_commit(callback)


def run_in_transaction(
    function: Callable[[], Result],
    *,
    attempts: int = ATTEMPTS,
    is_worth_a_try: Callable[[DatabaseError], bool] | None = None,
) -> Result:
    """Run `function` inside `atomic`, again if another transaction was in its way; at most `attempts` times.

    SQLite makes a second writer wait; DocumentDB refuses it, and whoever is refused has to start over. `function` must
    be safe to repeat: what it did to the database is undone, mail that it sent is not.
    """
    for attempt in range(1, attempts + 1):
        try:
            with atomic():
                return function()
        except DatabaseError as error:
            if attempt == attempts or not (is_worth_a_try or is_transient)(error) or _is_in_transaction():
                raise
        time.sleep(pause_seconds(attempt))
    raise AssertionError("unreachable")


def _is_in_transaction() -> bool:
    """An outer transaction is lost as a whole, so it is the outer one that has to start over."""
    connection: Any = connections[DEFAULT_DB_ALIAS]
    # On DocumentDB the other attribute only says that Django believes itself in a block.
    is_mongodb = connection.vendor == "mongodb"
    return bool(connection.in_atomic_block_mongo if is_mongodb else connection.in_atomic_block)


def pause_seconds(attempt: int) -> float:
    """Longer each time and never the same for two, so that those in each other's way meet only once."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311  nothing secret


def allow_lag(rows: Rows) -> Rows:
    """The same rows, which with DATABASE_LISTINGS_FROM_SECONDARIES may come from a secondary, some seconds old.

    For lists of what anybody may see, and for nothing that is kept longer than the answer. Never for access, orders,
    progress, or rows that are changed afterwards. In a transaction they come from the primary all the same.
    """
    rows = rows.all()
    rows.query.may_lag = True  # type: ignore[attr-defined]  # clones of the query keep it; the compiler looks at it
    return rows


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """What is asked in the block fails once it has taken so long, whatever the database does or does not say."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "mongodb":
        import pymongo

        with pymongo.timeout(seconds):
            yield
        return
    connection.ensure_connection()
    usual = connection.settings_dict["OPTIONS"].get("timeout", 5)
    connection.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        yield
    finally:
        if connection.connection is not None:
            connection.connection.execute(f"PRAGMA busy_timeout = {int(usual * 1000)}")


def is_transient(error: DatabaseError) -> bool:
    """Whether the same transaction, started over, can succeed: another one was in its way, or the server changed."""
    has_label = getattr(error.__cause__, "has_error_label", None)
    if has_label is not None:
        return bool(has_label("TransientTransactionError"))
    return "database is locked" in str(error)


def is_unavailable(error: BaseException) -> bool:
    """Whether the database could not be asked, or not just now: the same request, sent again, can succeed.

    Not for what a person must mend in the program, such as a table that is missing.
    """
    if not isinstance(error, DatabaseError):
        return False
    sqlite_code = getattr(error.__cause__, "sqlite_errorcode", None)
    if sqlite_code is not None:
        # The low byte is the class of error: locked, cannot open, disk full … and "SQL error", which is the program's.
        return isinstance(error, OperationalError) and sqlite_code & 0xFF != sqlite3.SQLITE_ERROR
    return isinstance(error, OperationalError) or is_transient(error)


def reason_of(error: BaseException) -> str:
    """For logs: what the driver said, shortened. It names hosts, and never passwords."""
    return f"{error} {str(error.__cause__ or '')[:200]}".strip()
