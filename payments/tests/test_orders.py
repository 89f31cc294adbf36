"""A student's orders: the list, one of them, how it stands, and the pages /paymentsuccess and /paymentfail."""

import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from payments.models import Order, Payment


def pages_of(order):
    return [
        order.get_absolute_url(),
        reverse("payments:order_status", args=[order.pk]),
        f"{reverse('payments:payment_fail')}?order={order.pk}",
    ]


@pytest.fixture
def returned(order):
    """The browser is back with a genuine signature, and nothing else is known yet."""
    Order.objects.filter(pk=order.pk).update(returned_at=timezone.now())
    return order


def test_it_lists_ones_own_orders(client_of, alice, bob, order):
    page = client_of(alice).get(reverse("payments:order_list")).text
    assert order.number in page
    assert "Unpaid" in page
    assert "You have not bought anything yet" in client_of(bob).get(reverse("payments:order_list")).text


def test_it_turns_pages_and_knows_no_others(client_of, alice, django_assert_max_num_queries):
    for n in range(30):
        Order.objects.create(user=alice, product_key=f"course:{n}", amount_paise=100)
    client, url = client_of(alice), reverse("payments:order_list")
    with django_assert_max_num_queries(5):
        first = client.get(url)
    assert first.text.count('href="/orders/') == 24
    assert client.get(f"{url}?page=2").text.count('href="/orders/') == 6
    for number in ("0", "3", "-1", "x", "9" * 5000, "1\0", "1.0"):
        assert client.get(url, {"page": number}).status_code == 404


def test_it_requires_a_login(client, order):
    urls = [*pages_of(order), reverse("payments:order_list"), reverse("payments:payment_success")]
    for url in urls:
        assert client.get(url).url.startswith("/login?next=")
    assert client.post(reverse("payments:order_check", args=[order.pk])).url.startswith("/login?next=")


def test_it_shows_nothing_to_others(sandbox, order, client_of, bob, come_back):
    fields = sandbox.pay(order)
    come_back(fields)
    client = client_of(bob)
    assert client.get(order.get_absolute_url()).status_code == 404
    assert client.get(reverse("payments:order_status", args=[order.pk])).status_code == 404
    assert client.post(reverse("payments:order_check", args=[order.pk])).status_code == 404
    failure = client.get(f"{reverse('payments:payment_fail')}?order={order.pk}")
    success = client.get(f"{reverse('payments:payment_success')}?reference={fields['razorpay_payment_id']}")
    assert success.status_code == 404
    for page in (failure, success):
        assert order.number not in page.text
        assert str(order.pk) not in page.text


def test_nobody_elses_order_is_checked(sandbox, order, client_of, bob):
    sandbox.pay(order)
    client_of(bob).post(reverse("payments:order_check", args=[order.pk]))
    order.refresh_from_db()
    assert not order.is_paid


def test_it_does_not_know_strange_ids(client_of, alice):
    client = client_of(alice)
    assert client.get(f"/orders/{uuid.uuid4()}").status_code == 404
    assert client.get("/orders/not-an-id").status_code == 404
    for value in ("", "x", "\0", "9" * 5000, str(uuid.uuid4())):
        assert client.get(reverse("payments:payment_fail"), {"order": value}).status_code == 200
        assert client.get(reverse("payments:payment_success"), {"reference": value}).status_code == 404


def test_an_unpaid_order_can_be_paid(client_of, alice, order, course):
    page = client_of(alice).get(order.get_absolute_url()).text
    assert "waits for your payment" in page
    assert reverse("payments:checkout", args=[course.slug]) in page
    assert "hx-get" not in page


def test_what_is_no_longer_sold_is_not_offered(client_of, alice, order, course):
    course.status = "archived"
    course.save(update_fields=["status"])
    assert reverse("payments:checkout", args=[course.slug]) not in client_of(alice).get(order.get_absolute_url()).text


def test_a_cancelled_order_says_so(client_of, alice, order):
    assert order.cancel()
    assert not order.cancel()
    assert "This order was closed" in client_of(alice).get(order.get_absolute_url()).text


def test_a_paid_order_is_never_cancelled(sandbox, order, come_back):
    come_back(sandbox.pay(order))
    assert not order.cancel()
    order.refresh_from_db()
    assert order.is_paid


def test_while_confirming_it_asks_again_by_itself(client_of, alice, returned):
    client = client_of(alice)
    page = client.get(returned.get_absolute_url()).text
    status_url = reverse("payments:order_status", args=[returned.pk])
    assert f'hx-get="{status_url}" hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    piece = client.get(status_url).text
    assert "We are confirming your payment" in piece
    assert "<html" not in piece


def test_a_page_that_waits_for_nothing_does_not_ask_the_gateway(sandbox, client_of, alice, order):
    sandbox.pay(order)
    for url in pages_of(order):
        assert "waits for your payment" in client_of(alice).get(url).text
    order.refresh_from_db()
    assert not order.is_paid


def test_while_confirming_it_finds_the_money_without_any_webhook(sandbox, client_of, alice, returned, course):
    sandbox.pay(returned)
    piece = client_of(alice).get(reverse("payments:order_status", args=[returned.pk])).text
    assert "You’re in" in piece
    assert course.get_absolute_url() in piece
    assert "hx-get" not in piece


def test_while_confirming_it_does_not_ask_the_gateway_each_time(sandbox, client_of, alice, returned):
    client, url = client_of(alice), reverse("payments:order_status", args=[returned.pk])
    client.get(url)
    sandbox.pay(returned)
    assert "We are confirming" in client.get(url).text
    cache.clear()
    assert "You’re in" in client.get(url).text


def test_while_confirming_it_survives_a_gateway_that_is_down(sandbox, client_of, alice, returned):
    sandbox.switch(api_failure="json500")
    for url in pages_of(returned):
        response = client_of(alice).get(url)
        assert response.status_code == 200
        assert "We are confirming" in response.text


def test_it_does_not_confirm_for_ever(client_of, alice, order):
    Order.objects.filter(pk=order.pk).update(returned_at=timezone.now() - timedelta(minutes=31))
    assert "waits for your payment" in client_of(alice).get(order.get_absolute_url()).text


def test_a_failure_after_the_return_ends_the_waiting(sandbox, client_of, alice, returned):
    sandbox.pay(returned, kind="fail")
    assert "did not go through" in client_of(alice).get(returned.get_absolute_url()).text


def test_a_new_attempt_after_a_failure_is_waited_for(sandbox, client_of, alice, order, come_back):
    come_back(sandbox.pay(order, kind="fail"))
    come_back(sandbox.pay(order, captured=False))
    assert "We are confirming" in client_of(alice).get(order.get_absolute_url()).text


def test_the_button_asks_the_gateway(sandbox, client_of, alice, order):
    sandbox.pay(order)
    response = client_of(alice).post(reverse("payments:order_check", args=[order.pk]), follow=True)
    assert response.redirect_chain == [(order.get_absolute_url(), 302)]
    assert "You’re in" in response.text
    assert "We have asked Razorpay" in response.text


def test_the_button_says_when_the_gateway_does_not_answer(sandbox, client_of, alice, order):
    sandbox.switch(api_failure="html502")
    response = client_of(alice).post(reverse("payments:order_check", args=[order.pk]), follow=True)
    assert "Razorpay does not answer at the moment" in response.text
    assert "502" not in response.text


def test_the_button_is_a_post(client_of, alice, order):
    assert client_of(alice).get(reverse("payments:order_check", args=[order.pk])).status_code == 405


def test_the_button_does_not_flood_the_gateway(sandbox, client_of, alice, order):
    client, url = client_of(alice), reverse("payments:order_check", args=[order.pk])
    client.post(url)
    sandbox.pay(order)
    client.post(url)
    order.refresh_from_db()
    assert not order.is_paid, "the second click within two seconds asked nobody"


def test_paymentsuccess_tells_the_truth(sandbox, order, client_of, alice, come_back):
    fields = sandbox.pay(order)
    url = f"{reverse('payments:payment_success')}?reference={fields['razorpay_payment_id']}"
    assert client_of(alice).get(url).status_code == 404, "nothing is known yet, whatever the address says"
    come_back(fields)
    response = client_of(alice).get(url)
    assert response.status_code == 200
    assert "You’re in" in response.text


def test_paymentsuccess_does_not_call_a_failure_a_success(sandbox, order, client_of, alice, come_back):
    come_back(sandbox.pay(order, kind="fail"))
    reference = Payment.objects.get().gateway_payment_id
    page = client_of(alice).get(f"{reverse('payments:payment_success')}?reference={reference}").text
    assert "did not go through" in page
    assert "You’re in" not in page


def test_paymentfail_tells_the_truth(sandbox, order, client_of, alice, come_back):
    come_back(sandbox.pay(order))
    assert "You’re in" in client_of(alice).get(f"{reverse('payments:payment_fail')}?order={order.pk}").text


def test_an_order_number_can_be_read_out(order):
    assert len(order.number) == 10
    assert not set(order.number) & set("01IO")
    assert str(order) == f"Order {order.number}"
