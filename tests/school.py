"""A small school for tests that run the site in processes of their own: `python -m tests.school 32` fills the database.

Prints JSON: session keys of that many students and members of staff, and the addresses of what they may write to.
"""

import json
import sys
from typing import Any


def log_in(user: Any) -> str:
    """The key of a session in which `user` is logged in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


def fill(people: int) -> dict[str, Any]:
    from django.urls import reverse

    from courses.models import Category, Course, Grant, Lecture, Section
    from users.models import User

    category = Category.objects.create(name="Sailing", slug="sailing")
    teacher = User.objects.create_user("ida@example.org", name="Ida")
    text = {"promise": "Tie every knot.", "description": "From the bowline to the sheet bend."}
    shared = {"category": category, "instructor": teacher, "price_paise": 0, "status": Course.Status.PUBLISHED}
    courses = [Course.objects.create(title=f"Knots {n}", slug=f"knots-{n}", **text, **shared) for n in range(10)]
    paid = shared | {"price_paise": 49900}
    for_sale = [Course.objects.create(title=f"Charts {n}", slug=f"charts-{n}", **text, **paid) for n in range(10)]
    section = Section.objects.create(course=courses[0], title="Bends")
    lectures = [
        Lecture.objects.create(section=section, title=f"Bend {n}", position=n, duration_seconds=1000) for n in range(2)
    ]
    students, staff, categories = [], [], []
    for n in range(people):
        student = User.objects.create_user(f"student{n}@example.org", name=f"Student {n}")
        Grant.objects.give(student, courses[0], Grant.Source.STAFF, teacher.pk)
        students.append(log_in(student))
        staff.append(log_in(User.objects.create_superuser(f"staff{n}@example.org", name=f"Staff {n}")))
        own = Category.objects.create(name=f"Category {n}", slug=f"category-{n}")
        categories.append(reverse("admin:courses_category_change", args=[own.pk]))
    return {
        "students": students,
        "staff": staff,
        "categories": categories,
        "courses": [course.get_absolute_url() for course in courses],
        "checkouts": [reverse("payments:checkout", args=[course.slug]) for course in for_sale],
        "lectures": [lecture.get_absolute_url() for lecture in lectures],
    }


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(fill(int(sys.argv[1]))))
