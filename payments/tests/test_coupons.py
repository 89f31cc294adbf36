"""Coupons: what they are good for, and that no limit can be overrun."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from payments.confirmation import confirm_order
from payments.models import Coupon, CouponProduct, CouponUse, Order

pytestmark = pytest.mark.detail


@pytest.fixture
def coupon(db) -> Coupon:
    return Coupon.objects.create(code="welcome10", value=10)


@pytest.fixture
def change(coupon):
    def make(**fields) -> Coupon:
        Coupon.objects.filter(pk=coupon.pk).update(**fields)
        return coupon

    return make


def url_of(product) -> str:
    return reverse(
        "payments:checkout" if hasattr(product, "lecture_count") else "payments:bundle_checkout", args=[product.slug]
    )


def look(client, product, code="WELCOME10"):
    return client.post(url_of(product), {"coupon": code, "apply": "1"})


def buy(client, product, amount_paise, code="WELCOME10"):
    return client.post(url_of(product), {"coupon": code, "amount_paise": amount_paise})


@pytest.mark.parametrize("code", ["WELCOME10", "welcome10", "  Welcome10 "])
def test_it_takes_something_off(sandbox, client_of, alice, course, coupon, code):
    client = client_of(alice)
    text = look(client, course, code).text
    for shown in ("Coupon WELCOME10", "−₹49.90", "Pay ₹449.10"):
        assert shown in text
    assert not CouponUse.objects.exists(), "looking takes no place"
    assert buy(client, course, 44910, code).status_code == 200
    order = Order.objects.get()
    assert (order.amount_paise, order.coupon, order.lines.get().amount_paise) == (44910, coupon, 44910)
    use = CouponUse.objects.get()
    assert (use.user, use.order, use.nth_of_user) == (alice, order, 1)


def test_a_link_can_carry_it(client_of, alice, course, coupon):
    assert "Pay ₹449.10" in client_of(alice).get(f"{url_of(course)}?coupon=welcome10").text


def test_it_works_on_what_completing_a_bundle_costs(client_of, alice, sold, bundle, two_courses, coupon):
    sold(alice, {two_courses[0]: 45000})
    assert "Pay ₹135" in look(client_of(alice), bundle).text


NOW = timezone.now()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"is_active": False}, "do not know this coupon"),
        ({"starts_at": NOW + timedelta(days=2)}, "is good from"),
        ({"ends_at": NOW - timedelta(days=2)}, "expired on"),
        ({"applies_to": "bundles"}, "not for this product"),
        ({"applies_to": "listed"}, "not for this product"),
    ],
)
def test_it_says_why_not(client_of, alice, course, change, fields, says):
    change(**fields)
    client = client_of(alice)
    for response in (look(client, course), buy(client, course, 49900), buy(client, course, 44910)):
        assert response.status_code == 400
        assert says in response.text
        assert 'aria-describedby="id_coupon_error"' in response.text
    assert not Order.objects.exists()


@pytest.mark.parametrize("code", ["NOPE", "x" * 5000, "a\0b", "' OR 1=1", "₹₹₹"])
def test_it_knows_no_other(client_of, alice, course, coupon, code):
    for response in (look(client_of(alice), course, code), buy(client_of(alice), course, 49900, code)):
        assert response.status_code == 400
        assert "do not know this coupon" in response.text


def test_the_price_without_it_is_refused(client_of, alice, course, coupon):
    """Nobody pays more than they saw, nor less than it costs."""
    assert buy(client_of(alice), course, 49900).status_code == 409
    assert buy(client_of(alice), course, 44910, code="").status_code == 409
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("applies_to", "for_course", "for_bundle"), [("courses", 200, 400), ("bundles", 400, 200), ("all", 200, 200)]
)
def test_it_is_for_courses_or_bundles(
    client_of, alice, bundle, two_courses, change, applies_to, for_course, for_bundle
):
    change(applies_to=applies_to)
    assert look(client_of(alice), two_courses[0]).status_code == for_course
    assert look(client_of(alice), bundle).status_code == for_bundle


def test_it_is_for_what_is_listed(client_of, alice, bundle, two_courses, change):
    coupon = change(applies_to="listed")
    CouponProduct.objects.create(coupon=coupon, bundle=bundle)
    CouponProduct.objects.create(coupon=coupon, course=two_courses[0])
    statuses = [look(client_of(alice), product).status_code for product in (bundle, *two_courses)]
    assert statuses == [200, 200, 400]


def test_it_never_goes_below_the_lowest_price(client_of, alice, course, change):
    change(kind="fixed", value=49000, minimum_price_paise=20000)
    assert "Pay ₹200" in look(client_of(alice), course).text


def test_it_can_make_a_course_free(client_of, alice, course, change):
    change(value=100)
    assert buy(client_of(alice), course, 0).url == Order.objects.get().get_absolute_url()
    assert Order.objects.get().is_paid
    assert CouponUse.objects.count() == 1


def test_it_is_used_once_by_each(sandbox, client_of, alice, bob, two_courses, coupon):
    knots, sails = two_courses
    buy(client_of(alice), knots, 44910)
    refused = look(client_of(alice), sails)
    assert refused.status_code == 400
    assert Order.objects.get().number in refused.text
    sandbox.pay(Order.objects.get())
    client_of(alice).post(f"/orders/{Order.objects.get().pk}/check")
    assert "You have used this coupon already." in look(client_of(alice), sails).text
    assert look(client_of(bob), sails).status_code == 200


def test_opening_the_same_order_again_takes_no_second_place(sandbox, client_of, alice, course, change):
    change(uses_in_total=1)
    for _ in range(3):
        assert buy(client_of(alice), course, 44910).status_code == 200
    assert (Order.objects.count(), CouponUse.objects.count()) == (1, 1)


def test_an_order_without_it_gives_the_place_back(sandbox, client_of, alice, bob, course, change):
    change(uses_in_total=1)
    buy(client_of(alice), course, 44910)
    assert "has been used up" in look(client_of(bob), course).text
    buy(client_of(alice), course, 49900, code="")
    assert look(client_of(bob), course).status_code == 200
    assert [order.coupon_id is None for order in Order.objects.order_by("pk")] == [False, True]


def test_a_place_that_was_given_back_counts_when_it_is_paid_for_after_all(
    sandbox, client_of, alice, bob, two_courses, change
):
    """Both orders of Alice lead to a page where they can be paid."""
    change(uses_in_total=1)
    buy(client_of(alice), two_courses[0], 44910)
    cancelled = Order.objects.get()
    buy(client_of(alice), two_courses[0], 49900, code="")
    sandbox.pay(cancelled)
    confirm_order(cancelled)
    for client in (client_of(alice), client_of(bob)):
        assert look(client, two_courses[1]).status_code == 400
    assert CouponUse.objects.get().order == cancelled


def test_orders_that_nobody_pays_give_it_back_after_a_day(sandbox, client_of, alice, bob, course, change):
    change(uses_in_total=1)
    buy(client_of(alice), course, 44910)
    Order.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert look(client_of(bob), course).status_code == 200
    assert Order.objects.get().status == "cancelled"


def test_the_last_place_can_go_between_the_page_and_the_click(client_of, alice, course, change, monkeypatch):
    """What was free when it was looked for may be taken when it is booked."""
    change(uses_in_total=1)
    monkeypatch.setattr(Coupon, "check_for", lambda *args: None)
    other = Order.objects.create(user=alice, product_key="other", amount_paise=1)
    CouponUse.objects.create(coupon=Coupon.objects.get(), user=alice, order=other, nth_of_user=5, nth_in_total=1)
    Coupon.objects.update(uses_per_user=5)
    response = buy(client_of(alice), course, 44910)
    assert response.status_code == 409
    assert "has been used up" in response.text
    assert Order.objects.get() == other


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 3])
def test_ten_at_once_cannot_overrun_the_limit(sandbox, client_of, make_user, course, change, limit):
    change(uses_in_total=limit)
    clients = [client_of(make_user(f"User{n}")) for n in range(10)]
    statuses = at_once(lambda client: buy(client, course, 44910).status_code, clients)
    assert sorted(set(statuses)) in ([200, 400], [200, 409], [200, 400, 409])
    assert statuses.count(200) == limit
    assert CouponUse.objects.count() == Order.objects.unpaid().count() == limit


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_one_person_at_once_cannot_overrun_their_own(sandbox, client_of, alice, make_course, coupon):
    courses = [make_course(f"Course {n}", sections=1, lectures=1) for n in range(6)]
    statuses = at_once(lambda course: buy(client_of(alice), course, 44910).status_code, courses)
    assert statuses.count(200) == CouponUse.objects.count() == 1


def at_once(do, things):
    answers, together = [], threading.Barrier(len(things))

    def run(thing) -> None:
        try:
            together.wait()
            answers.append(do(thing))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[thing]) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"value": 101}, "value"),
        ({"value": 0}, "value"),
        ({"code": "a b"}, "code"),
        ({"code": "a\0"}, "code"),
        ({"minimum_price_paise": 50}, "minimum_price_paise"),
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at"),
        ({"uses_per_user": 0}, "uses_per_user"),
        ({"uses_in_total": 0}, "uses_in_total"),
    ],
)
def test_a_coupon_makes_sense(coupon, fields, field):
    for name, value in fields.items():
        setattr(coupon, name, value)
    with pytest.raises(ValidationError) as error:
        coupon.full_clean()
    assert field in error.value.message_dict


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_thousand_clicks_make_one_order(sandbox, client_of, alice, bundle, change):
    """25 at once are more than the site has threads; that each clicks forty times makes them meet at every step."""
    change(uses_in_total=1)

    def click(client) -> set[tuple[int, bool]]:
        answers = [buy(client, bundle, 54000) for _ in range(40)]
        wanted = Order.objects.get().gateway_order_id
        return {(answer.status_code, f'value="{wanted}"' in answer.text) for answer in answers}

    assert set().union(*at_once(click, [client_of(alice) for _ in range(25)])) == {(200, True)}
    order = Order.objects.get()
    assert (order.amount_paise, order.lines.count(), CouponUse.objects.count()) == (54000, 2, 1)
