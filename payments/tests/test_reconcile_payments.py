"""manage.py reconcile_payments: what was lost on the way is found, once, and closed when nothing can come any more."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from courses.models import Grant
from payments import reconciliation, refunds
from payments.confirmation import confirm_order
from payments.models import Dispute, Earning, Order, OrderEvent, Payment, Refund, TaxDocument, WebhookEvent
from payments.reconciliation import settle_order

pytestmark = pytest.mark.detail


@pytest.fixture
def reconcile():
    def run(**options) -> str:
        out = StringIO()
        call_command("reconcile_payments", stdout=out, **options)
        return out.getvalue()

    return run


def make_due(order: Order, **age) -> Order:
    """As if it had been ordered so long ago, and the reconciler's time had come."""
    long_ago = timezone.now() - timedelta(**age or {"minutes": 11})
    Order.objects.filter(pk=order.pk).update(created_at=long_ago, check_at=timezone.now() - timedelta(minutes=1))
    order.refresh_from_db()
    return order


@pytest.mark.django_db(transaction=True)
def test_it_finds_a_payment_that_nobody_told_us_about(sandbox, order, reconcile):
    sandbox.pay(order)
    make_due(order)
    assert "1 healed" in reconcile()
    order.refresh_from_db()
    assert order.is_paid
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)
    reconcile()
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)


def test_it_leaves_young_orders_to_the_browser(sandbox, order, reconcile):
    assert "orders: 0 looked at" in reconcile()
    Order.objects.update(check_at=timezone.now())
    assert "orders: 1 looked at" in reconcile()


def test_it_asks_old_orders_less_often(order, reconcile):
    def wait_after(**age) -> timedelta:
        make_due(order, **age)
        settle_order(order)
        order.refresh_from_db()
        return order.check_at - timezone.now()

    assert timedelta(minutes=9) < wait_after(minutes=11) < timedelta(minutes=11)
    assert timedelta(hours=5) < wait_after(hours=24) < timedelta(hours=7)
    assert timedelta(hours=11) < wait_after(days=6) < timedelta(hours=13)


def test_an_order_that_another_reconciler_has_is_left_to_it(sandbox, order):
    sandbox.pay(order)
    mine, theirs = make_due(order), Order.objects.get(pk=order.pk)
    assert settle_order(theirs)
    assert not settle_order(mine)


def test_a_cancelled_order_that_is_paid_after_all_is_found(sandbox, order, reconcile):
    order.cancel()
    sandbox.pay(order)
    make_due(order, days=8)
    reconcile()
    order.refresh_from_db()
    assert order.is_paid
    assert Grant.objects.count() == 1


def test_it_closes_what_nobody_paid(order, reconcile):
    make_due(order, days=6)
    reconcile()
    order.refresh_from_db()
    assert order.status == "created"
    make_due(order, days=8)
    reconcile()
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert order.check_at
    assert "not paid within 7 days" in OrderEvent.objects.get(order=order).text
    make_due(order, days=15)
    reconcile()
    order.refresh_from_db()
    assert order.check_at is None


def test_an_order_that_the_gateway_has_forgotten_is_closed_as_well(sandbox, order, reconcile):
    sandbox.forget(order.gateway_order_id)
    make_due(order, days=8)
    reconcile()
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_a_paid_order_is_complete_afterwards(sandbox, order, reconcile, caplog):
    sandbox.pay(order)
    confirm_order(order)
    Grant.objects.all().delete()
    make_due(order)
    reconcile()
    order.refresh_from_db()
    assert order.check_at is None
    assert Grant.objects.count() == 1
    assert "gave nothing" in caplog.text


def test_a_receipt_that_died_on_its_way_is_sent(sandbox, order, reconcile):
    """Its process claimed it and was killed; the claim runs out."""
    sandbox.pay(order)
    confirm_order(order)
    now = timezone.now()
    Order.objects.update(receipt_claimed_at=now - timedelta(minutes=9), receipt_sent_at=None)
    mail.outbox.clear()
    make_due(order)
    reconcile()
    assert not mail.outbox
    Order.objects.update(receipt_claimed_at=now - timedelta(minutes=11))
    make_due(order)
    reconcile()
    make_due(order)
    reconcile()
    assert len(mail.outbox) == 1
    order.refresh_from_db()
    assert (bool(order.receipt_sent_at), order.check_at) == (True, None)


def test_it_sweeps_up_a_second_payment_of_a_settled_order(sandbox, order, reconcile, caplog):
    sandbox.pay(order)
    confirm_order(order)
    Order.objects.update(check_at=None)
    sandbox.pay(order)
    assert "payments: 1 looked at, 1 healed" in reconcile()
    assert "was paid again" in caplog.text
    assert Payment.objects.filter(entry="captured").count() == 2
    assert "payments: 0 looked at" in reconcile()


def test_what_another_shop_of_the_account_sold_is_not_ours(sandbox, db, reconcile, caplog):
    made = sandbox.api("POST", "/v1/orders", {"amount": 100, "currency": "INR"}).json()
    assert sandbox.api("POST", "/sandbox/payments", {"order_id": made["id"]}).ok
    assert "payments: 0 looked at" in reconcile()
    assert made["id"] not in caplog.text


def test_one_failure_stops_nothing(sandbox, open_order, make_course, alice, reconcile, broken_order):
    orders = [open_order(alice, make_course(f"Course {n}")) for n in range(3)]
    for order in orders:
        sandbox.pay(order)
        make_due(order)
    broken_order(orders[1])
    with pytest.raises(CommandError, match="1 could not be settled"):
        reconcile()
    assert Order.objects.paid().count() == 2


@pytest.fixture
def broken_order():
    """An order that the gateway has no valid id for: it refuses, and nobody knows why."""

    def make(order: Order) -> None:
        Order.objects.filter(pk=order.pk).update(gateway_order_id="bro/ken")

    return make


def test_a_dead_gateway_is_asked_three_times_only(sandbox, open_order, make_course, alice, reconcile, caplog):
    for n in range(5):
        make_due(open_order(alice, make_course(f"Course {n}")))
    sandbox.switch(api_failure="html502")
    with pytest.raises(CommandError, match="6 could not be settled"):  # three orders and three lists
        reconcile()
    assert "leaves the rest for its next run" in caplog.text
    assert Order.objects.filter(check_at__lt=timezone.now()).count() == 2
    sandbox.switch()
    assert "0 failed" in reconcile()


def test_it_looks_at_no_more_than_it_was_told(sandbox, open_order, make_course, alice, reconcile):
    for n in range(3):
        make_due(open_order(alice, make_course(f"Course {n}")))
    assert "orders: 2 looked at" in reconcile(limit=2)
    with pytest.raises(CommandError, match="1 or more"):
        reconcile(limit=0)


def silence(reconcile, caplog) -> bool:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        reconcile()
    [event] = [record for record in caplog.records if record.getMessage() == "webhook_silence"]
    assert type(event.fields["seconds"]) is int
    return "is it disabled" in caplog.text


def test_it_notices_that_no_webhook_comes(sandbox, order, reconcile, caplog):
    """Only if there were payments that should have made one."""
    assert not silence(reconcile, caplog)
    now = timezone.now()
    Payment.objects.create(
        order=order,
        entry="captured",
        gateway_payment_id="pay_1",
        amount_paise=1,
        currency="INR",
        created_at=now - timedelta(hours=1),
    )
    assert silence(reconcile, caplog)
    WebhookEvent.objects.create(event_id="evt_old", kind="order.paid", created_at=now - timedelta(hours=7))
    assert silence(reconcile, caplog)
    WebhookEvent.objects.create(event_id="evt_new", kind="order.paid", created_at=now - timedelta(hours=5))
    assert not silence(reconcile, caplog)


def older(row, minutes: int = 11) -> None:
    type(row).objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(minutes=minutes))


@pytest.fixture
def bought(sandbox, order) -> Order:
    sandbox.pay(order)
    confirm_order(order)
    order.refresh_from_db()
    return order


def test_it_sends_a_refund_that_was_left_lying(bought, stella, reconcile):
    refund = refunds.request_refund(bought, list(bought.lines.all()), "", stella)
    older(refund)
    assert "refunds: 1 looked at, 1 healed" in reconcile()
    refund.refresh_from_db()
    assert refund.status == "processed"
    assert Grant.objects.get().revoked_at


def test_it_finds_refunds_and_disputes_that_nobody_told_us_about(sandbox, bought, reconcile):
    payment_id = Payment.objects.get().gateway_payment_id
    assert sandbox.api("POST", "/sandbox/disputes", {"payment_id": payment_id, "amount": 100}).ok
    assert "disputes: 1 looked at, 1 healed" in reconcile()
    assert Dispute.objects.get().status == "open"
    raised = Dispute.objects.get().gateway_dispute_id
    assert sandbox.api("POST", "/sandbox/disputes", {"dispute_id": raised, "how": "won"}).ok
    reconcile()
    assert Dispute.objects.get().status == "won"
    assert sandbox.api("POST", f"/v1/payments/{payment_id}/refund", {"amount": 49900}).ok
    reconcile()
    assert Refund.objects.get().status == "processed"


def test_it_syncs_a_subscription_whose_webhooks_were_lost(sandbox, waiting, alice, reconcile):
    sandbox.agree(waiting)
    older(waiting)
    reconcile()
    waiting.refresh_from_db()
    assert waiting.status == "active"
    assert Grant.objects.filter(user=alice, source_kind="subscription").count() == 1


def test_it_issues_documents_that_are_missing(bought, reconcile):
    Earning.objects.all()._raw_delete("default")
    TaxDocument.objects.all()._raw_delete("default")
    reconcile()
    assert TaxDocument.objects.get().order == bought


def test_it_gives_what_a_growing_bundle_has_not_given(
    make_bundle, buy_bundle, two_courses, make_course, alice, reconcile
):
    bundle = make_bundle(*two_courses, grows=True)
    buy_bundle(alice, bundle)
    bundle.publish_edition([*two_courses, make_course("Ropes")], additions_included=True)
    additions = Grant.objects.filter(user=alice, source_kind="bundle_edition")
    additions.delete()
    reconcile()
    assert additions.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_everything_once(sandbox, open_order, make_course, alice):
    for n in range(6):
        order = open_order(alice, make_course(f"Course {n}"))
        sandbox.pay(order)
        make_due(order)
    barrier = threading.Barrier(2)

    def run(_: int) -> int:
        barrier.wait()
        try:
            return reconciliation.reconcile().failed
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [0, 0]
    assert (Order.objects.paid().count(), Grant.objects.count(), Payment.objects.count()) == (6, 6, 6)
    assert (len(mail.outbox), TaxDocument.objects.count()) == (6, 6)
