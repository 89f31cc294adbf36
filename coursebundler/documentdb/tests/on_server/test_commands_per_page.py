"""How many commands a page takes: few, and as many with sixty courses as with six."""

import pytest

from courses.models import Course
from tests.environment import command_log

pytestmark = pytest.mark.django_db

MOST = 8


def commands(client, url) -> int:
    client.get(url)  # what is made once, is made now
    before = command_log.count
    assert client.get(url).status_code == 200
    return command_log.count - before


@pytest.fixture
def pages(client, client_of, alice, course, lectures, grant):
    grant(alice, course)
    student = client_of(alice)
    return {
        "catalogue, visitor": (client, "/courses"),
        "catalogue": (student, "/courses"),
        "course": (student, course.get_absolute_url()),
        "lecture": (student, lectures[0].get_absolute_url()),
        "my courses": (student, "/my/courses"),
        "orders": (student, "/orders"),
    }


def test_pages_take_few_commands_however_many_courses_there_are(pages, course):
    with_few = {name: commands(*page) for name, page in pages.items()}
    copies = [
        Course(title=f"Copy {n}", slug=f"copy-{n}", **{name: getattr(course, name) for name in SAME}) for n in range(60)
    ]
    Course.objects.bulk_create(copies)
    with_many = {name: commands(*page) for name, page in pages.items()}
    assert with_many == with_few
    assert max(with_few.values()) <= MOST, with_few


SAME = ["promise", "description", "category", "instructor", "price_paise", "status", "published_at"]
