"""What a course page shows of bundles: a tag, so that the app of courses need not know this one."""

from typing import Any

from django import template

from courses.models import Course
from payments.models import Bundle
from payments.pricing import Shelf

register = template.Library()


@register.inclusion_tag("payments/_bundles_of.html", takes_context=True)
def bundles_of(context: dict[str, Any], course: Course) -> dict[str, Any]:
    """“Also in these bundles”, each with the price for whoever looks; nine queries at most."""
    bundles = list(Bundle.objects.holding([course.pk])[:6])
    return {"offers": Shelf.offers(bundles, context["request"].user)}
