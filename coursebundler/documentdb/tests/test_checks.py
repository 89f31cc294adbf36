"""Check constraints that compare two columns: what holds, as SQL says it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import CheckConstraint, F, Q
from django.db.models.functions import Lower

from coursebundler.documentdb.checks import _is_plain, row_check
from courses.models import Grant

NOON = datetime(2026, 1, 1, 12)
LATER = NOON + timedelta(hours=1)
STARTED = Q(ends_at__gt=F("starts_at"))


def check(condition):
    return row_check(CheckConstraint(condition=condition, name="check"), Grant, connection)


@pytest.mark.parametrize(
    ("condition", "row", "expected"),
    [
        (STARTED, {"starts_at": NOON, "ends_at": LATER}, True),
        (STARTED, {"starts_at": NOON, "ends_at": NOON}, False),
        (STARTED, {"starts_at": NOON, "ends_at": None}, None),
        (~STARTED, {"starts_at": NOON, "ends_at": None}, None),
        (~STARTED, {"starts_at": NOON, "ends_at": LATER}, False),
        (Q(ends_at__isnull=True) | STARTED, {"starts_at": NOON, "ends_at": None}, True),
        (Q(ends_at__isnull=False) & STARTED, {"starts_at": NOON, "ends_at": None}, False),
        (Q(note="x") & STARTED, {"note": "x", "starts_at": NOON, "ends_at": None}, None),
        (Q(note="x") | STARTED, {"note": "y", "starts_at": NOON, "ends_at": None}, None),
        (Q(note="x") | STARTED, {"note": "y", "starts_at": LATER, "ends_at": NOON}, False),
        (Q(ends_at__gte=F("starts_at")), {"starts_at": NOON, "ends_at": NOON}, True),
        (Q(ends_at__lte=F("starts_at")), {"starts_at": NOON, "ends_at": LATER}, False),
        (Q(ends_at__lt=F("starts_at")), {"starts_at": LATER, "ends_at": NOON}, True),
        (Q(ends_at=F("starts_at")), {"starts_at": NOON, "ends_at": LATER}, False),
    ],
)
def test_what_holds(condition, row, expected):
    found = check(condition)
    assert found.columns == set(row)
    assert found.holds(row) is expected


@pytest.mark.parametrize(
    "condition", [Q(note=Lower("note")), Q(ends_at__gt=F("starts_at") + 1), Q(note__startswith="x"), STARTED ^ STARTED]
)
def test_what_is_left_alone(condition):
    assert not _is_plain(condition)


def test_what_is_not():
    assert _is_plain(Q(ends_at__isnull=True) | STARTED)
