"""What a course page shows of bundles: a tag, so that the app of courses need not know this one."""

from typing import Any

from django import template
from django.core.cache import caches

from courses.models import CatalogueRevision, Course
from courses.page_cache import MAX_AGE_SECONDS
from payments.models import Bundle
from payments.pricing import Shelf

register = template.Library()


@register.inclusion_tag("payments/_bundles_of.html", takes_context=True)
def bundles_of(context: dict[str, Any], course: Course) -> dict[str, Any]:
    """“Also in these bundles”, each with the price for whoever looks; three queries at most, but for the first time."""
    bundles, shelf = _shelf_of(course)
    return {"offers": shelf.offers_to(context["request"].user, bundles)}


def _shelf_of(course: Course) -> tuple[list[Bundle], Shelf]:
    """What is the same for everybody, kept in this process until the catalogue changes."""
    key = f"bundles-of:{course.pk}:{CatalogueRevision.current()}"
    kept: tuple[list[Bundle], Shelf] | None = caches["local"].get(key)
    if kept is None:
        bundles = list(Bundle.objects.holding([course.pk])[:6])
        kept = bundles, Shelf.around(bundles)
        caches["local"].set(key, kept, MAX_AGE_SECONDS)
    return kept
