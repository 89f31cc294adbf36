"""Sales: a lower price for some time, shown everywhere, asked at the time of opening the order."""

import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from courses.models import Course
from payments.models import Bundle, Order

pytestmark = pytest.mark.detail

HOUR = timedelta(hours=1)


@pytest.fixture
def on_sale(course):
    """The course for ₹399 instead of ₹499, from an hour ago for an hour more."""

    def make(starts: timedelta = -HOUR, ends: timedelta = HOUR) -> Course:
        now = timezone.now()
        Course.objects.update(sale_price_paise=39900, sale_starts_at=now + starts, sale_ends_at=now + ends)
        course.refresh_from_db()
        return course

    return make


def checkout(client, course, **fields):
    return client.post(reverse("payments:checkout", args=[course.slug]), fields)


@pytest.mark.parametrize("url", ["/", "/courses", "/courses/knots-for-sailors"])
def test_it_shows_both_prices(client, client_of, alice, on_sale, url):
    on_sale()
    for visitor in (client, client_of(alice)):
        text = visitor.get(url).text
        assert '<span class="visually-hidden">Sale price: </span>₹399' in text
        assert '<s class="price__was"><span class="visually-hidden">instead of </span>₹499</s>' in text
    assert ("Sale until" in text) == (url != "/" and url != "/courses")


@pytest.mark.parametrize(("starts", "ends"), [(HOUR, 2 * HOUR), (-2 * HOUR, -HOUR)])
def test_before_and_after_it_is_the_price(sandbox, client, client_of, alice, on_sale, starts, ends):
    course = on_sale(starts, ends)
    assert "₹399" not in client.get(course.get_absolute_url()).text
    assert checkout(client_of(alice), course, amount_paise=39900).status_code == 409
    assert checkout(client_of(alice), course, amount_paise=49900).status_code == 200


def test_the_order_says_how_the_price_came_about(sandbox, client_of, alice, on_sale):
    course = on_sale()
    assert checkout(client_of(alice), course, amount_paise=39900).status_code == 200
    order = Order.objects.get()
    assert [line["amount_paise"] for line in order.sum_lines] == [49900, -10000]
    assert order.amount_paise == order.lines.get().amount_paise == 39900


def test_the_price_of_the_opening_counts(sandbox, client_of, alice, on_sale):
    """An order opened during the sale can be paid after it; opening it again then asks for the new price."""
    course = on_sale()
    checkout(client_of(alice), course, amount_paise=39900)
    on_sale(-2 * HOUR, -HOUR)
    assert checkout(client_of(alice), course, amount_paise=39900).status_code == 409
    assert Order.objects.get().status == "created"
    sandbox.pay(Order.objects.get())
    client_of(alice).post(f"/orders/{Order.objects.get().pk}/check")
    assert Order.objects.get().is_paid


def test_a_visitor_sees_the_right_price_within_a_minute(client, on_sale, monkeypatch):
    """The kept page of a visitor is the only place that may lag behind: nothing is written when a sale ends."""
    course = on_sale()
    assert "₹399" in client.get(course.get_absolute_url()).text
    QuerySet(Course).update(sale_ends_at=timezone.now() - HOUR)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 61)
    assert "₹399" not in client.get(course.get_absolute_url()).text


def test_a_bundle_can_be_on_sale(client, client_of, alice, bundle):
    Bundle.objects.update(sale_price_paise=50000)
    text = client.get(bundle.get_absolute_url()).text
    assert "₹500" in text
    assert "₹600</s>" in text
    text = client_of(alice).get(reverse("payments:bundle_checkout", args=[bundle.slug])).text
    assert "−₹100" in text
    assert "Pay ₹500" in text


NOW = timezone.now()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sale_price_paise": 49900}, "sale_price_paise"),
        ({"sale_price_paise": 99}, "sale_price_paise"),
        ({"sale_price_paise": 0}, "sale_price_paise"),
        ({"sale_starts_at": NOW}, "sale_price_paise"),
        ({"sale_price_paise": 100, "sale_starts_at": NOW, "sale_ends_at": NOW}, "sale_ends_at"),
    ],
)
def test_a_sale_makes_sense(course, fields, field):
    for name, value in fields.items():
        setattr(course, name, value)
    with pytest.raises(ValidationError) as error:
        course.full_clean()
    assert field in error.value.message_dict


def test_staff_are_told_beside_the_field(client_of, stella, course):
    url = reverse("admin:courses_course_change", args=[course.pk])
    form = client_of(stella).get(url).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields}
    data |= {"sale_price_paise": "49900", "sections-TOTAL_FORMS": 0, "sections-INITIAL_FORMS": 0}
    response = client_of(stella).post(url, data)
    assert "A sale price is lower than the price." in response.text
    course.refresh_from_db()
    assert course.sale_price_paise is None
