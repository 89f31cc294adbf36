"""A paid order always ends in its grants and its receipt, whatever breaks between."""

import pytest
from django.core import mail

from courses.models import Grant
from payments.confirmation import confirm_order, mark_paid
from payments.models import Order, Payment
from payments.razorpay import GatewayPayment, fetch_order_payments


@pytest.mark.parametrize("table", ["courses_grant", "payments_payment"])
def test_it_is_all_or_nothing(broken_inserts, sandbox, order, come_back, table):
    fields = sandbox.pay(order)
    broken_inserts(table)
    with pytest.raises(Exception, match=r"broken|failed validation|in-progress transactions"):
        come_back(fields)
    order.refresh_from_db()
    assert (order.status, order.paid_at) == ("created", None)
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (0, 0, 0)
    broken_inserts.repair()
    come_back(fields)
    order.refresh_from_db()
    assert order.is_paid
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)


def test_it_heals_a_paid_order_without_its_grant(sandbox, order, webhook, come_back):
    fields = sandbox.pay(order)
    come_back(fields)
    Grant.objects.all().delete()
    assert webhook("payment.captured", fields["razorpay_payment_id"]).status_code == 200
    assert Grant.objects.count() == 1


def test_it_heals_a_paid_order_without_its_ledger_row(sandbox, order, caplog):
    """Not an alarm: it is not a second payment."""
    sandbox.pay(order)
    Order.objects.filter(pk=order.pk).update(status="paid", paid_at=order.created_at)
    confirm_order(order)
    assert (Grant.objects.count(), Payment.objects.count()) == (1, 1)
    assert "was paid again" not in caplog.text


def test_it_does_not_undo_a_revoked_grant(sandbox, order, come_back):
    fields = sandbox.pay(order)
    come_back(fields)
    Grant.objects.update(revoked_at=order.created_at)
    come_back(fields)
    assert Grant.objects.get().revoked_at


@pytest.mark.django_db(transaction=True)
def test_a_broken_mail_server_undoes_nothing(sandbox, order, come_back, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    fields = sandbox.pay(order)
    assert come_back(fields).status_code == 303
    order.refresh_from_db()
    assert order.is_paid
    assert order.receipt_sent_at is None
    assert "was not sent" in caplog.text
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    come_back(fields)
    come_back(fields)
    assert len(mail.outbox) == 1
    order.refresh_from_db()
    assert order.receipt_sent_at


def test_the_receipt_says_what_was_bought(sandbox, order, come_back, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        come_back(sandbox.pay(order))
    [message] = mail.outbox
    assert message.to == ["alice@example.org"]
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    for body in (message.body, html):
        for text in (order.number, "Knots for sailors", "₹499", f"http://localhost:8000/orders/{order.pk}"):
            assert text in body


@pytest.mark.parametrize(
    "change",
    [
        {"status": "authorized"},
        {"status": "refunded"},
        {"order_id": "order_another"},
        {"amount_paise": 1},
        {"currency": "USD"},
    ],
)
def test_mark_paid_takes_only_what_the_order_asks_for(order, change):
    asked_for = {"order_id": order.gateway_order_id, "amount_paise": 49900, "currency": "INR", "status": "captured"}
    assert not mark_paid(order, GatewayPayment(id="pay_1", **asked_for | change))
    order.refresh_from_db()
    assert order.status == "created"
    assert mark_paid(order, GatewayPayment(id="pay_1", **asked_for))


def test_an_order_that_never_reached_the_gateway_has_no_payments(alice, course):
    order = Order.objects.create(user=alice, product_key="course:1", amount_paise=100)
    assert fetch_order_payments(order) == []
    assert confirm_order(order) == "unpaid"


def test_one_good_payment_outweighs_failures(sandbox, order):
    sandbox.pay(order, kind="fail")
    sandbox.pay(order)
    assert confirm_order(order) == "paid"
    assert set(Payment.objects.values_list("entry", flat=True)) == {"failed", "captured"}
