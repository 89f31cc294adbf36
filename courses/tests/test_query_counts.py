"""A page makes the same few queries on 10 rows and on 1,000."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.models import Course, Lecture, Progress, Saved, SearchToken, Section

pytestmark = pytest.mark.slow  # A thousand rows each.


@pytest.fixture
def grow(course, ida, alice):
    """More courses, and more lectures in the course, up to `rows` of each."""

    def to(rows: int) -> None:
        now = course.published_at
        fields = {"category": course.category, "instructor": ida, "price_paise": 100, "status": "published"}
        held = Course.objects.count()
        new = [Course(title=f"Knots {n:04}", slug=f"knots-{n}", published_at=now, **fields) for n in range(held, rows)]
        Course.objects.bulk_create(new)
        SearchToken.objects.bulk_create([SearchToken(course=each, word="knots") for each in new])
        section = Section.objects.filter(course=course).first()
        lectures = [
            Lecture(course=course, section=section, title=f"L {n}", duration_seconds=9, video_key="x")
            for n in range(course.lectures.count(), rows)
        ]
        Lecture.objects.bulk_create(lectures)
        Progress.objects.bulk_create([Progress(user=alice, lecture=each, course=course) for each in lectures])
        Saved.objects.bulk_create([Saved(user=alice, course=each) for each in new])

    return to


PAGES = {
    "/courses": 7,
    "/courses?q=knots&category=sailing&sort=title": 6,
    "/": 7,
    "/courses/knots-for-sailors": 9,
    "/my/courses": 8,
    "/my/saved": 6,
}


@pytest.mark.parametrize(("url", "most"), PAGES.items())
def test_pages_of_a_student(client_of, alice, course, grant, grow, url, most):
    grant(alice, course)
    client = client_of(alice)
    assert counts(client, url, grow) <= most


def test_the_lecture_page(client_of, alice, course, lectures, grant, grow):
    grant(alice, course)
    assert counts(client_of(alice), lectures[1].get_absolute_url(), grow) <= 8


def counts(client, url: str, grow) -> int:
    """The number of queries, which must be the same on 10 and on 1,000 rows."""
    numbers = []
    for rows in (10, 1000):
        grow(rows)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(url).status_code == 200
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
    return numbers[0]
