"""What every template must keep to: the strict content security policy, escaping and CSRF."""

import ast
import re
from pathlib import Path

import pytest

from tests.source import app_code, name_of, nodes, tracked

pytestmark = pytest.mark.sqlite

EMAIL_PARTS = {"email", "email.html"}
TEMPLATES = [path for path in tracked("templates/*.html") if not EMAIL_PARTS & set(path.parts)]
# Mail programs know no style sheets; everything else about mails is checked like the rest.
EMAILS = [path for path in tracked("templates/*.html") if EMAIL_PARTS & set(path.parts)]
INLINE = {
    "a script without src": r"<script(?![^>]*\bsrc=)(?![^>]*application/(?:ld\+)?json)",
    "a <style> element": r"<style\b",
    "a style attribute": r"\sstyle\s*=",
    "an on… attribute": r"\s(?:on[a-z]+|hx-on[:\w-]*)\s*=",
    "a javascript: address": r"javascript:",
}
# Files whose job is to make safe HTML; field.html shows help texts, which are HTML in Django's own forms.
MAKES_HTML = {"coursebundler/formatting.py", "templates/django/forms/field.html"}
# A form that goes to another site must not carry our CSRF token there.
LEAVES_THE_SITE = {"templates/payments/checkout_pay.html", "templates/payments/subscribe_to_pay.html"}


def markup(path: Path) -> str:
    """The template without its comments."""
    return re.sub(
        r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.S
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_nothing_is_inline(path):
    found = [what for what, pattern in INLINE.items() if re.search(pattern, markup(path), re.I)]
    assert not found, (
        f"{name_of(path)} has {' and '.join(found)}, which the content security policy stops in the browser. "
        "Scripts go to static/js/, styles to static/css/."
    )


@pytest.mark.parametrize("path", TEMPLATES + EMAILS, ids=name_of)
def test_everything_is_escaped(path):
    found = re.findall(r"\|\s*safe\b|\{%\s*autoescape\s+off", markup(path))
    if name_of(path) in MAKES_HTML:
        return
    assert not found, f"{name_of(path)}: {found} lets what people type become HTML. Use |markdown, which sanitises."


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_post_form_has_a_csrf_token(path):
    forms = re.findall(r"<form\b[^>]*\bmethod=[\"']?post.*?</form>", markup(path), re.I | re.S)
    bare = [form[:120] for form in forms if "{% csrf_token %}" not in form]
    if name_of(path) in LEAVES_THE_SITE:
        return
    assert not bare, f"{name_of(path)}: put {{% csrf_token %}} into {bare}."


def test_only_one_place_makes_html_of_text():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in app_code()
        if name_of(path) not in MAKES_HTML
        for node in nodes(path)
        if isinstance(node, ast.Name | ast.Attribute)
        and (getattr(node, "id", "") == "mark_safe" or getattr(node, "attr", "") == "mark_safe")
    ]
    assert not found, f"mark_safe turns text into HTML unchecked; format_html escapes: {found}"
