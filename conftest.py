"""The shared cast: Alice and Bob study, Charlie must not get in, Ida teaches, Stella is staff."""

from collections.abc import Callable

import pytest
from django.core.cache import caches
from django.test import Client

from courses.models import Category, Course, Grant, Lecture, Section
from tests.environment import pytest_make_collect_report, pytest_runtest_makereport
from users.models import User

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]  # hooks: in CI a skipped test fails

PASSWORD = "correct horse battery"


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
        for s in range(sections):
            section = Section.objects.create(course=course, title=f"Section {s + 1}", position=s)
            for n in range(lectures):
                Lecture.objects.create(
                    section=section,
                    title=f"Lecture {s + 1}.{n + 1}",
                    position=n,
                    video_key=f"private/videos/{s}{n}.mp4",
                    duration_seconds=100,
                    is_preview=s == n == 0,
                )
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
