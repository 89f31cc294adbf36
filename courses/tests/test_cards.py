"""Cards are kept by what they show: a card on a page is never another course's, another person's or an old one."""

import inspect
import re
from pathlib import Path

import pytest
from django.conf import settings

from courses.models import Category, Course
from courses.templatetags import cards

PIECES = ["courses/_card.html", "courses/_save_button.html", "components/_poster.html", "components/_price.html"]


def test_a_card_is_known_by_everything_that_it_shows():
    text = "".join(Path(settings.BASE_DIR, "templates", piece).read_text() for piece in PIECES)
    shown = set(re.findall(r"\b(?:course|product)\.([a-z_.]*[a-z_])", text))
    known = set(re.findall(r"\bcourse\.([a-z_.]*[a-z_])", inspect.getsource(cards._shown_of)))
    assert shown == known, "courses/templatetags/cards.py lists what the card's templates show of a course."


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda: Course.objects.update(title="Bends"), "Bends"),
        (lambda: Course.objects.update(price_paise=100), "₹1<"),
        (lambda: Course.objects.update(sale_price_paise=100), "₹1 <"),
        (lambda: Category.objects.update(name="Boats"), "Boats"),
        (lambda: Course.objects.get().instructor.__class__.objects.update(name="Ida Maria"), "Ida Maria"),
        (lambda: Course.objects.get().lectures.first().delete(), "3 lectures"),
    ],
)
def test_a_change_shows_at_once(client_of, alice, course, change, text):
    client = client_of(alice)
    assert text not in client.get("/courses").text
    change()
    assert text in client.get("/courses").text


def test_what_one_saved_is_not_saved_for_another(client_of, alice, bob, course):
    client_of(alice).post(f"{course.get_absolute_url()}/save")
    for _ in range(2):
        assert "press to remove" in client_of(alice).get("/courses").text
        assert "press to remove" not in client_of(bob).get("/courses").text


def test_a_visitor_gets_no_button(client, client_of, alice, course):
    client_of(alice).get("/courses")
    assert "/save" not in client.get("/courses").text


def test_a_title_is_escaped(client_of, alice, make_course):
    make_course("<script>alert(1)</script>", slug="script")
    for _ in range(2):
        assert "<script>alert" not in client_of(alice).get("/courses").text
