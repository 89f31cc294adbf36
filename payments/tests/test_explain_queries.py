"""Every listing is served by an index where there are many rows."""

import io
import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import timezone

from coursebundler.plans import Plan, fitting_indexes, plan_in_documentdb_words, plan_in_sqlite_words, plan_of
from courses.models import Category, Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from payments.listings import Listing, listings
from payments.management.commands.explain_queries import verdict
from payments.models import Order, OrderLine, Payment, Subscription, WebhookEvent
from payments.models import Plan as SoldPlan
from users.models import User

ROWS = 10_000
AT_ONCE = 200
MODELS = [
    *(User, EmailAddress, Session, LogEntry, Course, Section, Lecture, SearchToken, Grant, Saved, Progress),
    *(Order, OrderLine, Subscription, WebhookEvent, Payment),
]


def explain() -> dict[str, str]:
    """{listing: verdict}."""
    out = io.StringIO()
    call_command("explain_queries", stdout=out)
    rows = [re.split(r"  +", line) for line in out.getvalue().splitlines()]
    return {row[0]: row[1] for row in rows[1:] if len(row) > 3}


@pytest.fixture
def many_rows(db):
    """So many of everything that a school has most of; one student has a thousandth of it."""
    users = store(User(email=f"u{n}@example.org", name=f"U {n}") for n in range(ROWS))
    store(EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users)
    now = timezone.now()
    store(Session(session_key=f"s{n}", session_data="", expire_date=now + timedelta(minutes=n)) for n in range(ROWS))
    store(LogEntry(user=users[n % 10], action_flag=1, object_repr=f"R {n}") for n in range(ROWS))
    categories = Category.objects.bulk_create([Category(name=f"C{n}", slug=f"c{n}") for n in range(10)])
    fields = {"promise": "Learn it.", "description": "From the beginning to the end.", "status": "published"}
    courses = store(
        Course(
            title=f"Course {n}",
            slug=f"course-{n}",
            category=categories[n % 10],
            instructor=users[n % 1000],
            price_paise=n % 50 * 100,
            published_at=now,
            **fields,
        )
        for n in range(ROWS)
    )
    sections = store(Section(course=courses[n % 1000], title="One") for n in range(ROWS))
    lectures = store(Lecture(section=each, course=each.course, title="L") for each in sections)
    store(SearchToken(course=courses[n], word=f"w{n:05}") for n in range(ROWS))
    pairs = [(users[n % 1000], courses[(n * 7 + n // 1000) % ROWS]) for n in range(ROWS)]
    store(Grant(user=user, course=course, source_id=course.pk) for user, course in pairs)
    store(Saved(user=user, course=course) for user, course in pairs)
    store(Progress(user=users[n % 1000], lecture=lectures[n], course=lectures[n].course) for n in range(ROWS))
    orders = store(Order(user=users[n % 1000], product_key=f"course:{n}", amount_paise=100) for n in range(ROWS))
    store(OrderLine(order=orders[n], course=courses[n], title="T", amount_paise=100) for n in range(ROWS))
    plan = SoldPlan.objects.create(name="Everything", slug="everything", price_paise=100)
    statuses = Subscription.Status.values
    store(
        Subscription(user=users[n % 1000], plan=plan, price_paise=100, status=statuses[n % len(statuses)])
        for n in range(ROWS)
    )
    store(WebhookEvent(event_id=f"e{n}", kind="payment.captured", outcome="paid") for n in range(ROWS))
    store(
        Payment(order=orders[n], entry="failed", gateway_payment_id=f"p{n}", amount_paise=100, currency="INR")
        for n in range(ROWS)
    )
    yield
    if connection.vendor == "mongodb":
        make_tables_anew()


def store(rows):
    """Past the managers of the catalogue, which would count each call as a change of it."""
    rows = list(rows)
    return models.QuerySet(type(rows[0])).bulk_create(rows, AT_ONCE)


def make_tables_anew():
    """The test server takes a minute and more to delete so many rows one by one."""
    before = [connection.get_collection(model._meta.db_table).index_information() for model in MODELS]
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.delete_model(model)
            editor.create_model(model)
    assert before == [connection.get_collection(model._meta.db_table).index_information() for model in MODELS]


# {listing: its index} where the test server for DocumentDB reads all rows, or sorts them: docs/database.md says why.
LEFT_ASIDE = {
    "home": "course_newest",
    "catalogue, one category, newest": "course_category_newest",
    "catalogue, title": "course_title",
    "catalogue, -price": "course_price",
    "two words searched": "search_token_once_per_course",
    "may they watch it": "courses_grant_user_id_f8869fc8",
    "a student's orders": "order_user_newest",
    "a session": "django_session_session_key_c0390e0f_uniq",
    "a key of the cache": "_id_",
    "admin, orders": "_id_",
}


def is_filled(listing: Listing) -> bool:
    return getattr(listing.rows(), "model", None) in MODELS


@pytest.mark.slow
def test_indexes_serve_many_rows(many_rows):
    found, filled = explain(), {listing.name for listing in listings() if is_filled(listing)}
    assert list(found) == [listing.name for listing in listings()]
    verdicts = {name: re.split("[;:]", verdict)[0] for name, verdict in found.items() if name in filled}
    assert set(verdicts.values()) <= {"index", "unused", "reads all"}
    read_whole = {name for name, verdict in verdicts.items() if verdict == "reads all"}
    assert read_whole <= {"administrators", *(name for name in found if name.endswith(" searched"))}
    if connection.vendor == "mongodb":
        assert {name: found[name].removeprefix("unused: ") for name in LEFT_ASIDE} == LEFT_ASIDE
    else:
        assert "unused" not in verdicts.values()


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
        ([{"$match": {"$or": [{"a": 1}, {"a": {"$gt": 5}}]}}], ("ab", "ab")),
        ([{"$match": {"$and": [{"$or": [{"a": 1}, {"a": 2, "b": 3}]}]}}, {"$sort": {"b": -1}}], ("ab", "")),
        ([{"$match": {"a": {"$gt": 1}, "_id": 5}}], ("_id_", "_id_")),
        ([{"$match": {"_id": {"$gt": 1}, "a": 5}}], ("ab", "ab")),
        ([{"$sort": {"_id": -1}}, {"$limit": 3}], ("_id_", "_id_")),
    ],
)
def test_which_index_fits(pipeline, expected):
    assert fitting_indexes(pipeline, INDEXES) == expected
