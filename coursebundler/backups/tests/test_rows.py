"""A row as a line, and back: nothing may be lost on the way."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import models

from coursebundler.backups import rows
from courses.models import Course, Lecture, Progress, Section
from payments.models import Bundle
from users.models import User

# A bundle names its edition, the edition its bundle; both are made by staff, and rarely.
IN_A_CIRCLE = {Bundle}
MOMENT = datetime(2026, 11, 22, 17, 5, 30, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.DateTimeField(), MOMENT),
        (models.DateField(), date(2026, 2, 28)),
        (models.TimeField(), time(23, 59, 59, 999999)),
        (models.DurationField(), timedelta(days=-3, microseconds=7)),
        (models.DecimalField(max_digits=20, decimal_places=9), Decimal("0.100000000")),
        (models.UUIDField(), UUID(int=7)),
        (models.BinaryField(), b"\x00\xff"),
        (models.BigIntegerField(), 2**62),
        (models.BooleanField(), False),
        (models.TextField(), "line\nbreak \u2028 “quotes” \x00 😀"),
        (models.JSONField(), {"half a pair": "\ud83d"}),
        (models.TextField(), ""),
        (models.JSONField(), {"b": [1, None, "2026-11-22T00:00:00+00:00"], "a": {"é": True}}),
        (models.JSONField(), "a text that is JSON"),
        (models.TextField(null=True), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_as_it_was(field, value):
    line = rows.line_of([value])
    assert line.count(b"\n") == 1, "one row is one line"
    back = rows.from_plain(field, json.loads(line)[0])
    assert bytes(back) == value if isinstance(value, bytes) else back == value
    assert type(back) is type(value) or isinstance(value, bytes)


def test_moments_keep_their_microseconds_and_have_a_portable_form():
    line = rows.line_of((MOMENT, "x"))
    assert b"30.123456+00:00" in line
    assert b"30.123000+00:00" in rows.portable_line_of((MOMENT, "x"), line)
    assert rows.portable_line_of(("x",), b"the exact one") == b"the exact one"


def test_every_model_is_in_it_but_those_that_have_a_reason():
    from django.apps import apps

    everything = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    assert {model._meta.label for model in rows.models_in_dump()} == everything - rows.LEFT_OUT.keys()
    assert {"users.User_groups", "payments.TaxDocument"} <= everything


def test_those_that_refer_come_first():
    order = [model._meta.label for model in rows.models_in_dump()]
    for earlier, later in [(Progress, Lecture), (Lecture, Section), (Section, Course), (Course, User)]:
        assert order.index(earlier._meta.label) < order.index(later._meta.label)
    for model in rows.models_in_dump():
        for parent in rows.parents_of(model) - {model, *IN_A_CIRCLE}:
            assert order.index(model._meta.label) < order.index(parent._meta.label)


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b'["not a key", 1]\n', b"7\n"])
def test_a_line_of_another_shape_is_refused(line):
    with pytest.raises(Exception, match=r"columns|valid") as caught:
        rows.instance_of(Section, rows.fields_of(Section), line, "default")
    assert not isinstance(caught.value, AttributeError)
