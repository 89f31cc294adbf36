"""What is for sale during the storm, and to whom: `python -m tests.chaos.school 20` fills the database.

Prints JSON: the session keys of that many students and of two members of staff.
"""

import json
import sys
from typing import Any

import django

COURSES = 24
COUPONS = [
    {"code": "TENTH", "value": 10, "uses_per_user": 3},
    {"code": "FEW", "value": 50, "uses_per_user": 1, "uses_in_total": 5},
    {"code": "NOTHING", "kind": "fixed", "value": 1_000_000, "uses_per_user": 2, "uses_in_total": 12},
]
SIZES = [3, 4, 5, 6]


def fill(people: int) -> dict[str, Any]:
    from courses.models import Category, Course
    from payments.models import Bundle, Coupon, Plan
    from tests.school import log_in
    from users.models import User

    category = Category.objects.create(name="Sailing", slug="sailing")
    teachers = [User.objects.create_user(f"teacher{n}@example.org", name=f"Teacher {n}") for n in range(3)]
    courses = [
        Course.objects.create(
            title=f"Knots {n}",
            slug=f"knots-{n}",
            promise="Tie every knot.",
            description="From the bowline to the sheet bend.",
            category=category,
            instructor=teachers[n % 3],
            instructor_share_bp=[7000, 5000, 3333][n % 3],
            price_paise=10000 + 4999 * n,
            status=Course.Status.PUBLISHED,
        )
        for n in range(COURSES)
    ]
    for number, size in enumerate(SIZES):
        held = courses[number * 4 : number * 4 + size]
        bundle = Bundle.objects.create(
            title=f"Boats {number}",
            slug=f"boats-{number}",
            promise="Everything about boats.",
            price_paise=sum(course.price_paise for course in held) * 2 // 3,
            status=Bundle.Status.PUBLISHED,
        )
        bundle.publish_edition(held, additions_included=bool(number % 2))
    for coupon in COUPONS:
        Coupon.objects.create(**coupon)
    for period, price_paise in (("monthly", 79900), ("yearly", 799900)):
        Plan.objects.create(name=f"Everything, {period}", slug=period, period=period, price_paise=price_paise)
    students = [User.objects.create_user(f"student{n}@example.org", name=f"Student {n}") for n in range(people)]
    staff = [User.objects.create_superuser(f"staff{n}@example.org", name=f"Staff {n}") for n in range(2)]
    return {"students": [log_in(one) for one in students], "staff": [log_in(one) for one in staff]}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(fill(int(sys.argv[1]))))
