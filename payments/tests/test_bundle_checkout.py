"""Buying a bundle: for oneself, completing it, and for nothing."""

import pytest
from django.urls import reverse

from courses.access import explain_access
from courses.models import Grant
from payments.confirmation import confirm_order, mark_paid
from payments.models import Order, OrderLine
from payments.pricing import orders_that_credited, quote
from payments.refund_rules import refundable


def url_of(bundle) -> str:
    return reverse("payments:bundle_checkout", args=[bundle.slug])


def sum_of(order: Order) -> list[tuple[str, int]]:
    return [(line["label"], line["amount_paise"]) for line in order.sum_lines]


def test_it_shows_what_is_bought_and_on_which_terms(client_of, alice, bundle):
    text = client_of(alice).get(url_of(bundle)).text
    for shown in ("Boats", "₹600", "Knots", "Sails", "A fixed set:", "Refunds: 14 days", "Pay ₹600"):
        assert shown in text
    assert not Order.objects.exists()


def test_it_opens_the_courses(buy_bundle, alice, bundle, two_courses):
    order = buy_bundle(alice, bundle)
    assert (order.is_paid, order.amount_paise, order.bundle_edition) == (True, 60000, bundle.current_edition)
    assert sum_of(order) == [("Boats", 60000)]
    lines = {line.course: (line.amount_paise, line.kind, line.instructor_share_bp) for line in order.lines.all()}
    assert lines == {two_courses[0]: (37425, "bundle", 7000), two_courses[1]: (22575, "bundle", 7000)}
    assert all(explain_access(alice, course).is_allowed for course in two_courses)
    assert order.refund_policy.version == 1


def test_completing_it_takes_off_what_was_paid(sold, buy_bundle, client_of, alice, bundle, two_courses):
    knots, sails = two_courses
    first = sold(alice, {knots: 45000})
    assert "You paid for Knots" in client_of(alice).get(bundle.get_absolute_url()).text
    order = buy_bundle(alice, bundle)
    assert sum_of(order) == [("Boats", 60000), ("You paid for Knots", -45000)]
    assert [(line.course, line.amount_paise) for line in order.lines.all()] == [(sails, 15000)]
    page = client_of(alice).get(order.get_absolute_url()).text
    assert "You paid for Knots" in page
    assert "−₹450" in page
    assert orders_that_credited(first.lines.all(), alice) == {first.lines.get().pk: order}


def test_it_never_costs_more_than_the_missing_courses_singly(alice, grant, bundle, two_courses):
    grant(alice, two_courses[0])
    price = quote(alice, bundle)
    assert price.amount_paise == 30100
    assert price.sum_lines[-1] == {"label": "Never more than the cheapest other way", "amount_paise": -29900}


def test_nor_more_than_a_smaller_bundle(alice, make_bundle, make_course, bundle, two_courses):
    rare = make_course("Rare knots", price_paise=90000)
    large = make_bundle(*two_courses, rare, title="All of it", price_paise=200000)
    assert quote(alice, large).amount_paise == 60000 + 90000


def test_money_that_went_back_is_not_taken_off(sold, refunded, alice, bundle, two_courses):
    order = sold(alice, {two_courses[0]: 45000})
    refunded(order, gateway_payment_id="pay_1", amount_paise=5000)
    assert quote(alice, bundle).sum_lines[1]["amount_paise"] == -40000


def test_a_course_that_was_taken_back_is_not_taken_off(sold, alice, bundle, two_courses):
    sold(alice, {two_courses[0]: 45000})
    Grant.objects.update(revoked_at="2026-01-01T00:00Z")
    price = quote(alice, bundle)
    assert (price.amount_paise, len(price.lines)) == (60000, 2)


def test_what_others_paid_is_not_taken_off(sold, alice, bob, bundle, two_courses):
    sold(bob, {two_courses[0]: 45000})
    assert quote(alice, bundle).amount_paise == 60000


def test_a_subscription_is_no_purchase(alice, bundle, two_courses):
    Grant.objects.give(alice, None, Grant.Source.SUBSCRIPTION, alice.pk, ends_at="2099-01-01T00:00Z")
    assert quote(alice, bundle).amount_paise == 60000


@pytest.mark.parametrize("paid", [59950, 60000, 99900])
def test_what_costs_less_than_a_rupee_is_free(sold, buy_bundle, client_of, alice, bundle, two_courses, paid):
    sold(alice, {two_courses[0]: paid})
    assert "Get it for free" in client_of(alice).get(url_of(bundle)).text
    order = buy_bundle(alice, bundle)
    assert (order.status, order.amount_paise, order.gateway_order_id) == ("paid", 0, None)
    assert sum(amount for _, amount in sum_of(order)) == 0
    assert explain_access(alice, two_courses[1]).is_allowed
    assert not order.payments.exists()


def test_nobody_buys_what_they_have(client_of, alice, grant, bundle, two_courses):
    for course in two_courses:
        grant(alice, course)
    for response in (client_of(alice).get(url_of(bundle)), client_of(alice).post(url_of(bundle), {"amount_paise": 0})):
        assert response.url == bundle.get_absolute_url()
    assert not Order.objects.exists()


@pytest.mark.parametrize("amount", ["0", "1", "", "-60000", "600.00", "60000.0", "9" * 40, "60000\0"])
def test_it_refuses_another_amount(client_of, alice, bundle, amount):
    response = client_of(alice).post(url_of(bundle), {"amount_paise": amount})
    assert response.status_code == 409
    assert "The price is not the one you saw" in response.text
    assert 'name="amount_paise" value="60000"' in response.text
    assert not Order.objects.exists()


def test_it_refuses_no_amount(client_of, alice, bundle):
    assert client_of(alice).post(url_of(bundle)).status_code == 409
    assert not Order.objects.exists()


def test_it_refuses_other_contents_and_other_terms_than_were_shown(client_of, alice, bundle, two_courses):
    bundle.publish_edition(two_courses[::-1], additions_included=False)
    for shown in ({"edition": 1}, {"policy": 7}, {"edition": "x\0"}):
        assert client_of(alice).post(url_of(bundle), {"amount_paise": 60000} | shown).status_code == 409
    assert not Order.objects.exists()


def test_a_new_edition_makes_a_new_order(sandbox, client_of, alice, bundle, two_courses):
    for courses in (two_courses, two_courses[::-1]):
        bundle.publish_edition(courses, additions_included=False)
        assert client_of(alice).post(url_of(bundle), {"amount_paise": 60000}).status_code == 200
    assert list(Order.objects.order_by("pk").values_list("status", "bundle_edition__number")) == [
        ("cancelled", 1),
        ("created", 2),
    ]


def test_other_invoice_details_make_a_new_order(sandbox, client_of, alice, bundle):
    for name in ("Rope Works", "Rope Works", "Sail Works"):
        client_of(alice).post(url_of(bundle), {"amount_paise": 60000, "billing-name": name})
    assert [order.billing["name"] for order in Order.objects.order_by("pk")] == ["Rope Works", "Sail Works"]


def test_a_wrong_gstin_stops_it(client_of, alice, bundle):
    response = client_of(alice).post(url_of(bundle), {"amount_paise": 60000, "billing-gstin": "nonsense"})
    assert response.status_code == 400
    assert not Order.objects.exists()


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_it_does_not_sell_unpublished_bundles(client_of, alice, make_bundle, course, status):
    bundle = make_bundle(course, status=status)
    for response in (client_of(alice).get(url_of(bundle)), client_of(alice).post(url_of(bundle))):
        assert response.status_code == 404


def test_it_leaves_out_courses_that_are_not_published(alice, bundle, two_courses):
    two_courses[1].status = "archived"
    two_courses[1].save()
    assert [line.course for line in quote(alice, bundle).lines] == [two_courses[0]]


def test_it_requires_a_login(client, bundle):
    assert client.post(url_of(bundle), {"amount_paise": 60000}).url.startswith("/login")


def test_a_free_order_that_was_cancelled_stays_so(alice, course):
    order = Order.objects.open_for(alice, "course:1", [OrderLine.for_course(course, amount_paise=0)])
    order.cancel()
    assert confirm_order(order) == "unpaid"
    assert not Grant.objects.exists()


def test_an_order_that_costs_something_is_never_given_away(alice, course):
    order = Order.objects.open_for(alice, "course:1", [OrderLine.for_course(course)])
    assert not mark_paid(order, None)
    order.refresh_from_db()
    assert not order.is_paid


def test_staff_are_told_of_a_price_that_counted_on_a_refunded_line(
    sandbox, sold, refunded, client_of, alice, bundle, two_courses, caplog
):
    """The order was opened before the refund, and its page at the gateway can be paid for ever."""
    first = sold(alice, {two_courses[0]: 45000})
    client_of(alice).post(url_of(bundle), {"amount_paise": 15000})
    refunded(first, gateway_payment_id="pay_1")
    order = Order.objects.get(status="created")
    sandbox.pay(order)
    assert [confirm_order(order), confirm_order(order)] == ["paid", "paid"], "money never ends in nothing"
    assert caplog.text.count("a person must look") == 1
    assert order.events.filter(key="credit_lost").exists()


def test_seats_are_for_others_so_nothing_is_taken_off(sold, alice, bundle, two_courses):
    sold(alice, {two_courses[0]: 45000})
    price = quote(alice, bundle, seat_count=3)
    assert price.amount_paise == 180000
    assert sorted({line.seat_number for line in price.lines}) == [1, 2, 3]
    assert sum(line.amount_paise for line in price.lines) == 180000
    assert price.product_key == f"seats:bundle:{bundle.pk}"


def test_what_made_a_bundle_cheaper_goes_back_after_it(sold, buy_bundle, refunded, alice, bundle, two_courses):
    """Otherwise the rest of a bundle could be had for next to nothing: buy a part, complete it, give the part back."""
    first = sold(alice, {two_courses[0]: 45000})
    order = buy_bundle(alice, bundle)
    assert f"made your order {order.number} cheaper" in refundable(first, alice)[0].reason_if_not
    assert refundable(first)[0].reason_if_not == "", "staff may"
    refunded(order, gateway_payment_id="pay_1")
    assert refundable(first, alice)[0].reason_if_not == ""
