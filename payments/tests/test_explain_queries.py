"""Every listing is served by an index where there are many rows."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models

from coursebundler.plans import Plan, fitting_indexes, plan_in_documentdb_words, plan_in_sqlite_words, plan_of
from courses.models import Category, Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from payments.listings import Listing, listings
from payments.management.commands.explain_queries import verdict
from payments.models import Order, OrderLine, Payment, Subscription, WebhookEvent
from payments.models import Plan as SoldPlan
from users.models import User

# The test server for DocumentDB stores some hundred rows a second, and gets slower: fewer there, by the same plans.
ROWS = 10_000 if connection.vendor == "sqlite" else 1000


def explain() -> dict[str, tuple[str, ...]]:
    """{listing: (verdict, examined, returned)}."""
    out = io.StringIO()
    call_command("explain_queries", stdout=out)
    rows = [re.split(r"  +", line) for line in out.getvalue().splitlines()]
    return {row[0]: tuple(row[1:4]) for row in rows[1:] if len(row) > 3}


@pytest.fixture
def many_rows(db):
    """So many of everything that a school has most of; one student has a thousandth of it."""
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
    pairs = [(users[n % 1000], courses[(n * 7 + n // 1000) % ROWS]) for n in range(ROWS)]
    Grant.objects.bulk_create([Grant(user=user, course=course, source_id=course.pk) for user, course in pairs], 1000)
    Saved.objects.bulk_create([Saved(user=user, course=course) for user, course in pairs], 1000)
    begun = [Progress(user=users[n % 1000], lecture=lectures[n], course=lectures[n].course) for n in range(ROWS)]
    Progress.objects.bulk_create(begun, 1000)
    orders = [Order(user=users[n % 1000], product_key=f"course:{n}", amount_paise=100) for n in range(ROWS)]
    Order.objects.bulk_create(orders, 1000)
    OrderLine.objects.bulk_create(
        [OrderLine(order=orders[n], course=courses[n], title="T", amount_paise=100) for n in range(ROWS)], 1000
    )
    plan = SoldPlan.objects.create(name="Everything", slug="everything", price_paise=100)
    statuses = Subscription.Status.values
    subscriptions = [
        Subscription(user=users[n % 1000], plan=plan, price_paise=100, status=statuses[n % 9]) for n in range(ROWS)
    ]
    Subscription.objects.bulk_create(subscriptions, 1000)
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
@pytest.mark.sqlite  # To do: on DocumentDB a sort does not yet come straight after its filter.
def test_indexes_serve_many_rows(many_rows):
    """On the test server for DocumentDB some indexes are not used: its planner looks at equalities only."""
    found = explain()
    assert list(found) == [listing.name for listing in listings()]
    if connection.vendor == "sqlite":
        served = {verdict.partition(";")[0] for verdict, *_ in found.values()}
        assert served == {"index"}
    else:
        assert not [name for name, (verdict, *_) in found.items() if verdict == "unknown"]
        assert "course_newest" in " ".join(found["home"])


@pytest.fixture
def many_users(db):
    User.objects.bulk_create([User(email=f"u{n}@example.org", name=f"U {n}") for n in range(300)])


def verdict_on(rows, sorts_few=""):
    return verdict(Listing("people", lambda: rows, sorts_few), plan_of(rows))


def test_it_knows_an_index(many_users):
    assert verdict_on(User.objects.filter(email="u1@example.org")) == "index"


def test_it_sees_a_full_scan(many_users):
    assert verdict_on(User.objects.filter(name="U 1").order_by()) == "FULL SCAN"
    assert verdict_on(Category.objects.filter(name__gt="A").order_by("slug")) != "FULL SCAN", "few rows may be read"


def test_it_sees_a_sort(make_course):
    courses = Course.objects.filter(status="published").order_by("promise")[:5]
    plan = plan_of(courses)
    plan.scanned = []
    plan.indexes = plan.indexes or ["course_newest"]
    assert plan.is_sorted_in_memory
    assert verdict(Listing("courses", lambda: courses), plan) == "SORTS ALL"
    assert verdict(Listing("courses", lambda: courses, "a few"), plan) == "index; sorts a few"


def test_the_command_fails_where_no_index_serves(many_users, monkeypatch):
    bad = [Listing("people by name", lambda: User.objects.filter(name="U 1").order_by())]
    monkeypatch.setattr("payments.management.commands.explain_queries.listings", lambda: bad)
    with pytest.raises(CommandError, match="No index serves 1 of 1 listings: people by name"):
        call_command("explain_queries", stdout=io.StringIO())


def test_the_command_says_what_is_unknown(many_users, monkeypatch):
    monkeypatch.setattr("payments.management.commands.explain_queries.plan_of", lambda rows: Plan())
    out = io.StringIO()
    call_command("explain_queries", stdout=out)
    assert "does not say how it finds: home" in out.getvalue()
    with pytest.raises(CommandError, match="No index serves"):
        call_command("explain_queries", "--strict", stdout=out)


def test_sqlites_words():
    text = """3 0 62 SEARCH courses_course USING INDEX course_newest (status=?)
7 0 0 SCAN T3
9 0 0 SEARCH "t" USING AUTOMATIC COVERING INDEX (a=?)
12 0 0 USE TEMP B-TREE FOR LAST TERM OF ORDER BY"""
    assert plan_in_sqlite_words(text) == Plan(["course_newest"], ["T3", "t"], is_sorted_in_memory=True)


def told(stage, **more):
    return {"queryPlanner": {"winningPlan": {"stage": "FETCH", "inputStage": {"stage": stage, **more}}}}


def test_documentdbs_words():
    pipeline = [{"$match": {"a": 1}}, {"$sort": {"b": 1}}, {"$limit": 2}]
    answer = told("IXSCAN", indexName="ab") | {"executionStats": {"totalDocsExamined": 3, "nReturned": 2}}
    plan = plan_in_documentdb_words("t", pipeline, answer, lambda head: told("SORT"))
    assert plan == Plan(["ab"], is_sorted_in_memory=True, examined=3, returned=2)
    assert not plan_in_documentdb_words("t", pipeline, answer, lambda head: answer).is_sorted_in_memory
    assert plan_in_documentdb_words("t", pipeline, told("COLLSCAN"), lambda head: answer).scanned == ["t"]
    assert not plan_in_documentdb_words("t", [], told("SOMETHING_NEW"), None).is_known


JOIN = {"$lookup": {"from": "t", "localField": "a", "foreignField": "_id", "as": "x"}}
INDEXES = {
    "_id_": {"key": [("_id", 1)]},
    "part": {"key": [("b", 1)], "partialFilterExpression": {"b": {"$gte": ""}}},
    "ab": {"key": [("a", 1), ("b", -1), ("_id", -1)]},
}


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ([{"$match": {"a": 1}}, {"$sort": {"b": -1, "_id": -1}}], ("ab", "ab")),
        ([{"$match": {"$and": [{"a": {"$eq": 1}}]}}, {"$sort": {"b": 1, "_id": 1}}], ("ab", "ab")),
        ([{"$match": {"a": 1}}, {"$sort": {"b": 1, "_id": -1}}], ("ab", "")),
        ([{"$match": {"a": 1}}, {"$sort": {"c": 1}}], ("ab", "")),
        ([{"$match": {"a": 1}}, JOIN, {"$sort": {"b": -1}}], ("ab", "")),
        ([{"$match": {"a": {"$gt": 1}}}], ("ab", "ab")),
        ([{"$match": {"b": 1}}], ("", "")),
        ([{"$match": {"$or": [{"a": 1}, {"b": 1}]}}], ("", "")),
        ([{"$sort": {"_id": -1}}, {"$limit": 3}], ("_id_", "_id_")),
    ],
)
def test_which_index_fits(pipeline, expected):
    assert fitting_indexes(pipeline, INDEXES) == expected
