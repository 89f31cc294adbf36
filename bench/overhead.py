"""Run by bench/documentdb.py in the site's environment: what rewriting and guarding costs on the commonest queries.

The same models on two connections to one server and one database: "default" is ours, "stock" is django-mongodb-backend
as it is published, which the test server answers and DocumentDB would not. Each query is asked on both in turn. Prints
JSON: the median time of a call on each, and the median of the processor's time in this process.
"""

import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings

OURS, STOCK = "default", "stock"
WARM_UP = 20


def stock_settings(ours: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in ours["OPTIONS"].items() if name != "engine"}
    return ours | {"ENGINE": "django_mongodb_backend", "OPTIONS": options}


settings.DATABASES[STOCK] = stock_settings(settings.DATABASES[OURS])
django.setup()

from django.contrib.sessions.models import Session  # noqa: E402  models need the settings
from django.db import connections  # noqa: E402
from django.db.models import F  # noqa: E402

from courses.models import Category, Course, Lecture  # noqa: E402

Query = Callable[[str], object]


def queries() -> dict[str, Query]:
    """Each takes the connection's name. All of them run on both."""
    course = Course.objects.published()[0]
    published = {"status": Course.Status.PUBLISHED}
    newest = ("-published_at", "-pk")

    def create(using: str) -> None:
        name = uuid.uuid4().hex
        Category(name=name, slug=name).save(using=using, force_insert=True)

    return {
        "get by primary key": lambda using: Course.objects.using(using).get(pk=course.pk),
        "get by a unique column": lambda using: Course.objects.using(using).get(slug=course.slug),
        "filter, order, first 12": lambda using: list(
            Course.objects.using(using).filter(**published).order_by(*newest)[:12]
        ),
        "the same with 2 joined tables": lambda using: list(
            Course.objects.using(using)
            .filter(**published)
            .select_related("category", "instructor")
            .order_by(*newest)[:12]
        ),
        "rows of one foreign key": lambda using: list(Lecture.objects.using(using).filter(course=course)),
        "count": lambda using: Lecture.objects.using(using).filter(course=course).count(),
        "exists": lambda using: Session.objects.using(using).filter(pk="no such key").exists(),
        "insert": create,
        # Of a row that is not there: nothing changes, and the whole way to the server and back is walked.
        "update by F() + 1": lambda using: (
            Lecture._base_manager.using(using).filter(pk=course.pk).update(position=F("position") + 1)
        ),
    }


def measure(query: Query, rounds: int) -> dict[str, float]:
    """Seconds. The two connections take turns, and who begins changes, so that a busy machine is busy for both."""
    times: dict[str, list[float]] = {OURS: [], STOCK: []}
    processor: dict[str, list[float]] = {OURS: [], STOCK: []}
    for number in range(WARM_UP + rounds):
        for using in (OURS, STOCK) if number % 2 else (STOCK, OURS):
            began, began_processor = time.perf_counter(), time.thread_time()
            query(using)
            if number >= WARM_UP:
                processor[using].append(time.thread_time() - began_processor)
                times[using].append(time.perf_counter() - began)
    return {
        "ours": statistics.median(times[OURS]),
        "stock": statistics.median(times[STOCK]),
        "ours_processor": statistics.median(processor[OURS]),
        "stock_processor": statistics.median(processor[STOCK]),
    }


def main() -> None:
    rounds = int(sys.argv[1])
    if type(connections[STOCK]).__module__ != "django_mongodb_backend.base":
        sys.exit("This would compare our backend with itself.")
    found = {name: measure(query, rounds) for name, query in queries().items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
