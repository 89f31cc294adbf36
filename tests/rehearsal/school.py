"""What is in the database during the rehearsal: `python -m tests.rehearsal.school fill 24` makes it.

`… verify` reads from standard input what the site said it had written and prints what of it is missing.
"""

import io
import json
import sys
from typing import Any

import django

COURSES = 24
SECTIONS, LECTURES = 4, 5
VIDEO_SECONDS = 36_000  # so long that everybody can go on watching
CAPTIONS_KEY = "private/captions/rehearsal.vtt"


def fill(people: int) -> dict[str, Any]:
    from courses import storage
    from courses.models import Course, Grant
    from tests.school import log_in
    from users.models import User

    storage.store(CAPTIONS_KEY, io.BytesIO(b"WEBVTT\n\n00:00.000 --> 00:09.000\nAhoy.\n"), "text/vtt")
    courses = make_courses()
    students = [User.objects.create_user(f"student{n}@example.org", name=f"Student {n}") for n in range(people)]
    for student in students:
        Grant.objects.give(student, courses[0], Grant.Source.STAFF, student.pk)
    staff = [User.objects.create_superuser(f"staff{n}@example.org", name=f"Staff {n}") for n in range(2)]
    return {
        "students": [log_in(one) for one in students],
        "staff": [log_in(one) for one in staff],
        "owned": courses[0].get_absolute_url(),
        "lectures": [lecture.get_absolute_url() for lecture in courses[0].lectures.in_course_order()],
        "courses": [{"id": str(one.pk), "url": one.get_absolute_url(), "slug": one.slug} for one in courses[1:]],
        "published": Course.objects.published().count(),
    }


def make_courses() -> list[Any]:
    from courses.models import Category, Course, Lecture, Section
    from users.models import User

    categories = [Category.objects.create(name=name, slug=name.lower()) for name in ("Sailing", "Rowing", "Diving")]
    teacher = User.objects.create_user("ida@example.org", name="Ida", headline="Teaches knots")
    courses = [
        Course.objects.create(
            title=f"Knots for sailors, part {n}",
            slug=f"knots-{n}",
            promise="Tie every knot that holds a boat.",
            description="From the bowline to the *sheet bend*, step by step.\n\n- One rope\n- Two ropes\n" * 5,
            outcomes="Tie a bowline\nMend a net\nSplice a rope",
            category=categories[n % len(categories)],
            instructor=teacher,
            price_paise=49900,
            poster_key="public/posters/rehearsal",
            status=Course.Status.PUBLISHED,
        )
        for n in range(COURSES)
    ]
    for course in courses:
        sections = [Section(course=course, title=f"Section {s}", position=s) for s in range(SECTIONS)]
        Section.objects.bulk_create(sections)
        Lecture.objects.bulk_create(
            Lecture(
                course=course,
                section=section,
                title=f"Lecture {s}.{n}",
                position=n,
                video_key="private/videos/rehearsal.mp4",
                captions_key=CAPTIONS_KEY,
                duration_seconds=VIDEO_SECONDS,
                is_preview=s == n == 0,
            )
            for s, section in enumerate(sections)
            for n in range(LECTURES)
        )
        course.recount()
    return courses


def verify(told: dict[str, Any]) -> dict[str, list[Any]]:
    """`told`: {"orders": [gateway order ids], "paid": [those], "progress": {"student lecture": seconds}}."""
    from courses.models import Progress
    from payments.models import Order

    orders = dict(Order.objects.filter(gateway_order_id__in=told["orders"]).values_list("gateway_order_id", "status"))
    rows = Progress.objects.values_list("user__email", "lecture_id", "position_seconds")
    positions = {f"{email} {lecture}": seconds for email, lecture, seconds in rows}
    return {
        "orders": [one for one in told["orders"] if one not in orders],
        "paid": [one for one in told["paid"] if orders.get(one) != Order.Status.PAID],
        "progress": [key for key, seconds in told["progress"].items() if positions.get(key, -1) < seconds],
    }


def forget(gateway_order_id: str) -> None:
    """Lose an order, to see that it is missed."""
    from payments.models import Order

    Order.objects.filter(gateway_order_id=gateway_order_id).update(gateway_order_id=f"lost_{gateway_order_id}")


if __name__ == "__main__":
    django.setup()
    what, *arguments = sys.argv[1:]
    if what == "fill":
        sys.stdout.write(json.dumps(fill(int(arguments[0]))))
    elif what == "forget":
        forget(arguments[0])
    else:
        sys.stdout.write(json.dumps(verify(json.load(sys.stdin))))
