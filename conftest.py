"""The shared cast: Alice and Bob study, Charlie must not get in, Ida teaches, Stella is staff."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from courses.models import Category, Course, Grant, Lecture, Section
from tests.documentdb_commands import empty_only_what_was_written
from tests.environment import (
    TEST_DATABASE,
    command_log,
    pytest_make_collect_report,
    pytest_runtest_makereport,
    server,
)
from users.models import User

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]  # hooks: in CI a skipped test fails

PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests about SQLite itself have nothing to say on another database."""
    if TEST_DATABASE != "sqlite":
        about_sqlite = [item for item in items if item.get_closest_marker("sqlite")]
        config.hook.pytest_deselected(items=about_sqlite)
        items[:] = [item for item in items if item not in about_sqlite]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if folder := os.environ.get("DOCUMENTDB_REPORT"):
        command_log.write(Path(folder))


@pytest.fixture(scope="session", autouse=True)
def _the_database_that_was_asked_for() -> None:
    """A suite that ran on another engine than it was told to would prove nothing."""
    used = f"documentdb-{connection.level}" if connection.vendor == "mongodb" else connection.vendor
    assert "://" in TEST_DATABASE or used == TEST_DATABASE
    if server:
        server.start()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    if TEST_DATABASE.startswith("documentdb-"):
        empty_only_what_was_written(command_log)


@pytest.fixture(autouse=True)
def _only_what_documentdb_has() -> Iterator[None]:
    """No command left for the server that AWS does not list; the log saw them all."""
    yield
    refused, command_log.refused = command_log.refused, []
    assert not refused


@pytest.fixture(autouse=True)
def _fast_and_fresh(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for alias in caches:
        caches[alias].clear()


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    """A person with a verified e-mail address, who can log in with PASSWORD."""

    def make(name: str, **fields) -> User:
        user = User.objects.create_user(f"{name.lower()}@example.org", PASSWORD, name=name, **fields)
        user.emailaddress_set.create(email=user.email, verified=True, primary=True)
        return user

    return make


@pytest.fixture
def alice(make_user) -> User:
    return make_user("Alice")


@pytest.fixture
def bob(make_user) -> User:
    return make_user("Bob")


@pytest.fixture
def charlie(make_user) -> User:
    return make_user("Charlie")


@pytest.fixture
def ida(make_user) -> User:
    return make_user("Ida", headline="Teaches knots")


@pytest.fixture
def stella(make_user) -> User:
    return make_user("Stella", is_staff=True, is_superuser=True)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """A browser in which the given user is logged in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return make


@pytest.fixture
def make_course(ida) -> Callable[..., Course]:
    """A published course with two sections of two video lectures of 100 s each; the first is a preview."""

    def make(title: str = "Knots for sailors", *, sections: int = 2, lectures: int = 2, **fields) -> Course:
        category, _ = Category.objects.get_or_create(name="Sailing", slug="sailing")
        defaults = {
            "slug": title.lower().replace(" ", "-"),
            "promise": "Tie every knot that holds a boat.",
            "description": "From the bowline to the sheet bend, step by step.",
            "category": category,
            "instructor": ida,
            "price_paise": 49900,
            "status": Course.Status.PUBLISHED,
        }
        course = Course.objects.create(title=title, **defaults | fields)
        parts = Section.objects.bulk_create(
            Section(course=course, title=f"Section {s + 1}", position=s) for s in range(sections)
        )
        # In bulk, for the speed of the suite: nearly every test makes a course.
        Lecture.objects.bulk_create(
            Lecture(
                course=course,
                section=section,
                title=f"Lecture {s + 1}.{n + 1}",
                position=n,
                video_key=f"private/videos/{s}{n}.mp4",
                duration_seconds=100,
                is_preview=s == n == 0,
            )
            for s, section in enumerate(parts)
            for n in range(lectures)
        )
        course.recount()
        course.refresh_from_db()
        return course

    return make


@pytest.fixture
def course(make_course) -> Course:
    return make_course()


@pytest.fixture
def lectures(course) -> list[Lecture]:
    return list(course.lectures.in_course_order())


@pytest.fixture
def grant() -> Callable[..., Grant]:
    """Let a user into a course, or into everything."""

    def give(user: User, course: Course | None) -> Grant:
        return Grant.objects.give(user, course, Grant.Source.STAFF, user.pk)

    return give
