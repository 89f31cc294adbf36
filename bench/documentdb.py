"""`python -m bench.documentdb`: what the rewriting and the guard cost, and what the stock backend would be refused.

Both backends ask the same test server in one run, taking turns. BENCH_ROWS (10000) and BENCH_SECONDS (5) change
the size.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = int(os.environ.get("BENCH_ROWS", "10000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
AIM = 1.15


def main() -> None:
    from tests.documentdb_server import DocumentDBServer

    with tempfile.TemporaryDirectory(prefix="bench-documentdb-") as folder:
        server = DocumentDBServer(Path(folder) / "server")
        try:
            set_up(server.url(engine="8.0.2"), folder)
            measure_overhead()
            count_refusals()
        finally:
            server.stop()


def set_up(url: str, folder: str) -> None:
    """The site's models on both backends, and ROWS courses."""
    os.environ.update(DEBUG="true", DATABASE_URL=url, DATA_DIR=folder, DJANGO_SETTINGS_MODULE="coursebundler.settings")
    import django
    from django.conf import settings

    default = settings.DATABASES["default"]
    options = {name: value for name, value in default["OPTIONS"].items() if name != "engine"}
    settings.DATABASES["stock"] = default | {"ENGINE": "django_mongodb_backend", "OPTIONS": options}
    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    from courses.models import Category, Course
    from users.models import User

    teacher, category = User.objects.create(email="ida@example.org"), Category.objects.create(name="A", slug="a")
    published = {"status": "published", "published_at": timezone.now()}
    texts = published | {
        "promise": "Tie it.",
        "description": "Every knot. " * 50,
        "category": category,
        "instructor": teacher,
    }
    for start in range(0, ROWS, 1000):
        Course.objects.bulk_create(
            Course(title=f"Course {n}", slug=f"course-{n}", price_paise=n, **texts)
            for n in range(start, min(ROWS, start + 1000))
        )


def queries(alias: str) -> dict[str, Callable[[], Any]]:
    from courses.models import Course
    from users.models import User

    courses, key = Course.objects.using(alias), User.objects.get().pk
    return {
        "one row by its key": lambda: User.objects.using(alias).get(pk=key),
        "one course, joined": lambda: courses.select_related("category", "instructor").get(slug="course-77"),
        "count of few": lambda: courses.filter(status="published", price_paise__lt=20).count(),
    }


def measure_overhead() -> None:
    """Median time of a query on each backend, asked in turns so that both meet the same machine."""
    ours, stock = queries("default"), queries("stock")
    for name in ours:
        times: dict[str, list[float]] = {"ours": [], "stock": []}
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            for backend, ask in (("ours", ours[name]), ("stock", stock[name])):
                start = time.perf_counter()
                ask()
                times[backend].append(time.perf_counter() - start)
        medians = {backend: statistics.median(values) * 1000 for backend, values in times.items()}
        ratio = medians["ours"] / medians["stock"]
        verdict = "" if ratio <= AIM else f"  (aim: {AIM})"
        print(f"{name:22} ours {medians['ours']:7.2f} ms   stock {medians['stock']:7.2f} ms   × {ratio:.2f}{verdict}")


def count_refusals() -> None:
    """Of the pipelines that the stock backend makes for the site's listings, those that AWS does not list."""
    from django.core.exceptions import EmptyResultSet
    from django.db import NotSupportedError, connections

    from coursebundler.documentdb.guard import check_pipeline
    from payments.listings import listings

    for level in ("5.0", "8.0", "8.0.2"):
        refused = {}
        for listing in listings():
            try:
                check_pipeline(stock_pipeline(listing.rows().using("stock"), connections["stock"]), level)
            except NotSupportedError as error:
                refused[listing.name] = str(error)
            except EmptyResultSet:  # A search that finds nothing asks for no courses.
                continue
        print(f"stock backend at {level}: {len(refused)} of {len(listings())} listings refused")
    print("stock backend at every level: each save() of an existing row and each update() refused (pipeline updates)")


def stock_pipeline(queryset: Any, connection: Any) -> list[dict[str, Any]]:
    compiler = queryset.query.get_compiler("stock")
    compiler.pre_sql_setup()
    needs_columns = compiler.query.annotations or not compiler.query.default_cols
    return compiler.build_query(compiler.columns if needs_columns else None).get_pipeline()


if __name__ == "__main__":
    main()
