"""What our pages are measured against: Django with one model, no middleware and no templates, on the same database.

`/3` asks the database three times, each for one row by its key, and answers in plain text.
"""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="bench",  # noqa: S106  nothing is signed
    INSTALLED_APPS=[],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(os.environ["DATA_DIR"]) / "db.sqlite3",
            "CONN_MAX_AGE": 600,
        }
    },
)
django.setup()

from django.db import models  # noqa: E402  models need the settings


class Course(models.Model):
    id = models.UUIDField(primary_key=True, db_column="_id")
    title = models.CharField(max_length=80)

    class Meta:
        app_label = "bare"
        managed = False
        db_table = "courses_course"

    def __str__(self) -> str:
        return self.title


def ask(request: HttpRequest, queries: int) -> HttpResponse:
    key = os.environ["BENCH_COURSE"]
    titles = [Course.objects.get(pk=key).title for _ in range(queries)]
    return HttpResponse("\n".join(titles) or "no query", content_type="text/plain")


urlpatterns = [path("<int:queries>", ask)]
application = get_wsgi_application()
