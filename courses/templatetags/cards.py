"""The card of a course, as lists show it."""

from hashlib import sha256
from typing import Any

from django import template
from django.core.cache import caches
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from courses.models import Course

register = template.Library()


@register.simple_tag(takes_context=True)
def course_card(context: dict[str, Any], course: Course, *, eager: bool = False) -> SafeString:
    """The card, with a save button for those who are logged in; `eager`: its poster is in the first view.

    A page of cards is mostly rendering, so each is kept in this process under all that it shows: a change of any of
    that is another card, and nothing ever has to be thrown away.
    """
    has_button = context["request"].user.is_authenticated
    shown = {"eager": eager, "has_button": has_button, "is_saved": has_button and course.pk in context["saved_ids"]}
    key = f"card:{sha256(repr((_shown_of(course), shown)).encode()).hexdigest()}"
    html = caches["local"].get(key)
    if html is None:
        html = render_to_string("courses/_card.html", {"course": course, **shown})
        caches["local"].set(key, html)
    return html


def _shown_of(course: Course) -> tuple[Any, ...]:
    """Every value of the course that courses/_card.html shows."""
    return (
        course.slug,
        course.title,
        course.promise,
        course.poster_key,
        course.category.name,
        course.instructor.name,
        course.lecture_count,
        course.duration_seconds,
        course.price_paise,
        course.current_price_paise,
        course.is_on_sale,
        course.sale_ends_at,
    )
