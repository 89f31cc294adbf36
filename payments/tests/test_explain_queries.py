"""Every listing is served by an index where there are ten thousand rows."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models

from coursebundler.plans import Plan, plan_in_documentdb_words, plan_in_sqlite_words, plan_of
from courses.models import Category, Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from payments.listings import Listing, listings
from payments.management.commands.explain_queries import verdict
from payments.models import Order, OrderLine, Payment, WebhookEvent
from users.models import User

ROWS = 10_000
EVERYTHING = [Category, Course, Section, Lecture, SearchToken, User, Grant, Progress, Saved]
EVERYTHING += [Order, OrderLine, Payment, WebhookEvent]


def explain() -> dict[str, tuple[str, ...]]:
    """{listing: (verdict, examined, returned)}."""
    out = io.StringIO()
    call_command("explain_queries", stdout=out)
    rows = [re.split(r"  +", line) for line in out.getvalue().splitlines()]
    return {row[0]: tuple(row[1:4]) for row in rows[1:] if len(row) > 3}


@pytest.fixture
def ten_thousand_courses(db):
    """Ten thousand of everything that a school has most of; one student has a thousandth of it."""
    users = User.objects.bulk_create([User(email=f"u{n}@example.org", name=f"U {n}") for n in range(ROWS)], 1000)
    categories = Category.objects.bulk_create([Category(name=f"C{n}", slug=f"c{n}") for n in range(10)])
    now = models.DateTimeField().to_python("2026-01-01T00:00:00Z")
    courses = [
        Course(
            title=f"Course {n}",
            slug=f"course-{n}",
            promise="Learn it.",
            description="From the beginning to the end.",
            category=categories[n % 10],
            instructor=users[n % 10],
            price_paise=n % 50 * 100,
            status="published",
            published_at=now,
        )
        for n in range(ROWS)
    ]
    Course.objects.bulk_create(courses, 1000)
    sections = Section.objects.bulk_create([Section(course=course, title="One") for course in courses[:1000]], 1000)
    lectures = [Lecture(section=sections[n % 1000], course=courses[n % 1000], title=f"L{n}") for n in range(ROWS)]
    Lecture.objects.bulk_create(lectures, 1000)
    SearchToken.objects.bulk_create([SearchToken(course=courses[n], word=f"w{n:05}") for n in range(ROWS)], 1000)
    pairs = [(users[n % 1000], courses[n // 1000 + n % 1000 * 10 % 9000]) for n in range(ROWS)]
    Grant.objects.bulk_create([Grant(user=user, course=course, source_id=course.pk) for user, course in pairs], 1000)
    Saved.objects.bulk_create([Saved(user=user, course=course) for user, course in pairs], 1000)
    begun = [Progress(user=users[n % 1000], lecture=lectures[n], course=lectures[n].course) for n in range(ROWS)]
    Progress.objects.bulk_create(begun, 1000)
    orders = [Order(user=users[n % 1000], product_key=f"course:{n}", amount_paise=100) for n in range(ROWS)]
    Order.objects.bulk_create(orders, 1000)
    OrderLine.objects.bulk_create(
        [OrderLine(order=orders[n], course=courses[n], title="T", amount_paise=100) for n in range(ROWS)], 1000
    )
    events = [WebhookEvent(event_id=f"e{n}", kind="payment.captured", outcome="paid") for n in range(ROWS)]
    WebhookEvent.objects.bulk_create(events, 1000)
    Payment.objects.bulk_create(
        [
            Payment(order=orders[n], entry="failed", gateway_payment_id=f"p{n}", amount_paise=100, currency="INR")
            for n in range(ROWS)
        ],
        1000,
    )


@pytest.mark.slow
def test_indexes_serve_ten_thousand_rows(ten_thousand_courses):
    found = explain()
    assert len(found) == len(listings())
    print(found)
