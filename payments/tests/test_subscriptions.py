"""What the gateway says of subscriptions: charges become orders and grants, statuses follow, mails go out once."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from django.core import mail
from django.db import DatabaseError, connection
from django.utils import timezone

from courses.access import explain_access
from courses.models import Grant
from payments import razorpay_subscriptions as gateway
from payments import subscriptions
from payments.models import Order, OrderEvent, OrderLine, Payment, Subscription, WebhookEvent
from payments.razorpay import GatewayUnavailable
from payments.razorpay_subscriptions import GatewaySubscription
from payments.subscriptions import sync

pytestmark = pytest.mark.detail


def letters() -> list[mail.EmailMessage]:
    """All but receipts, which go out only where the test's transaction is a real one."""
    return [letter for letter in mail.outbox if "receipt" not in letter.subject]


def grants_of(subscription) -> list[Grant]:
    return list(Grant.objects.filter(user=subscription.user, source_kind="subscription").order_by("starts_at"))


def lasts_a_month(row) -> bool:
    return timedelta(days=27) < row.ends_at - row.starts_at < timedelta(days=32)


def test_a_charge_is_one_order_with_its_period_and_a_grant(
    sandbox, waiting, alice, course, django_capture_on_commit_callbacks
):
    sandbox.agree(waiting)
    with django_capture_on_commit_callbacks(execute=True):
        sync(waiting)
    assert (waiting.status, waiting.live_key) == ("active", str(alice.pk))
    order = Order.objects.get()
    assert (order.status, order.amount_paise, order.subscription) == ("paid", 79900, waiting)
    assert sum(line["amount_paise"] for line in order.sum_lines) == 79900
    line = order.lines.get()
    assert (line.kind, line.course, line.amount_paise, line.title) == ("plan", None, 79900, "Everything, monthly")
    assert lasts_a_month(line)
    grant = Grant.objects.get()
    assert (grant.user, grant.course, grant.source_kind, grant.source_id) == (alice, None, "subscription", line.pk)
    assert (grant.starts_at, grant.ends_at) == (line.starts_at, line.ends_at)
    assert (waiting.period_starts_at, waiting.period_ends_at) == (line.starts_at, line.ends_at)
    assert explain_access(alice, course).is_allowed
    assert Payment.objects.get().entry == "captured"
    [receipt] = mail.outbox
    assert "Everything, monthly" in receipt.body
    assert "₹799" in receipt.body


def test_what_is_paid_opens_at_once(sandbox, waiting):
    """Whatever moment the bill begins at."""
    sandbox.let_days_pass(3)
    sandbox.agree(waiting)
    sync(waiting)
    assert Grant.objects.get().starts_at <= timezone.now()


def test_it_changes_nothing_when_repeated(running, django_capture_on_commit_callbacks):
    before = len(mail.outbox)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            sync(running)
    assert (Order.objects.count(), OrderLine.objects.count(), Payment.objects.count()) == (1, 1, 1)
    assert Grant.objects.count() == 1
    assert len(mail.outbox) == before


def test_a_renewal_is_another_order_for_the_next_period(sandbox, running, django_capture_on_commit_callbacks):
    before = len(mail.outbox)
    sandbox.let_days_pass(32)
    with django_capture_on_commit_callbacks(execute=True):
        sync(running)
    first, second = grants_of(running)
    assert (first.ends_at, running.period_ends_at) == (second.starts_at, second.ends_at)
    assert lasts_a_month(second)
    assert Order.objects.paid().count() == 2
    assert len({order.gateway_order_id for order in Order.objects.all()}) == 2
    assert len(mail.outbox) == before + 1


def test_many_charges_that_nobody_told_us_of_are_all_found(sandbox, running):
    sandbox.let_days_pass(400)
    sync(running)
    lines = list(OrderLine.objects.order_by("starts_at"))
    assert len(lines) == 14
    assert all(earlier.ends_at == later.starts_at for earlier, later in pairwise(lines))


def test_invoices_are_read_page_by_page(sandbox, running, monkeypatch):
    monkeypatch.setattr(gateway, "PAGE_SIZE", 2)
    sandbox.let_days_pass(130)
    sync(running)
    assert Order.objects.count() == 5


def test_another_amount_gives_nothing_and_is_kept_for_a_person(sandbox, waiting, caplog):
    Subscription.objects.update(price_paise=79901)
    waiting.refresh_from_db()
    sandbox.agree(waiting)
    sync(waiting)
    assert not Grant.objects.exists()
    assert Order.objects.get().status == "created"
    assert Payment.objects.get().entry == "mismatch"
    assert "a person must look" in caplog.text


def test_a_payment_that_failed_is_no_order(sandbox, waiting):
    sandbox.agree(waiting, "fail")
    sync(waiting)
    assert waiting.status == "created"
    assert not Order.objects.exists()


def test_a_charge_that_went_back_before_we_heard_of_it_is_no_order(sandbox, waiting):
    payment_id = sandbox.agree(waiting)["razorpay_payment_id"]
    assert sandbox.api("POST", f"/v1/payments/{payment_id}/refund", {"amount": 79900}).ok
    sync(waiting)
    assert not Order.objects.exists()
    assert not Payment.objects.exists()


def test_a_slow_payment_is_booked_when_it_arrives(sandbox, waiting):
    sandbox.switch(pending_seconds=0)
    sandbox.agree(waiting, "later")
    for _ in range(100):
        sync(waiting)
        if waiting.status == "active":
            break
    assert waiting.status == "active"
    assert Grant.objects.count() == 1


def test_nothing_is_stored_when_the_grant_cannot_be(sandbox, waiting, broken_inserts):
    sandbox.agree(waiting)
    broken_inserts("courses_grant")
    with pytest.raises(DatabaseError):
        sync(waiting)
    assert not Order.objects.exists()
    broken_inserts.repair()
    sync(waiting)
    assert (Order.objects.get().status, Grant.objects.count()) == ("paid", 1)


def test_a_refunded_charge_stays_refunded(running):
    Grant.objects.update(revoked_at=timezone.now())
    sync(running)
    assert Grant.objects.get().revoked_at
    assert running.period_ends_at is None


# --- A renewal that fails ---
def test_a_failed_renewal_keeps_everything_open_for_some_days(sandbox, running, settings):
    settings.SUBSCRIPTION_GRACE_DAYS = 3
    paid_until = running.period_ends_at
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    sync(running)
    assert (running.status, running.period_ends_at) == ("pending", paid_until)
    grant = Grant.objects.get()
    assert grant.ends_at == paid_until + timedelta(days=3)
    assert "renewal" in grant.note
    [letter] = letters()
    assert letter.to == ["alice@example.org"]
    assert "/my/subscription" in letter.body
    assert f"{grant.ends_at:%-d %B %Y}" in letter.body
    sync(running)
    assert len(letters()) == 1
    assert OrderEvent.objects.filter(key="subscription:pending").count() == 1


def test_paying_after_all_goes_on_as_if_nothing_had_been(sandbox, running):
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    sync(running)
    sandbox.agree(running, "card")
    sync(running)
    assert running.status == "active"
    first, second = grants_of(running)
    assert first.ends_at == second.starts_at  # the days of grace are gone
    assert first.note == ""
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(31)
    sync(running)
    assert [letter.subject for letter in letters()] == ["Your subscription could not be renewed"] * 2


def test_halted_ends_with_what_was_paid_for(sandbox, running, alice):
    paid_until = running.period_ends_at
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    sync(running)
    sandbox.let_days_pass(5)
    sync(running)
    assert running.status == "halted"
    assert Grant.objects.get().ends_at == paid_until
    assert [letter.subject for letter in letters()][1:] == ["Your subscription has ended"]
    assert "/subscribe" in letters()[1].body
    sync(running)
    assert len(letters()) == 2


def test_grace_is_not_for_what_was_paid_back(sandbox, running):
    Grant.objects.update(revoked_at=timezone.now())
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    sync(running)
    assert (running.status, running.period_ends_at) == ("pending", None)
    assert not Grant.objects.active().exists()


def test_a_mail_that_cannot_be_sent_is_sent_by_the_next_look(sandbox, running, settings):
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    sync(running)
    assert (running.status, running.told_status) == ("pending", "")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    sync(running)
    assert (running.told_status, len(letters())) == ("pending", 1)


def test_a_mail_that_somebody_is_sending_is_not_sent_twice(sandbox, running):
    Subscription.objects.update(told_claimed_at=timezone.now())
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    sync(running)
    assert not letters()
    Subscription.objects.update(told_claimed_at=timezone.now() - timedelta(minutes=11))
    sync(running)
    assert len(letters()) == 1


def test_nobody_who_has_left_is_written_to(running, alice):
    alice.anonymise()
    Subscription.objects.update(status="halted")
    subscriptions.tell(Subscription.objects.get())
    assert not letters()


# --- The order of things ---
def test_an_answer_that_is_older_changes_nothing(running):
    later = timezone.now().replace(microsecond=0) + timedelta(minutes=1)
    Subscription.objects.update(status="pending", asked_at=later)
    subscriptions._apply(running, GatewaySubscription("sub_1", "active"), later - timedelta(seconds=1))
    running.refresh_from_db()
    assert (running.status, running.asked_at) == ("pending", later)


def test_nothing_leads_out_of_the_end(running):
    subscriptions._apply(running, GatewaySubscription("sub_1", "cancelled"), timezone.now())
    subscriptions._apply(running, GatewaySubscription("sub_1", "active"), timezone.now() + timedelta(minutes=1))
    running.refresh_from_db()
    assert (running.status, running.live_key) == ("cancelled", None)
    assert running.ended_at


def test_a_completed_one_keeps_what_was_paid_for(sandbox, running, alice, course):
    subscriptions._apply(running, GatewaySubscription("sub_1", "completed"), timezone.now())
    running.refresh_from_db()
    assert running.has_ended
    assert explain_access(alice, course).is_allowed


def test_a_status_that_we_do_not_know_changes_nothing():
    with pytest.raises(GatewayUnavailable):
        gateway._subscription({"id": "sub_1", "status": "on_holiday"})


def test_an_invoice_without_a_period_gives_one(sandbox, waiting, monkeypatch, caplog):
    sandbox.agree(waiting)
    monkeypatch.setattr(subscriptions, "SHORTEST_PERIOD", timedelta(days=50))
    sync(waiting)
    line = OrderLine.objects.get()
    assert line.ends_at - line.starts_at >= timedelta(days=31)
    assert "names no period" in caplog.text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_that_look_at_once_book_each_charge_once(sandbox, waiting):
    sandbox.agree(waiting)
    sandbox.let_days_pass(32)
    errors: list[Exception] = []

    def look() -> None:
        try:
            sync(Subscription.objects.select_related("plan", "user").get(pk=waiting.pk))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (Order.objects.count(), OrderLine.objects.count(), Payment.objects.count()) == (2, 2, 2)
    assert Grant.objects.count() == 2
    assert len(mail.outbox) == 2


# --- Webhooks ---
@pytest.fixture
def tell(webhook, sandbox):
    """Deliver an event about a subscription, as Razorpay does."""
    import json

    def deliver(kind: str, subscription_id, event_id: str = "evt_1", **payment):
        entities = {"subscription": {"entity": {"id": subscription_id}}}
        if payment:
            entities["payment"] = {"entity": payment}
        return webhook(kind, body=json.dumps({"event": kind, "payload": entities}).encode(), event_id=event_id)

    return deliver


KINDS = [
    "authenticated",
    "activated",
    "charged",
    "pending",
    "halted",
    "paused",
    "resumed",
    "cancelled",
    "completed",
    "updated",
]


def test_each_event_only_makes_us_ask(sandbox, waiting, tell):
    sandbox.agree(waiting)
    for kind in KINDS:
        Subscription.objects.update(status="created", asked_at=None)
        assert tell(f"subscription.{kind}", waiting.gateway_subscription_id, kind).status_code == 200
        waiting.refresh_from_db()
        assert waiting.status == "active", kind
        assert WebhookEvent.objects.get(event_id=kind).outcome == "active"


def test_events_in_any_order_and_any_number_come_to_the_same(sandbox, waiting, tell):
    sandbox.agree(waiting)
    for number, kind in enumerate([*reversed(KINDS), *KINDS]):
        assert tell(f"subscription.{kind}", waiting.gateway_subscription_id, f"evt_{number}").status_code == 200
    waiting.refresh_from_db()
    assert waiting.status == "active"
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)


def test_an_event_of_a_subscription_that_is_not_ours(sandbox, waiting, tell):
    assert tell("subscription.charged", "sub_another").status_code == 200
    assert WebhookEvent.objects.get().outcome == "not_ours"


def test_a_malformed_event_is_refused(db, tell):
    for wrong in (None, 1, "", ["sub_1"], {}):
        assert tell("subscription.charged", wrong).status_code == 400


def test_an_event_waits_while_the_gateway_is_down(sandbox, waiting, tell):
    sandbox.agree(waiting)
    sandbox.switch(api_failure="json500")
    assert tell("subscription.charged", waiting.gateway_subscription_id).status_code == 503
    sandbox.switch()
    assert tell("subscription.charged", waiting.gateway_subscription_id).status_code == 200
    assert Grant.objects.count() == 1


def test_the_payment_alone_is_enough(sandbox, waiting, webhook):
    """Of all events only payment.captured came, and it names the invoice."""
    import json

    fields = sandbox.agree(waiting)
    payment = sandbox.api("GET", f"/v1/payments/{fields['razorpay_payment_id']}").json()
    body = json.dumps({"event": "payment.captured", "payload": {"payment": {"entity": payment}}}).encode()
    assert webhook("payment.captured", body=body).status_code == 200
    waiting.refresh_from_db()
    assert (waiting.status, Grant.objects.count()) == ("active", 1)


# --- The reconciler ---
def test_the_reconciler_asks_about_what_is_near_its_boundary(sandbox, running):
    long_ago = timezone.now() - timedelta(days=1)
    Subscription.objects.update(asked_at=long_ago)
    assert list(subscriptions.near_boundary()) == []
    Subscription.objects.update(period_ends_at=timezone.now())
    assert list(subscriptions.near_boundary()) == [running]
    Subscription.objects.update(asked_at=timezone.now())
    assert list(subscriptions.near_boundary()) == []


def test_the_reconciler_asks_about_each_that_may_have_changed(running):
    hour, day = timezone.now() - timedelta(hours=1), timezone.now() - timedelta(days=1)
    for status, values in {
        "created": {"created_at": hour - timedelta(days=10)},
        "active": {"period_ends_at": None},
        "pending": {"period_ends_at": day},
        "paused": {"period_ends_at": day},
        "halted": {"period_ends_at": day},
        "cancelled": {"ended_at": day},
    }.items():
        Subscription.objects.update(status=status, asked_at=day, **values)
        assert list(subscriptions.near_boundary()) == [running], status


def test_the_reconciler_asks_about_one_that_waits_but_not_for_ever(waiting):
    for age, is_asked in {timedelta(minutes=1): False, timedelta(hours=1): True, timedelta(days=50): False}.items():
        Subscription.objects.update(created_at=timezone.now() - age, asked_at=None)
        assert list(subscriptions.near_boundary()) == [waiting] * is_asked, age


def test_the_reconciler_heals_what_no_webhook_told(sandbox, running):
    sandbox.let_days_pass(32)
    running.refresh_from_db()
    assert subscriptions.heal(running)
    assert not subscriptions.heal(running)
    assert Order.objects.count() == 2
