"""Run by bench/__main__.py in the site's environment: finds what to measure and counts each page's queries.

On DocumentDB these are the commands that leave for the server, whoever sends them: the ORM, the cache, the driver.
"""

import json
import sys
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  models need the settings
from django.test import Client  # noqa: E402

from bench.commands import counted  # noqa: E402
from courses.models import Course, Grant  # noqa: E402
from tests.school import log_in  # noqa: E402
from users.models import User  # noqa: E402


def look(path: str, cookie: str, etag: str) -> dict[str, Any]:
    """The second of two identical requests, as under load: its queries, and what the load has to send and expect."""
    client = Client(headers={"Accept-Encoding": "gzip"} | ({"If-None-Match": etag} if etag else {}))
    if cookie:
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    client.get(path)
    with counted() as sent:
        response = client.get(path)
    return {
        "path": path,
        "cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}" if cookie else "",
        "if_none_match": etag,
        "etag": response.get("ETag", ""),
        "status": response.status_code,
        "queries": sent.count,
        "bytes": len(response.content),
    }


def main() -> None:
    student = User.objects.get(email="student@example.org")
    course = Course.objects.published().filter(lectures__is_preview=True).order_by("slug")[0]
    Grant.objects.give(student, course, Grant.Source.STAFF, student.pk)
    preview = course.lectures.filter(is_preview=True).in_course_order()[0]
    session = log_in(student)
    rows = []
    for name, path in (("catalogue", "/courses"), ("course", course.get_absolute_url())):
        visitor = look(path, "", "")
        rows.append((f"{name}, visitor", visitor))
        rows.append((f"{name}, visitor, unchanged (304)", look(path, "", visitor["etag"])))
        rows.append((f"{name}, student", look(path, session, "")))
    rows.append(("lecture, visitor (preview)", look(preview.get_absolute_url(), "", "")))
    rows.append(("lecture, student", look(preview.get_absolute_url(), session, "")))
    sys.stdout.write(json.dumps({"course": str(course.pk), "rows": rows}))


main()
