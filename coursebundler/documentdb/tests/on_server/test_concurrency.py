"""Eight threads at the same row: one wins, nothing is lost, and who is refused starts over.

A whole purchase by eight at once is in payments/tests/test_checkout.py and test_callback.py, which run here as well.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connections
from django.db.models import F

from coursebundler import db
from coursebundler.db import atomic, is_unavailable, run_in_transaction
from courses.models import CatalogueRevision, Category

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8


def at_once(function):
    """What `function(n)` gives in each of eight threads that begin together."""
    together = threading.Barrier(THREADS)

    def run(number):
        try:
            together.wait()
            return function(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.fixture
def revision(db):
    return CatalogueRevision.objects.create(name="tests", number=0)


def count_up(revision) -> int:
    return CatalogueRevision.objects.filter(pk=revision.pk).update(number=F("number") + 1)


def take(category, number) -> int:
    return CatalogueRevision.objects.filter(pk=category.pk, name="tests").update(name=f"taken by {number}")


def test_a_conditional_update_has_one_winner(revision):
    assert sorted(at_once(lambda number: take(revision, number))) == [0] * 7 + [1]


def test_a_conditional_update_in_transactions_has_one_winner(revision):
    winners = at_once(lambda number: run_in_transaction(lambda: take(revision, number)))
    assert sorted(winners) == [0] * 7 + [1]
    revision.refresh_from_db()
    assert revision.name == f"taken by {winners.index(1)}"


def test_get_or_create_makes_one_row():
    made = at_once(lambda number: Category.objects.get_or_create(slug="knots", defaults={"name": "Knots"})[1])
    assert sorted(made) == [False] * 7 + [True]
    assert Category.objects.count() == 1


def test_no_addition_is_lost(revision):
    at_once(lambda number: [count_up(revision) for _ in range(10)])
    revision.refresh_from_db()
    assert revision.number == 80


def test_who_is_refused_starts_over_and_succeeds(revision):
    """One transaction has written the row and has not ended; the other is refused until it has."""
    attempts, is_written, is_refused = [], threading.Event(), threading.Event()

    def hold() -> None:
        with atomic():
            count_up(revision)
            is_written.set()
            assert is_refused.wait(10)
        connections.close_all()

    def step() -> int:
        attempts.append(1)
        try:
            return count_up(revision)
        finally:
            is_refused.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_written.wait(10)
    assert run_in_transaction(step) == 1
    holder.join()
    assert len(attempts) > 1
    revision.refresh_from_db()
    assert revision.number == 2


def test_a_conflict_that_does_not_end_is_told(revision, monkeypatch):
    monkeypatch.setattr(db, "pause_seconds", lambda attempt: 0)
    is_written, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with atomic():
            count_up(revision)
            is_written.set()
            assert is_over.wait(20)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_written.wait(10)
    with pytest.raises(DatabaseError) as caught:
        run_in_transaction(lambda: count_up(revision))
    is_over.set()
    holder.join()
    assert is_unavailable(caught.value)
