"""Which rows may come from a secondary: what the commands say about it as they go over the wire."""

import pytest
from django.db import connection
from django.test import Client
from pymongo import monitoring

from coursebundler.db import allow_lag, atomic
from courses.models import Course

pytestmark = pytest.mark.django_db(transaction=True)


class Reads(monitoring.CommandListener):
    """(collection, read preference) of each read, in order; without one it is the primary's."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def started(self, event) -> None:
        if event.command_name in ("aggregate", "find"):
            preference = event.command.get("$readPreference", {"mode": "primary"})["mode"]
            self.seen.append((event.command[event.command_name], preference))

    def succeeded(self, event) -> None:
        pass

    failed = succeeded

    def during(self, action) -> set[tuple[str, str]]:
        self.seen.clear()
        action()
        return set(self.seen)


@pytest.fixture
def reads(monkeypatch):
    """With the setting on."""
    listener = Reads()
    connection.close_pool()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "listings_from_secondaries", True)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "event_listeners", [listener])
    yield listener
    connection.close_pool()


@pytest.fixture
def student(client_of, alice):
    return client_of(alice)


@pytest.mark.parametrize("path", ["/courses", "/courses?sort=price", "/courses?category=sailing", "/"])
def test_the_catalogue_may_lag_for_those_who_are_logged_in(reads, student, course, path):
    seen = reads.during(lambda: student.get(path))
    assert ("courses_course", "secondaryPreferred") in seen
    assert {name for name, mode in seen if mode != "primary"} == {"courses_course"}, "sessions and users are fresh"


def test_the_catalogue_of_the_api_may_lag(reads, client, course):
    seen = reads.during(lambda: client.get("/api/v1/courses?keyword=knots"))
    assert ("courses_course", "secondaryPreferred") in seen
    assert ("courses_course", "primary") not in seen


def test_a_page_that_is_kept_for_others_is_fresh(reads, course):
    """It is kept by the catalogue's revision: a row that is older than the revision would stay for minutes."""
    for path in ("/", "/courses"):
        assert {mode for _, mode in reads.during(lambda path=path: Client().get(path))} == {"primary"}


def test_everything_else_is_fresh(reads, student, course, lectures, alice, grant):
    grant(alice, course)
    paths = ["/my/courses", "/my/saved", "/orders", course.get_absolute_url(), lectures[0].get_absolute_url()]
    paths += [f"/checkout/courses/{course.slug}", "/profile", "/health/ready"]
    for path in paths:
        seen = reads.during(lambda path=path: student.get(path))
        assert {mode for _, mode in seen} == {"primary"}, path


def test_the_admin_is_fresh(reads, client_of, stella, course):
    seen = reads.during(lambda: client_of(stella).get("/admin/courses/course/"))
    assert ("courses_course", "primary") in seen
    assert {mode for _, mode in seen} == {"primary"}


def test_a_transaction_reads_from_the_primary(reads, course):
    def read() -> None:
        with atomic():
            assert list(allow_lag(Course.objects.published())) == [course]

    assert reads.during(read) == {("courses_course", "primary")}


def test_it_stays_with_the_rows_through_filters_and_slices(reads, course):
    rows = allow_lag(Course.objects.all()).filter(status="published").order_by("title")
    assert reads.during(lambda: list(rows[:3])) == {("courses_course", "secondaryPreferred")}
    assert reads.during(lambda: list(Course.objects.all())) == {("courses_course", "primary")}


def test_without_the_setting_nothing_lags(reads, monkeypatch, student, course):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "listings_from_secondaries", False)
    assert {mode for _, mode in reads.during(lambda: student.get("/courses"))} == {"primary"}
