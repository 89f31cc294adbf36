"""What `manage.py reconcile_payments` does: it asks about everything that is not settled yet, and settles it.

Every job is safe to run at any time, to repeat, and to run beside itself: orders are claimed one by one through their
`check_at`, and what a job does is done by the same functions that a browser and a webhook reach.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from coursebundler import metrics
from coursebundler.db import is_unavailable, reason_of
from coursebundler.logs import log_event
from payments import (
    additions,
    disputes,
    entitlements,
    invoices,
    razorpay,
    refund_settling,
    refunds,
    seats,
    subscriptions,
)
from payments.confirmation import Outcome, apply_payment, confirm_order, send_receipt_once
from payments.models import Bundle, BundleEdition, Order, OrderEvent, Payment, WebhookEvent
from payments.models.orders import RECONCILED_AFTER
from payments.razorpay import GatewayError, GatewayPayment, GatewayUnknownId

logger = logging.getLogger(__name__)
Row = TypeVar("Row")

BATCH = 100
CLOSED_AFTER = timedelta(days=7)
FORGOTTEN_AFTER = timedelta(days=14)  # a closed order can still be paid on a page that was left open
SWEPT = timedelta(days=1)  # for so long Razorpay repeats a webhook
EDITIONS_WATCHED = timedelta(days=2)
LONGEST_PAUSE = timedelta(hours=12)
GATEWAY_FAILURES = 3  # in a row, and a job stops asking: everything that it would ask comes again


@dataclass
class Tally:
    """How one job went."""

    looked: int = 0
    healed: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.looked} looked at, {self.healed} healed, {self.failed} failed"


def always() -> bool:
    return True


@dataclass
class Run:
    """What one run may do and what it did. `limit` is the number of rows that each job looks at, at the most.

    `may_go_on` is asked before each row; the run ends with the row in hand once it says no.
    """

    limit: int
    may_go_on: Callable[[], bool] = always
    tallies: dict[str, Tally] = field(default_factory=dict)

    @property
    def healed(self) -> int:
        return sum(tally.healed for tally in self.tallies.values())

    @property
    def failed(self) -> int:
        return sum(tally.failed for tally in self.tallies.values())

    def __str__(self) -> str:
        return "; ".join(f"{name}: {tally}" for name, tally in self.tallies.items())


def reconcile(*, limit: int = 1000, jobs: Iterable[str] | None = None, may_go_on: Callable[[], bool] = always) -> Run:
    """Do every job (or those named), and go on after one that failed. Safe to run at any time and beside itself."""
    run = Run(limit, may_go_on)
    for name in jobs or JOBS:
        if may_go_on():
            _do(name, run)
    metrics.put(ReconcilerHeals=run.healed, ReconcilerFailures=run.failed)
    return run


def _do(name: str, run: Run) -> None:
    tally = run.tallies[name] = Tally()
    try:
        JOBS[name](run, tally)
    except GatewayError as error:
        logger.warning("The reconciler's job “%s” waits for its next run: %s", name, error)
        tally.failed += 1
    except Exception as error:
        tally.failed += 1
        if is_unavailable(error):
            logger.error("The reconciler's job “%s” cannot ask the database: %s", name, reason_of(error))
        else:
            logger.exception("The reconciler's job “%s” ended early; the others go on.", name)
    log_event("reconciled", job=name, looked=tally.looked, healed=tally.healed, failed=tally.failed)


def each(run: Run, rows: Iterable[Row], heal: Callable[[Row], object], tally: Tally) -> None:
    """`heal` every row; it says whether there was something to heal. One failure stops nothing, a dead gateway does."""
    failures_in_a_row = 0
    for row in rows:
        if not run.may_go_on():
            return
        tally.looked += 1
        try:
            tally.healed += bool(heal(row))
            failures_in_a_row = 0
        except GatewayError as error:
            logger.warning("The reconciler has to come back to %r: %s", row, error)
            tally.failed += 1
            failures_in_a_row += 1
        except Exception as error:
            if is_unavailable(error):
                raise  # or each of the other rows would wait for it as well
            logger.exception("The reconciler cannot settle %r.", row)
            tally.failed += 1
        if failures_in_a_row == GATEWAY_FAILURES:
            logger.error("The gateway does not answer; the reconciler leaves the rest for its next run.")
            return


# --- Orders ---
def settle_orders(run: Run, tally: Tally) -> None:
    each(run, _pages_of_due_orders(run.limit), settle_order, tally)


def due_orders() -> "QuerySet[Order]":
    """Those whose time has come, the longest due first."""
    return Order.objects.filter(check_at__lte=timezone.now()).order_by("check_at", "pk")


def _pages_of_due_orders(limit: int) -> Iterator[Order]:
    """Each look moves an order on, so the next page is another."""
    due = due_orders()
    for start in range(0, limit, BATCH):
        page = list(due[: min(BATCH, limit - start)])
        yield from page
        if len(page) < BATCH:
            return


def settle_order(order: Order) -> bool:
    """Bring it as far as it can get, and say whether that changed something. Raises GatewayError."""
    mine = Order.objects.filter(pk=order.pk, check_at=order.check_at)
    if not mine.update(check_at=_next_check_at(order)):
        return False  # another reconciler was faster
    if order.is_paid:
        return _complete(order)
    was_paid = _ask_about(order)
    if not was_paid:
        _close_when_old(order)
    return was_paid


def _next_check_at(order: Order) -> datetime:
    """Soon for a young order, seldom for an old one."""
    now = timezone.now()
    return now + min(max((now - order.created_at) / 4, RECONCILED_AFTER), LONGEST_PAUSE)


def _ask_about(order: Order) -> bool:
    """Whether the gateway says that it was paid; it is then."""
    try:
        is_paid = confirm_order(order) == Outcome.PAID
    except GatewayUnknownId:
        logger.warning("The gateway knows nothing of order %s.", order.pk)
        return False
    if is_paid:
        log_event("order_healed", order=order.pk, status=order.status)
    return is_paid


def _close_when_old(order: Order) -> None:
    """Nobody has to be able to pay it for ever; and once nobody can, nobody has to look."""
    age = timezone.now() - order.created_at
    if age > CLOSED_AFTER and order.cancel():
        OrderEvent.note(order, "closed", f"Closed: it was not paid within {CLOSED_AFTER.days} days.")
    if age > FORGOTTEN_AFTER or (age > CLOSED_AFTER and not order.gateway_order_id):
        Order.objects.filter(pk=order.pk).exclude(status=Order.Status.PAID).update(check_at=None)


def _complete(order: Order) -> bool:
    """Everything that a paid order ends in. Leaves it due if some of that cannot be done now."""
    missing = entitlements.lines_without_grant([order])
    if missing:
        logger.error("Order %s was paid and %d of its lines gave nothing; they do now.", order.pk, len(missing))
        entitlements.give(order)
    additions.give_additions(order)
    has_sent = send_receipt_once(order)
    has_invited = seats.send_invitations(order)
    if has_invited:
        Order.objects.filter(pk=order.pk, receipt_sent_at__isnull=False).update(check_at=None)
    return bool(missing) or has_sent


# --- Payments that nobody told us about ---
def sweep_payments(run: Run, tally: Tally) -> None:
    """Money for orders that nobody asks about any more, and money for an order that was paid before."""
    each(run, _unbooked_payments(*_swept()), _book, tally)


def _swept() -> tuple[datetime, datetime]:
    ends_at = timezone.now() + timedelta(minutes=1)  # their clock may be ahead of ours
    return ends_at - SWEPT, ends_at


def _unbooked_payments(begins_at: datetime, ends_at: datetime) -> Iterator[GatewayPayment]:
    listed = [p for p in razorpay.fetch_payments_between(begins_at, ends_at) if p.status == "captured" and p.order_id]
    for start in range(0, len(listed), BATCH):
        page = listed[start : start + BATCH]
        booked = set(
            Payment.objects.filter(gateway_payment_id__in=[payment.id for payment in page])
            .exclude(entry=Payment.Entry.FAILED)
            .order_by()
            .values_list("gateway_payment_id", flat=True)
        )
        ours = set(
            Order.objects.filter(gateway_order_id__in=[payment.order_id for payment in page])
            .order_by()
            .values_list("gateway_order_id", flat=True)
        )
        yield from (payment for payment in page if payment.id not in booked and payment.order_id in ours)


def _book(payment: GatewayPayment) -> bool:
    outcome = apply_payment(payment)
    log_event("payment_healed", payment=payment.id, outcome=outcome)
    return True


# --- What other modules know to be unsettled ---
def settle_refunds(run: Run, tally: Tally) -> None:
    """Those that we know of, and those of the last day that nobody told us about."""
    each(run, islice(refunds.unsettled(), run.limit), refunds.heal, tally)
    each(run, refunds.sweep(*_swept()), refund_settling.apply_gateway_refund, tally)


def settle_disputes(run: Run, tally: Tally) -> None:
    each(run, islice(disputes.unsettled(), run.limit), disputes.heal, tally)
    each(run, disputes.sweep(*_swept()), disputes.apply_gateway_dispute, tally)


def settle_subscriptions(run: Run, tally: Tally) -> None:
    each(run, islice(subscriptions.near_boundary(), run.limit), subscriptions.heal, tally)


def issue_documents(run: Run, tally: Tally) -> None:
    tally.looked = tally.healed = invoices.issue_missing_documents()


def give_additions(run: Run, tally: Tally) -> None:
    """Whoever published an edition may have died before all buyers had it."""
    lately = BundleEdition.objects.filter(created_at__gt=timezone.now() - EDITIONS_WATCHED)
    bundles = Bundle.objects.filter(pk__in=list(lately.order_by().values_list("bundle_id", flat=True)))
    each(run, bundles, additions.give_to_buyers, tally)


# --- Webhooks ---
def watch_webhooks(run: Run, tally: Tally) -> None:
    """Razorpay disables an endpoint that has failed for 24 hours, and tells one address: somebody has to notice."""
    now = timezone.now()
    silent_since = now - timedelta(hours=settings.WEBHOOK_SILENCE_HOURS)
    newest = WebhookEvent.objects.order_by("-pk").values_list("created_at", flat=True).first()
    paid = Payment.objects.filter(entry=Payment.Entry.CAPTURED, created_at__gt=silent_since)
    payment_count = paid.filter(created_at__lt=now - RECONCILED_AFTER).count()
    age_seconds = int((now - newest).total_seconds()) if newest else -1
    is_silent = payment_count and (newest is None or newest < silent_since)
    log_event("webhook_silence", seconds=age_seconds, payments=payment_count)
    # Silence matters while payments come in; of a night without any, an alarm must not be made.
    metrics.put(WebhookSilence=max(age_seconds, settings.WEBHOOK_SILENCE_HOURS * 3600) if is_silent else 0)
    tally.looked = payment_count
    if is_silent:
        logger.error(
            "No webhook for %d hours, but %d payments: is it disabled in Razorpay's dashboard?",
            settings.WEBHOOK_SILENCE_HOURS,
            payment_count,
        )


JOBS: dict[str, Callable[[Run, Tally], None]] = {
    "payments": sweep_payments,
    "orders": settle_orders,
    "refunds": settle_refunds,
    "disputes": settle_disputes,
    "subscriptions": settle_subscriptions,
    "documents": issue_documents,
    "additions": give_additions,
    "webhooks": watch_webhooks,
}
