"""What the gateway says of subscriptions, applied.

`sync` asks how a subscription stands and what it was paid for. It is the one way in which one changes its status;
webhooks, pages, the reconciler and staff all come here. Each captured charge becomes one order with one line, which
`mark_paid` turns into a grant for that period. Everything here is safe to repeat and to race (docs/payments.md).
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from coursebundler.db import run_in_transaction
from coursebundler.logs import log_event
from courses.models import Grant
from payments import emails, razorpay
from payments import razorpay_subscriptions as gateway
from payments.billing_form import last_billing
from payments.confirmation import mark_paid
from payments.leases import LEASE
from payments.models import Order, OrderEvent, OrderLine, Plan, Subscription
from payments.razorpay import GatewayPayment
from payments.razorpay_subscriptions import GatewayInvoice, GatewaySubscription

logger = logging.getLogger(__name__)

Status = Subscription.Status
FORGOTTEN_AFTER = timedelta(days=45)
SHORTEST_PERIOD = timedelta(days=1)
PERIODS = {Plan.Period.MONTHLY: timedelta(days=31), Plan.Period.YEARLY: timedelta(days=366)}


# --- What the gateway says ---
def sync(subscription: Subscription) -> None:
    """Ask the gateway and apply what it says: every charge, then the status. Raises GatewayError.

    Of two answers the one that was asked for later stays, and nothing leads out of a final status.
    """
    if not subscription.gateway_subscription_id:
        return
    asked_at = timezone.now()
    told = gateway.fetch_subscription(subscription.gateway_subscription_id)
    book_charges(subscription)
    _apply(subscription, told, asked_at)
    subscription.refresh_from_db()


def confirm(gateway_subscription_id: str) -> str:
    """`sync` for whoever has the gateway's id only; says how the subscription stands. Raises GatewayError."""
    found = Subscription.objects.select_related("plan", "user").filter(gateway_subscription_id=gateway_subscription_id)
    subscription = found.first()
    if subscription is None:
        logger.warning("Subscription %.40r is not ours.", gateway_subscription_id)
        return "not_ours"
    sync(subscription)
    return str(subscription.status)


def confirm_invoice(gateway_invoice_id: str) -> str:
    """`confirm` for the subscription that this invoice belongs to. Raises GatewayError."""
    return confirm(gateway.fetch_invoice(gateway_invoice_id).subscription_id)


def book_charges(subscription: Subscription) -> None:
    """One paid order for each charge that was captured. Safe to repeat and to race."""
    booked = set(subscription.orders.paid().order_by().values_list("product_key", flat=True))
    for invoice in gateway.fetch_paid_invoices(subscription.gateway_subscription_id or ""):
        if product_key(invoice) in booked:
            continue
        payment = razorpay.fetch_payment(invoice.payment_id)
        if payment.status != "captured":
            logger.warning("Payment %s of a subscription is %s.", payment.id, payment.status)
            continue
        _book(subscription, invoice, payment, is_first=not booked)
        booked.add(product_key(invoice))


def product_key(invoice: GatewayInvoice) -> str:
    return f"charge:{invoice.payment_id}"


def _book(subscription: Subscription, invoice: GatewayInvoice, payment: GatewayPayment, *, is_first: bool) -> None:
    """The order is made and paid in one transaction, so that nobody ever sees an unpaid one."""
    starts_at, ends_at = _period(subscription, invoice, is_first=is_first)
    line = OrderLine(
        kind=OrderLine.Kind.PLAN,
        title=subscription.plan.name,
        amount_paise=subscription.price_paise,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    fields = {
        "user": subscription.user,
        "product_key": product_key(invoice),
        "amount_paise": subscription.price_paise,
        "sum_lines": [{"label": _label(subscription, starts_at, ends_at), "amount_paise": subscription.price_paise}],
        "subscription": subscription,
        "billing": subscription.billing or last_billing(subscription.user),
    }

    def store() -> None:
        order, is_new = Order.objects.get_or_create(gateway_order_id=payment.order_id, defaults=fields)
        if is_new:
            line.of_order(order, 0).save(force_insert=True)
        mark_paid(order, payment)

    run_in_transaction(store)


def _period(subscription: Subscription, invoice: GatewayInvoice, *, is_first: bool) -> tuple[datetime, datetime]:
    """As the gateway bills it. The first begins when it is paid, whatever a bill says."""
    starts_at, ends_at = invoice.starts_at or timezone.now(), invoice.ends_at
    if ends_at is None or ends_at < starts_at + SHORTEST_PERIOD:
        logger.error("Invoice %s names no period; one from its beginning on is given.", invoice.id)
        ends_at = starts_at + PERIODS[Plan.Period(subscription.plan.period)]
    return (min(starts_at, timezone.now()) if is_first else starts_at), ends_at


def _label(subscription: Subscription, starts_at: datetime, ends_at: datetime) -> str:
    return f"{subscription.plan}, {date_format(starts_at, 'j M Y')} to {date_format(ends_at, 'j M Y')}"


def _apply(subscription: Subscription, told: GatewaySubscription, asked_at: datetime) -> None:
    values = {"status": told.status, "asked_at": asked_at} | _paid_period(subscription)
    rows = Subscription.objects.filter(Q(asked_at__isnull=True) | Q(asked_at__lte=asked_at), pk=subscription.pk)
    if told.status in Subscription.ENDED:
        values |= {"live_key": None, "ended_at": told.ended_at or subscription.ended_at or asked_at}
    else:
        rows = rows.exclude(status__in=Subscription.ENDED)
    if not rows.update(**values):
        return
    if told.status != subscription.status:
        log_event("subscription_changed", subscription=subscription.pk, status=told.status)
    subscription.refresh_from_db()
    _set_grace(subscription)
    _note(subscription)
    tell(subscription)


def lines_of(subscription: Subscription) -> list[OrderLine]:
    """What was paid for and not taken back, the latest period first."""
    orders = list(subscription.orders.paid().values_list("pk", flat=True))
    lines = list(OrderLine.objects.filter(order__in=orders).order_by("-ends_at"))
    revoked = Grant.objects.filter(source_id__in=[line.pk for line in lines], revoked_at__isnull=False)
    gone = set(revoked.order_by().values_list("source_id", flat=True))
    return [line for line in lines if line.pk not in gone]


def _paid_period(subscription: Subscription) -> dict[str, datetime | None]:
    """From what was paid for: while a payment is pending, the gateway's period is one that nobody has paid."""
    latest = next(iter(lines_of(subscription)), None)
    return {
        "period_starts_at": latest.starts_at if latest else None,
        "period_ends_at": latest.ends_at if latest else None,
    }


def _set_grace(subscription: Subscription) -> None:
    """While a payment is pending, the last period stays open some days longer; otherwise it ends when it ends."""
    for position, line in enumerate(lines_of(subscription)[:2]):
        has_grace = position == 0 and subscription.status == Status.PENDING and line.ends_at
        ends_at = grace_ends_at(subscription) if has_grace else line.ends_at
        note = "The renewal has not gone through yet." if has_grace else ""
        grants = Grant.objects.filter(source_kind=Grant.Source.SUBSCRIPTION, source_id=line.pk)
        grants.filter(revoked_at__isnull=True).exclude(ends_at=ends_at).update(ends_at=ends_at, note=note)


def grace_ends_at(subscription: Subscription) -> datetime | None:
    if subscription.period_ends_at is None:
        return None
    return subscription.period_ends_at + timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)


def _note(subscription: Subscription) -> None:
    """On the timeline of the last charge."""
    order = subscription.orders.order_by("-created_at").first()
    if order and subscription.status != Status.ACTIVE:
        text = f"The subscription is now: {subscription.get_status_display()}."
        OrderEvent.note(order, f"subscription:{subscription.status}", text)


# --- Telling the subscriber ---
MAILS: dict[str, Callable[[Subscription], None]] = {
    Status.PENDING: emails.send_renewal_failed,
    Status.HALTED: emails.send_subscription_halted,
    Status.CANCELLED: emails.send_subscription_cancelled,
}


def tell(subscription: Subscription, status: str = "") -> None:
    """One mail for each time that a subscription comes into a status that its owner should know of.

    Whoever claims it sends it. A claim runs out, and a failing mail server gives it back: the next `sync` tries again.
    """
    status = status or subscription.status
    row = Subscription.objects.filter(pk=subscription.pk)
    if status == Status.ACTIVE:
        row.filter(told_status__in=[Status.PENDING, Status.HALTED]).update(told_status="")
    if status not in MAILS or subscription.period_ends_at is None or not subscription.user.is_active:
        return
    now = timezone.now()
    is_free = Q(told_claimed_at__isnull=True) | Q(told_claimed_at__lt=now - LEASE)
    if not row.filter(is_free).exclude(told_status=status).update(told_claimed_at=now):
        return
    mine = row.filter(told_claimed_at=now)
    try:
        MAILS[status](subscription)
    except Exception:
        logger.exception("The mail “%s” about subscription %s was not sent.", status, subscription.pk)
        mine.update(told_claimed_at=None)
    else:
        mine.update(told_claimed_at=None, told_status=status)


# --- For the reconciler ---
def near_boundary() -> Iterator[Subscription]:
    return chain(*boundary_rows())


def boundary_rows() -> list["QuerySet[Subscription]"]:
    """What the gateway may know more of than we: about to renew, failing, waiting to be paid, or just ended."""
    now = timezone.now()
    known = Subscription.objects.filter(gateway_subscription_id__isnull=False).select_related("plan", "user").order_by()
    soon = known.filter(_not_asked_since(now - timedelta(minutes=10)))
    seldom = known.filter(_not_asked_since(now - timedelta(hours=12)))
    running = (Status.AUTHENTICATED, Status.ACTIVE, Status.PENDING)
    return [
        soon.filter(status__in=running, period_ends_at__lte=now + timedelta(hours=1)),
        soon.filter(status__in=running, period_ends_at__isnull=True),
        soon.filter(
            status=Status.CREATED, created_at__lt=now - timedelta(minutes=10), created_at__gt=now - timedelta(days=3)
        ),
        # The gateway's page can stay open in a browser for long.
        seldom.filter(
            status=Status.CREATED, created_at__lt=now - timedelta(days=3), created_at__gt=now - FORGOTTEN_AFTER
        ),
        seldom.filter(status=Status.PAUSED, period_ends_at__lte=now),
        seldom.filter(status=Status.HALTED, period_ends_at__gt=now - timedelta(days=60)),
        seldom.filter(status__in=Subscription.ENDED, ended_at__gt=now - timedelta(days=3)),
    ]


def _not_asked_since(moment: datetime) -> Q:
    return Q(asked_at__isnull=True) | Q(asked_at__lt=moment)


def heal(subscription: Subscription) -> bool:
    """`sync`, and whether that changed something. Raises GatewayError."""
    before = (subscription.status, subscription.period_ends_at)
    sync(subscription)
    return before != (subscription.status, subscription.period_ends_at)
