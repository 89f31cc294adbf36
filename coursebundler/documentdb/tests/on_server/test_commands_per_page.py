"""How many commands a page takes: few, and as many with 150 courses, orders and grants as with one."""

import pytest

from courses.models import Course, Grant, Lecture, Progress, Saved, SearchToken
from payments.models import Order
from tests.environment import command_log

pytestmark = pytest.mark.django_db

MOST = 8
MANY = 150


def commands(client, url) -> int:
    client.get(url)  # what is made once, is made now
    before = command_log.count
    assert client.get(url).status_code == 200
    return command_log.count - before


@pytest.fixture
def pages(client, client_of, alice, course, lectures, grant):
    grant(alice, course)
    Saved.objects.create(user=alice, course=course)
    Order.objects.create(user=alice, product_key="course:one", amount_paise=1)
    student = client_of(alice)
    return {
        "home, visitor": (client, "/"),
        "home": (student, "/"),
        "catalogue, visitor": (client, "/courses"),
        "catalogue": (student, "/courses"),
        "catalogue, one category": (student, "/courses?category=sailing&sort=price"),
        "search": (student, "/courses?q=knots"),
        "course, visitor": (client, course.get_absolute_url()),
        "course": (student, course.get_absolute_url()),
        "lecture, visitor": (client, lectures[0].get_absolute_url()),
        "lecture": (student, lectures[0].get_absolute_url()),
        "my courses": (student, "/my/courses"),
        "saved courses": (student, "/my/saved"),
        "orders": (student, "/orders"),
        "API": (client, "/api/v1/courses"),
    }


def grow(course, user) -> None:
    """Many of everything that these pages list."""
    copied = ["promise", "description", "category", "instructor", "price_paise", "status", "published_at"]
    fields = {name: getattr(course, name) for name in copied}
    courses = Course.objects.bulk_create([Course(title=f"Copy {n}", slug=f"copy-{n}", **fields) for n in range(MANY)])
    SearchToken.objects.bulk_create([SearchToken(course=each, word="knots") for each in courses])
    section = course.sections.first()
    lectures = [Lecture(course=course, section=section, title=f"L {n}", video_key="x") for n in range(MANY)]
    Lecture.objects.bulk_create(lectures)
    Grant.objects.bulk_create([Grant(user=user, course=each, source_id=each.pk) for each in courses])
    Saved.objects.bulk_create([Saved(user=user, course=each) for each in courses])
    Progress.objects.bulk_create([Progress(user=user, course=course, lecture=each) for each in lectures])
    Order.objects.bulk_create([Order(user=user, product_key=f"course:{n}", amount_paise=1) for n in range(MANY)])


def test_pages_take_few_commands_however_many_rows_there_are(pages, course, alice):
    with_few = {name: commands(*page) for name, page in pages.items()}
    grow(course, alice)
    assert {name: commands(*page) for name, page in pages.items()} == with_few
    assert not {name: count for name, count in with_few.items() if count > MOST}
