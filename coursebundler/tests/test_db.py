"""Transactions, the same on both engines."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections, transaction

from coursebundler import db
from coursebundler.db import atomic, on_commit, pause_seconds, run_in_transaction
from courses.models import Category

pytestmark = pytest.mark.django_db(transaction=True)


def make(name):
    return Category.objects.create(name=name, slug=name)


def names():
    return sorted(Category.objects.values_list("name", flat=True))


def test_everything_is_stored():
    with atomic():
        make("a")
        make("b")
    assert names() == ["a", "b"]


def test_nothing_is_stored():
    with pytest.raises(ZeroDivisionError), atomic():
        make("a")
        raise ZeroDivisionError
    assert names() == []


def test_an_inner_block_belongs_to_the_outer_one():
    with pytest.raises(ZeroDivisionError), atomic():
        with atomic():
            make("a")
        raise ZeroDivisionError
    assert names() == []


def test_a_failed_constraint_undoes_everything():
    make("a")
    with pytest.raises(IntegrityError), atomic():
        make("b")
        make("a")
    assert names() == ["a"]


def test_inside_a_transaction_one_sees_ones_own_rows():
    with atomic():
        make("a")
        assert names() == ["a"]
        assert Category.objects.filter(name="a").update(slug="x") == 1


def test_callbacks_wait_for_the_commit():
    seen = []
    on_commit(lambda: seen.append("at once"))
    with atomic():
        on_commit(lambda: seen.append(tuple(names())))
        make("a")
        assert seen == ["at once"]
    assert seen == ["at once", ("a",)]


def test_callbacks_of_what_was_undone_are_forgotten():
    seen = []
    with pytest.raises(ZeroDivisionError), atomic():
        on_commit(lambda: seen.append("never"))
        raise ZeroDivisionError
    with atomic():
        make("a")
    assert seen == []


def test_it_works_inside_djangos_own_block():
    """The admin wraps each save in one."""
    seen = []
    with transaction.atomic(), atomic():
        make("a")
        on_commit(lambda: seen.append("done"))
    assert names() == ["a"]
    assert seen == ["done"]


def test_the_next_transaction_is_a_real_one():
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), atomic():
            make("a")
            raise ZeroDivisionError
    assert names() == []


def test_it_gives_what_the_function_gives():
    assert run_in_transaction(lambda: make("a").name) == "a"


def test_it_starts_over_when_another_was_in_the_way(monkeypatch):
    monkeypatch.setattr(db, "pause_seconds", lambda attempt: 0)
    attempts = []

    def function():
        make("a")
        attempts.append(1)
        if len(attempts) < 3:
            raise OperationalError("database is locked")
        return "done"

    assert run_in_transaction(function) == "done"
    assert len(attempts) == 3
    assert names() == ["a"]


def test_it_gives_up_after_some_attempts(monkeypatch):
    monkeypatch.setattr(db, "pause_seconds", lambda attempt: 0)
    attempts = []

    def function():
        attempts.append(1)
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        run_in_transaction(function)
    assert len(attempts) == db.ATTEMPTS


@pytest.mark.parametrize("error", [IntegrityError("twice"), DatabaseError("broken"), ZeroDivisionError()])
def test_other_errors_are_not_tried_again(error):
    attempts = []

    def function():
        attempts.append(1)
        raise error

    with pytest.raises(type(error)):
        run_in_transaction(function)
    assert len(attempts) == 1


def test_pauses_grow_and_differ():
    assert len({pause_seconds(3) for _ in range(10)}) > 1
    assert max(pause_seconds(9) for _ in range(10)) <= db.LONGEST_PAUSE_SECONDS
    assert min(pause_seconds(4) for _ in range(10)) > max(pause_seconds(1) for _ in range(10))


def test_conflicting_writers_all_get_through():
    """Each adds one to the same row, reading first: without starting over, additions would be lost or refused."""
    make("0")
    barrier = threading.Barrier(4)
    failures = []

    def add_one():
        def step():
            category = Category.objects.get()
            Category.objects.filter(pk=category.pk).update(name=str(int(category.name) + 1))

        barrier.wait()
        try:
            for _ in range(3):
                run_in_transaction(step)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names() == ["12"]


def test_the_engine_is_known():
    assert connection.vendor in ("sqlite", "mongodb")
