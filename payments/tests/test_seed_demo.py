from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from coursebundler.images import POSTER_WIDTHS
from courses.access import explain_access
from courses.models import CatalogueRevision, Category, Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from payments.demo import assets
from payments.demo.people import INSTRUCTOR, PASSWORD, STAFF, STUDENT, STUDENTS, TEACHERS
from payments.demo.texts import COURSES
from payments.invoices import check_numbers
from payments.models import (
    Bundle,
    BundleEdition,
    Coupon,
    Earning,
    EditionCourse,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    Plan,
    Subscription,
    TaxDocument,
)
from users.models import User

TABLES: list[type[Model]] = [
    User, EmailAddress, Category, Course, Section, Lecture, SearchToken, Grant, Progress, Saved,
    Order, OrderLine, Payment, Plan, Subscription, Bundle, BundleEdition, EditionCourse, Coupon,
    TaxDocument, Earning,
]  # fmt: skip


def seed(**options) -> str:
    out = StringIO()
    with override_settings(DEBUG=True):
        call_command("seed_demo", stdout=out, stderr=out, **options)
    return out.getvalue()


def counts() -> dict[str, int]:
    return {table.__name__: table.objects.count() for table in TABLES}


def stored_files() -> set[str]:
    found, folders = set(), ["public/posters", "public/photos", "private/demo"]
    for folder in folders:
        found |= {f"{folder}/{name}" for name in storages["private"].listdir(folder)[1]}
    return found


@pytest.fixture(scope="module", autouse=True)
def _school(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Seeded once; each test's own changes are rolled back to it."""
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if connection.vendor == "mongodb":  # No roll-back there: `_school_again` seeds for each test.
        yield
        return
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(PASSWORD_HASHERS=hashers):
        seed()
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _school_again(db: None, _fast_and_fresh: None) -> None:
    if connection.vendor == "mongodb":
        seed()


pytestmark = [pytest.mark.django_db, pytest.mark.slow]  # Seeding takes seconds.


def forget_orders_of(user: User) -> None:
    """Past the guards that keep such rows for ever."""
    for table in (Earning, TaxDocument, OrderEvent, Payment):
        order = "document__order" if table is Earning else "order"
        rows = table.objects.filter(**{f"{order}__user": user}).values_list("pk", flat=True)
        QuerySet(table).filter(pk__in=list(rows))._raw_delete("default")
    OrderLine.objects.filter(order__user=user).delete()
    Order.objects.filter(user=user).delete()


def test_it_makes_the_school() -> None:
    assert Category.objects.count() == 6
    assert Course.objects.published().count() == 12
    assert Course.objects.filter(status="draft").count() == 2
    assert Course.objects.filter(status="archived").count() == 1
    assert set(Order.objects.values_list("status", flat=True)) == {"created", "paid", "cancelled"}
    assert set(Payment.objects.values_list("entry", flat=True)) == {"captured", "failed"}
    assert User.objects.count() == len(TEACHERS) + len(STUDENTS) + 1


def test_it_has_the_invoices_of_its_past() -> None:
    paid = Order.objects.paid().filter(amount_paise__gt=0)
    invoices = TaxDocument.objects.order_by("sequence")
    assert {invoice.order_id for invoice in invoices} == set(paid.values_list("pk", flat=True))
    assert [invoice.issued_at for invoice in invoices] == sorted(paid.values_list("paid_at", flat=True))
    assert check_numbers() == {}
    assert Earning.objects.filter(instructor__email=INSTRUCTOR).exists()


def test_it_has_bundles_a_coupon_and_a_sale(client: Client) -> None:
    assert [bundle.current_edition.additions_included for bundle in Bundle.objects.order_by("slug")] == [True, False]
    text = client.get("/bundles").text
    for shown in ("From numbers to decisions", "Additions included", "Thinking before typing", "₹2,999"):
        assert shown in text
    assert "Sale until" in client.get("/courses/language-models-at-work").text
    assert Coupon.objects.get().code == "WELCOME10"


def test_it_has_plans_and_a_subscriber(client: Client) -> None:
    assert Plan.objects.count() == 2
    subscription = Subscription.objects.get()
    assert subscription.state == "active"
    assert subscription.is_paid_now
    assert explain_access(subscription.user, Course.objects.published()[0]).is_allowed
    assert "Saves" in client.get("/subscribe").text


def test_it_changes_nothing_the_second_time() -> None:
    before, files, revision = counts(), stored_files(), CatalogueRevision.current()
    assert "nothing was changed" in seed()
    assert counts() == before
    assert stored_files() == files
    assert CatalogueRevision.current() == revision


def test_the_second_time_costs_next_to_nothing(django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(8):
        seed()


def test_it_keeps_what_people_changed() -> None:
    course = Course.objects.get(slug="big-o-without-tears")
    course.title, course.price_paise = "Our own title", 100
    course.save(update_fields=["title", "price_paise"])
    Lecture.objects.filter(course__slug="typescript-by-small-steps").first().delete()
    asha = User.objects.get(email=STUDENT)
    asha.set_password("something else")
    asha.name = "Asha V."
    asha.save(update_fields=["password", "name"])
    asha.saved_courses.all().delete()
    Order.objects.filter(user=asha, status="created").update(status="cancelled")
    before = counts()
    seed()
    course.refresh_from_db()
    asha.refresh_from_db()
    assert (course.title, course.price_paise) == ("Our own title", 100)
    assert (asha.name, asha.check_password("something else")) == ("Asha V.", True)
    assert counts() == before


def test_it_brings_back_what_is_missing() -> None:
    draft = Course.objects.get(slug="statistics-for-decisions")
    Grant.objects.filter(course=draft).delete()
    draft.delete()
    student = User.objects.get(email=STUDENTS[1].email)
    forget_orders_of(student)
    student.delete()
    seed()
    assert Course.objects.get(slug="statistics-for-decisions").lectures.count() == 4
    assert Grant.objects.filter(user__email=STUDENTS[1].email).exists()


def test_it_finishes_what_was_interrupted() -> None:
    """A run that died after the people were there, but before they had done anything."""
    asha = User.objects.get(email=STUDENT)
    before = counts()
    forget_orders_of(asha)
    for rows in (asha.grants, asha.progress, asha.saved_courses):
        rows.all().delete()
    assert counts() != before
    seed()
    assert counts() == before


def test_it_refuses_in_production(settings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="password is printed in its source"):
        call_command("seed_demo")


def test_it_runs_in_production_by_force(settings) -> None:
    settings.DEBUG = False
    out = StringIO()
    call_command("seed_demo", force=True, stdout=out)
    assert "complete" in out.getvalue()


@pytest.mark.parametrize("scale", [-1, 1001])
def test_it_refuses_a_scale_that_is_out_of_range(scale) -> None:
    with pytest.raises(CommandError, match="from 1 to 1000"):
        seed(scale=scale)


@pytest.mark.parametrize("email", [STUDENT, INSTRUCTOR, STAFF])
def test_its_people_can_log_in(email) -> None:
    client = Client()
    client.post(reverse("account_login"), {"login": email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(User.objects.get(email=email).pk)


def test_its_instructor_is_one() -> None:
    instructor = User.objects.get(email=INSTRUCTOR)
    assert instructor.is_staff
    assert not instructor.is_superuser
    assert instructor.has_perm("courses.add_course")
    assert all(explain_access(instructor, course).is_allowed for course in instructor.courses_taught.all())


def test_every_file_is_in_the_storage() -> None:
    private = storages["private"]
    for lecture in Lecture.objects.all():
        keys = [key for key in (lecture.video_key, lecture.captions_key, lecture.file_key) if key]
        assert len(keys) == {"video": 2, "file": 1, "text": 0}[lecture.kind]
        assert all(private.exists(key) for key in keys)
        assert bool(lecture.duration_seconds) == (lecture.kind == "video")
    for key in Course.objects.values_list("poster_key", flat=True):
        assert all(storages["public"].exists(f"{key}-{width}.webp") for width in POSTER_WIDTHS)
    assert all(user.photo_key for user in User.objects.filter(email__in=[person.email for person in TEACHERS]))


def test_the_student_has_something_to_show() -> None:
    asha = User.objects.get(email=STUDENT)
    shares = {
        grant.course.slug: (asha.progress.done().filter(course=grant.course).count(), grant.course.lecture_count)
        for grant in asha.grants.select_related("course")
    }
    assert any(done == total for done, total in shares.values()), "a finished course"
    assert sum(0 < done < total for done, total in shares.values()) == 2, "courses in progress"
    assert asha.progress.filter(done_at=None, position_seconds__gt=0).exists(), "somewhere to resume"
    assert asha.saved_courses.count() == 2
    assert {order.state for order in asha.orders.all()} == {"paid", "unpaid", "failed", "cancelled"}


def assert_invariants() -> None:
    """What must hold for every school, written or generated."""
    now = timezone.now()
    grants = set(Grant.objects.values_list("user_id", "course_id", "source_kind", "source_id"))
    for order in Order.objects.prefetch_related("lines", "payments"):
        lines = list(order.lines.all())
        assert order.amount_paise == sum(line.amount_paise for line in lines)
        kind = "subscription" if order.subscription_id else "order_line"
        granted = {(order.user_id, line.course_id, kind, line.pk) for line in lines}
        assert granted & grants == (granted if order.is_paid else set())
        captured = [row.amount_paise for row in order.payments.all() if row.entry == "captured"]
        assert captured == ([order.amount_paise] if order.is_paid else [])
        assert order.created_at <= (order.paid_at or order.created_at) <= now
        assert bool(order.gateway_order_id) == order.is_paid, "the sandbox would be asked for an order it never saw"
    holders = {(user, course) for user, course, *_ in grants}
    for progress in Progress.objects.select_related("lecture"):
        assert progress.watched_seconds <= progress.lecture.duration_seconds
        assert progress.position_seconds <= progress.lecture.duration_seconds
        assert progress.updated_at <= now
        assert (progress.user_id, progress.course_id) in holders
    words, seconds = {}, {}
    for course_id, word in SearchToken.objects.values_list("course_id", "word"):
        words.setdefault(course_id, set()).add(word)
    for course_id, length in Lecture.objects.values_list("course_id", "duration_seconds"):
        seconds.setdefault(course_id, []).append(length)
    for course in Course.objects.select_related("category", "instructor"):
        assert words[course.pk] == SearchToken.words_of(course)
        assert (course.lecture_count, course.duration_seconds) == (len(seconds[course.pk]), sum(seconds[course.pk]))
        assert (course.instructor_id, course.pk, "teaching", course.pk) in grants
    assert all(lecture.section.course_id == lecture.course_id for lecture in Lecture.objects.select_related("section"))


def test_the_invariants_hold() -> None:
    assert_invariants()


@pytest.mark.parametrize("scale", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_scale_makes_exactly_that_many(scale) -> None:
    before = counts()
    seed(scale=scale)
    after = counts()
    assert after["Course"] - before["Course"] == scale
    assert after["User"] - before["User"] == after["EmailAddress"] - before["EmailAddress"] == 10 * scale
    assert after["Category"] == before["Category"]
    assert all(after[name] > before[name] for name in ("Section", "Lecture", "Grant", "Progress", "Order", "Payment"))
    assert_invariants()


def test_scale_adds_what_is_missing_and_no_more() -> None:
    seed(scale=2)
    course = Course.objects.get(slug="generated-course-0002")
    course.title = "Changed"
    course.save(update_fields=["title"])
    few = counts()
    revision = CatalogueRevision.current()
    assert "nothing" in seed(scale=2)
    assert counts() == few
    seed(scale=3)
    more = counts()
    assert (more["Course"] - few["Course"], more["User"] - few["User"]) == (1, 10)
    assert Course.objects.get(pk=course.pk).title == "Changed"
    assert CatalogueRevision.current() == revision + 1


def test_scale_shows_how_far_it_is() -> None:
    lines = seed(scale=1).splitlines()
    assert any(line.startswith("Courses") and "100 %" in line for line in lines)
    assert any(line.startswith("Students") and "10 of 10" in line for line in lines)
    assert not any("\r" in line for line in lines)


def test_every_asset_is_used_and_small() -> None:
    used = {
        name
        for text in COURSES
        for section in text.sections
        for lecture in section.lectures
        for name in (lecture.video, lecture.file)
        if name
    }
    stored = {
        path.stem if path.suffix == ".mp4" else path.name
        for path in assets.FOLDER.glob("*/*")
        if path.suffix != ".webp"
    }
    assert used == {name for name in stored if not name.endswith(".vtt")}
    assert set(assets.video_seconds()) <= used
    sizes = {path: path.stat().st_size for path in assets.FOLDER.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 6 * 1024 * 1024
    assert max(size for path, size in sizes.items() if path.suffix == ".mp4") <= 350 * 1024
    assert max(size for path, size in sizes.items() if path.suffix == ".webp") <= 60 * 1024


@pytest.mark.slow
def test_captions_end_with_their_video() -> None:
    for name, seconds in assets.video_seconds().items():
        ends = [
            line.split(" --> ")[1]
            for line in (assets.FOLDER / f"videos/{name}.vtt").read_text().splitlines()
            if "-->" in line
        ]
        minutes, rest = ends[-1].split(":")
        assert (
            timedelta(seconds=seconds - 1)
            < timedelta(minutes=int(minutes), seconds=float(rest))
            < timedelta(seconds=seconds)
        )
