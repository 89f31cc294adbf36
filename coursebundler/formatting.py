"""Template filters and tags that every template may use without `{% load %}` (settings.TEMPLATES, `builtins`)."""

from collections.abc import Iterator

import nh3
from django import template
from django.core.files.storage import storages
from django.core.paginator import Page
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

register = template.Library()

# Raw HTML in the source is shown as text; nh3 then lets nothing through that could run or load.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@register.filter
def rupees(paise: int) -> str:
    """149900 → ₹1,499 and 12345678950 → ₹12,34,56,789.50: Indian digit groups, paise only where there are any."""
    sign, (whole, rest) = "−" if paise < 0 else "", divmod(abs(paise), 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return f"{sign}₹{','.join([*pairs, tail])}{f'.{rest:02}' if rest else ''}"


@register.filter
def exact_rupees(paise: int) -> str:
    """149900 → ₹1,499.00, for documents; everywhere else `rupees` reads better."""
    text = rupees(paise)
    return text if paise % 100 else f"{text}.00"


@register.filter
def duration(seconds: int) -> str:
    """4800 → 1 h 20 min; 95 → 1 min 35 s; 20 → 20 s."""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    return f"{rest} s"


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown as HTML that is safe to show whoever wrote it; links get rel="noopener noreferrer nofollow"."""
    html = nh3.clean(_markdown.render(text), link_rel="noopener noreferrer nofollow")
    return mark_safe(html)  # noqa: S308  nh3 has just sanitised it


@register.simple_tag
def image_url(key: str, width: int) -> str:
    """The address of one size of a stored image (coursebundler/images.py wrote it)."""
    return storages["public"].url(f"{key}-{width}.webp")


@register.filter
def page_numbers(page: Page) -> Iterator[int | str]:
    """The page numbers to offer around this page; those left out are one "…"."""
    return page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
