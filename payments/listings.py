"""The queries that list rows which grow in number, as pages ask them: `manage.py explain_queries` shows their plans.

A new listing belongs here (docs/database.md, "Adding a query"); in payments, because that app comes last. Keys that do
not exist are fine: the plan is the same.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from coursebundler.fields import uuid7
from courses.models import Course, Grant, Lecture, Progress, Saved, SearchToken
from payments.models import Order, Payment
from users.models import User


def listings() -> dict[str, Callable[[], "QuerySet[Any]"]]:
    """{what it is for: the queryset}."""
    user, course, category = uuid7(), uuid7(), uuid7()
    published = Course.objects.published()
    return {
        "home": lambda: published.for_cards()[:6],
        "catalogue, newest": lambda: published.for_cards().order_by("-published_at", "-pk")[24:48],
        "catalogue, by title": lambda: published.for_cards().order_by("title", "pk")[:24],
        "catalogue, by price": lambda: published.for_cards().order_by("price_paise", "pk")[:24],
        "catalogue, one category": lambda: (
            published.for_cards().filter(category=category).order_by("-published_at")[:24]
        ),
        "search": lambda: SearchToken.objects.filter(word__gte="knot", word__lt="knou").values_list("course_id"),
        "course": lambda: Course.objects.select_related("category", "instructor").filter(slug="knots"),
        "curriculum": lambda: Lecture.objects.filter(course=course).in_course_order().defer("text"),
        "access": lambda: Grant.objects.filter(user=user, course=course),
        "my courses": lambda: Grant.objects.filter(user=user).active(),
        "progress in a course": lambda: Progress.objects.filter(user=user, course=course),
        "saved courses": lambda: Saved.objects.filter(user=user).select_related("course")[:24],
        "orders of a user": lambda: Order.objects.filter(user=user).order_by("-created_at")[:24],
        "an unpaid order": lambda: Order.objects.unpaid().filter(user=user, product_key="course:1")[:1],
        "an order by the gateway's number": lambda: Order.objects.filter(gateway_order_id="order_1"),
        "a payment by the gateway's number": lambda: Payment.objects.filter(
            gateway_payment_id="pay_1", entry="captured"
        ),
        "login": lambda: User.objects.filter(email="somebody@example.org"),
    }
