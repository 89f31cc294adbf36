"""Run by bench/documentdb.py in the site's environment: `python -m bench.grow 10000` for so many published courses.

Those that it adds are for lists: they are found by one word and have no lectures.
"""

import sys
from typing import Any

import django

django.setup()

from django.db.models import QuerySet  # noqa: E402  models need the settings
from django.utils import timezone  # noqa: E402

from courses.models import CatalogueRevision, Category, Course, SearchToken  # noqa: E402
from users.models import User  # noqa: E402

MOST = 10_000
AT_ONCE = 1000


def add(numbers: range) -> None:
    """Past the managers of the catalogue, which would count each call as a change of it."""
    categories, teacher = list(Category.objects.order_by("slug")), User.objects.get(email="instructor@example.org")
    shared: dict[str, Any] = {"instructor": teacher, "price_paise": 49900, "status": Course.Status.PUBLISHED}
    courses = [
        Course(
            title=f"Measured course {number}",
            slug=f"measured-{number}",
            promise="Be one of many.",
            category=categories[number % len(categories)],
            published_at=timezone.now(),
            **shared,
        )
        for number in numbers
    ]
    QuerySet[Any](Course).bulk_create(courses)
    QuerySet[Any](SearchToken).bulk_create([SearchToken(course=course, word="measured") for course in courses])


def grow(wanted: int) -> None:
    """More published courses, or some of them put away, until there are as many as wanted."""
    held = Course.objects.published().count()
    for start in range(held, wanted, AT_ONCE):
        add(range(start, min(start + AT_ONCE, wanted)))
    spare = list(Course.objects.published().order_by("slug").values_list("pk", flat=True)[wanted:])
    Course.objects.filter(pk__in=spare).update(status=Course.Status.DRAFT)
    CatalogueRevision.bump()


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    if not 1 <= wanted <= MOST:
        sys.exit(f"From 1 to {MOST} courses.")
    grow(wanted)
