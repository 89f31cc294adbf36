"""Coming back from the gateway with the browser."""

import json
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from courses.models import Grant
from payments.models import Order, Payment


def test_it_works(sandbox, order, come_back, alice, course, client_of, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = come_back(sandbox.pay(order))
    assert response.status_code == 303
    assert response.url == order.get_absolute_url()
    order.refresh_from_db()
    assert order.status == "paid"
    assert timezone.now() - order.paid_at < timedelta(minutes=1)
    grant = Grant.objects.get()
    assert (grant.user, grant.course, grant.source_kind) == (alice, course, "order_line")
    assert grant.source_id == order.lines.get().pk
    payment = Payment.objects.get()
    assert (payment.order, payment.entry, payment.amount_paise, payment.currency) == (order, "captured", 49900, "INR")
    assert payment.method == "upi"
    assert len(mail.outbox) == 1
    assert "You’re in" in client_of(alice).get(response.url).text


def test_it_changes_nothing_when_repeated(sandbox, order, come_back, django_capture_on_commit_callbacks):
    fields = sandbox.pay(order)
    with django_capture_on_commit_callbacks(execute=True):
        assert {come_back(fields).status_code for _ in range(3)} == {303}
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)


@pytest.mark.parametrize("name", ["razorpay_payment_id", "razorpay_order_id", "razorpay_signature"])
def test_it_refuses_what_the_gateway_did_not_sign(sandbox, order, come_back, name):
    fields = sandbox.pay(order)
    rest = {key: text for key, text in fields.items() if key != name}
    changed = ("", "x", "é", "a\0b", "9" * 5000, fields[name] + "0", fields[name][:-1])
    for tampered in [rest, *(rest | {name: value} for value in changed)]:
        response = come_back(tampered)
        assert response.status_code == 400
        assert "not signed by Razorpay" in response.text
    order.refresh_from_db()
    assert (order.status, order.returned_at) == ("created", None)
    assert not Payment.objects.exists()


def test_it_refuses_the_signature_of_another_order(sandbox, open_order, alice, bob, course, come_back):
    mine, yours = open_order(alice, course), open_order(bob, course)
    paid = sandbox.pay(mine)
    assert come_back(paid | {"razorpay_order_id": yours.gateway_order_id}).status_code == 400
    yours.refresh_from_db()
    assert not yours.is_paid


def test_it_lets_nobody_sign_with_an_empty_secret(sandbox, order, come_back, settings, sign):
    fields = sandbox.pay(order)
    message = f"{fields['razorpay_order_id']}|{fields['razorpay_payment_id']}"
    settings.RAZORPAY_KEY_SECRET = ""
    assert come_back(fields | {"razorpay_signature": sign("", message)}).status_code == 400
    settings.RAZORPAY_KEY_SECRET = "a secret"
    assert come_back(fields | {"razorpay_signature": sign("a secret", message)}).status_code == 303


def test_it_does_not_know_orders_that_are_not_ours(sandbox, order, come_back):
    fields = sandbox.pay(order)
    Order.objects.filter(pk=order.pk).update(gateway_order_id="order_another")
    assert come_back(fields).status_code == 404
    assert not Payment.objects.exists()


def test_it_requires_a_post(client):
    assert client.get(reverse("payments:callback")).status_code == 405


def test_it_refuses_an_empty_post(come_back, db):
    assert come_back({}).status_code == 400


def test_it_opens_the_course_to_the_buyer_and_not_to_the_messenger(sandbox, order, client_of, bob, course):
    """Bob replays Alice's return in his own browser: it is her order that becomes paid."""
    response = client_of(bob).post(reverse("payments:callback"), sandbox.pay(order))
    assert response.status_code == 303
    assert not Grant.objects.filter(user=bob).exists()
    assert client_of(bob).get(response.url).status_code == 404


@pytest.mark.parametrize("change", [{"amount": 100}, {"amount": 49901}, {"currency": "USD"}])
def test_it_refuses_a_payment_of_something_else(sandbox, order, come_back, client_of, alice, caplog, change):
    fields = sandbox.pay(order, **change)
    response = come_back(fields)
    come_back(fields)
    order.refresh_from_db()
    assert order.status == "created"
    assert not Grant.objects.exists()
    assert Payment.objects.get().entry == "mismatch"
    assert [record.levelname for record in caplog.records if "is not what order" in record.message] == ["ERROR"]
    assert "We are looking at your payment" in client_of(alice).get(response.url).text
    come_back(sandbox.pay(order))
    order.refresh_from_db()
    assert order.is_paid, "the right payment still counts"


def test_it_waits_for_money_that_is_only_authorized(sandbox, order, come_back, client_of, alice):
    fields = sandbox.pay(order, captured=False)
    response = come_back(fields)
    order.refresh_from_db()
    assert order.status == "created"
    assert not Payment.objects.exists()
    assert "We are confirming your payment" in client_of(alice).get(response.url).text
    payment_id = fields["razorpay_payment_id"]
    assert sandbox.api("POST", f"/v1/payments/{payment_id}/capture", {"amount": 49900, "currency": "INR"}).ok
    cache.clear()
    assert "You’re in" in client_of(alice).get(response.url).text


def test_it_waits_when_the_gateway_does_not_answer(sandbox, order, come_back, client_of, alice):
    fields = sandbox.pay(order)
    sandbox.switch(api_failure="html502")
    response = come_back(fields)
    assert response.status_code == 303
    assert "We are confirming your payment" in client_of(alice).get(response.url).text
    sandbox.switch()
    cache.clear()
    assert "You’re in" in client_of(alice).get(response.url).text


def test_it_pays_an_order_that_was_cancelled_meanwhile(sandbox, order, come_back, open_order, alice, course):
    course.price_paise = 99900
    course.save(update_fields=["price_paise"])
    open_order(alice, course)
    come_back(sandbox.pay(order))
    order.refresh_from_db()
    assert order.is_paid, "money arrived, so it must end in the course"
    assert Grant.objects.count() == 1


def test_it_keeps_the_second_payment_for_a_person_to_refund(sandbox, order, come_back, caplog):
    come_back(sandbox.pay(order))
    paid_at = Order.objects.get(pk=order.pk).paid_at
    second = sandbox.pay(order)
    for _ in range(2):
        come_back(second)
    assert Payment.objects.filter(entry="captured").count() == 2
    assert Grant.objects.count() == 1
    assert Order.objects.get(pk=order.pk).paid_at == paid_at
    assert [record.levelname for record in caplog.records if "was paid again" in record.message] == ["ERROR"]


def test_it_is_never_paid_less_by_a_failure_that_comes_later(sandbox, order, come_back):
    come_back(sandbox.pay(order))
    failure = {"error[code]": "BAD_REQUEST_ERROR", "error[metadata]": json.dumps({"order_id": order.gateway_order_id})}
    come_back(failure)
    order.refresh_from_db()
    assert order.is_paid


def test_it_records_a_failed_payment(sandbox, order, come_back, client_of, alice):
    failed = sandbox.pay(order, kind="fail")
    response = come_back(failed)
    assert response.status_code == 303
    assert response.url == f"/paymentfail?order={order.pk}"
    payment = Payment.objects.get()
    assert (payment.entry, payment.order) == ("failed", order)
    assert "declined by the bank" in payment.reason
    page = client_of(alice).get(response.url).text
    assert "did not go through" in page
    assert "declined by the bank" not in page
    order.refresh_from_db()
    assert order.status == "created"


def test_it_asks_the_gateway_before_it_believes_a_failure(sandbox, order, come_back):
    """Nobody signs failures: whoever knows the order's id can post one."""
    metadata = json.dumps({"order_id": order.gateway_order_id, "payment_id": "pay_invented"})
    response = come_back({"error[code]": "BAD_REQUEST_ERROR", "error[metadata]": metadata})
    assert response.status_code == 303
    assert not Payment.objects.exists()


def test_it_finds_the_money_behind_a_reported_failure(sandbox, order, come_back):
    sandbox.pay(order)
    come_back({"error[metadata]": json.dumps({"order_id": order.gateway_order_id})})
    order.refresh_from_db()
    assert order.is_paid


@pytest.mark.parametrize(
    "metadata", ["", "{", "{}", "[]", "null", "7", '{"order_id": 7}', '{"order_id": "x\\u0000"}', "[" * 9999]
)
def test_it_survives_a_failure_without_an_order(come_back, db, metadata):
    response = come_back({"error[code]": "BAD_REQUEST_ERROR", "error[metadata]": metadata})
    assert response.status_code == 303
    assert response.url == "/paymentfail"


def test_it_survives_a_failure_while_the_gateway_is_down(sandbox, order, come_back):
    failed = sandbox.pay(order, kind="fail")
    sandbox.switch(api_failure="json500")
    assert come_back(failed).status_code == 303
    assert not Payment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_one_purchase_when_eight_returns_arrive_at_once(sandbox, order, alice):
    fields, answers = sandbox.pay(order), []
    together = threading.Barrier(8)

    def arrive() -> None:
        try:
            client = Client()
            together.wait()
            answers.append(client.post(reverse("payments:callback"), fields).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=arrive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 8
    assert Grant.objects.filter(user=alice).count() == 1
    assert Payment.objects.filter(entry="captured").count() == 1
    assert len(mail.outbox) == 1
