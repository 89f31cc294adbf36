"""Transactions for application code. Use these and never django.db.transaction.atomic: on DocumentDB that one is a
no-op, so the project keeps one door through which both engines can be served (docs/database.md).

Rules that hold on both engines: no nesting for a partial roll-back (there are no savepoints), no catching of an
IntegrityError inside the block, nothing slow inside the block.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from django.db import transaction


def atomic() -> AbstractContextManager[None]:
    """Everything in the block is stored, or nothing is. Do not count on an inner block rolling back alone."""
    return transaction.atomic()


def on_commit(callback: Callable[[], object]) -> None:
    """Call back once the surrounding `atomic` is stored, at once if there is none, never if it is rolled back."""
    transaction.on_commit(callback)
