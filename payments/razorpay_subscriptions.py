"""The part of payments/razorpay.py that is about subscriptions: plans, subscriptions, their invoices and signatures.

Razorpay's documentation calls these pages "Subscriptions API", "Subscriptions: States", "Fetch All Invoices of a
Subscription" and "Integrate With Subscriptions". Amounts are integer paise, times are Unix seconds there.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings

from payments.models import Plan, Subscription
from payments.razorpay import PAGE_SIZE, GatewayUnavailable, _ask, _created_at, _is_signed, _items, _text

YEARS = 10  # for which somebody agrees at once; the subscription is completed then, and can be bought again
CHARGES = {Plan.Period.MONTHLY: 12 * YEARS, Plan.Period.YEARLY: YEARS}


@dataclass(frozen=True)
class GatewaySubscription:
    """A subscription as Razorpay tells it; `status` is one of Subscription.Status."""

    id: str
    status: str
    ended_at: datetime | None = None


@dataclass(frozen=True)
class GatewayInvoice:
    """What Razorpay asked for one period of a subscription. `payment_id` is empty until somebody has paid it."""

    id: str
    subscription_id: str
    payment_id: str
    starts_at: datetime | None
    ends_at: datetime | None


def create_plan(plan: Plan) -> str:
    """Make the gateway's plan for ours and give back its id. Not idempotent there: keep the id."""
    item = {"name": plan.name, "amount": plan.price_paise, "currency": "INR"}
    data = {"period": plan.period, "interval": 1, "item": item, "notes": {"plan": str(plan.pk)}}
    return _text(_ask(lambda client: client.plan.create(data)), "id", required=True)


def create_subscription(subscription: Subscription, gateway_plan_id: str) -> str:
    """Make the gateway's subscription for ours and give back its id. Not idempotent there: keep the id."""
    data = {
        "plan_id": gateway_plan_id,
        "total_count": CHARGES[Plan.Period(subscription.plan.period)],
        "quantity": 1,
        "customer_notify": False,
        "notes": {"subscription": str(subscription.pk)},
    }
    return _text(_ask(lambda client: client.subscription.create(data)), "id", required=True)


def fetch_subscription(subscription_id: str) -> GatewaySubscription:
    return _subscription(_ask(lambda client: client.subscription.fetch(subscription_id)))


def fetch_paid_invoices(subscription_id: str) -> list[GatewayInvoice]:
    """Everything that this subscription was paid for, oldest first."""
    found: list[Any] = []
    for skip in itertools.count(0, PAGE_SIZE):
        page = {"subscription_id": subscription_id, "count": PAGE_SIZE, "skip": skip}
        items = _items(_ask(lambda client, page=page: client.invoice.all(page)))  # type: ignore[misc]
        found += items
        if len(items) < PAGE_SIZE:
            break
    invoices = [_invoice(item) for item in sorted(found, key=_created_at)]
    return [invoice for invoice in invoices if invoice.payment_id]


def fetch_invoice(invoice_id: str) -> GatewayInvoice:
    return _invoice(_ask(lambda client: client.invoice.fetch(quote(invoice_id, safe=""))))


def cancel(subscription_id: str, *, at_period_end: bool) -> GatewaySubscription:
    """Without `at_period_end` at once. Raises GatewayRefused if there is nothing to cancel any more."""
    data = {"cancel_at_cycle_end": 1 if at_period_end else 0}
    return _subscription(_ask(lambda client: client.subscription.cancel(subscription_id, data)))


def pause(subscription_id: str) -> GatewaySubscription:
    """Raises GatewayRefused unless it is active."""
    return _subscription(_ask(lambda client: client.subscription.pause(subscription_id, {"pause_at": "now"})))


def resume(subscription_id: str) -> GatewaySubscription:
    """Raises GatewayRefused unless it is paused."""
    return _subscription(_ask(lambda client: client.subscription.resume(subscription_id, {"resume_at": "now"})))


def checkout_fields(subscription: Subscription, *, callback_url: str, cancel_url: str) -> dict[str, str]:
    """The hidden fields of the form that opens the hosted page; to pay what is pending, with another card."""
    fields = {
        "key_id": settings.RAZORPAY_KEY_ID,
        "subscription_id": subscription.gateway_subscription_id or "",
        "name": "CourseBundler",
        "description": subscription.plan.name,
        "prefill[name]": subscription.user.name,
        "prefill[email]": subscription.user.email,
        "callback_url": callback_url,
        "cancel_url": cancel_url,
    }
    if subscription.status == Subscription.Status.PENDING:
        fields["subscription_card_change"] = "1"
    return fields


def verify_return_signature(payment_id: str, subscription_id: str, signature: str) -> bool:
    """Whether Razorpay itself sent the browser back with this payment of this subscription."""
    return _is_signed(settings.RAZORPAY_KEY_SECRET, f"{payment_id}|{subscription_id}".encode(), signature)


def _subscription(entity: Any) -> GatewaySubscription:
    status = _text(entity, "status", required=True)
    if status not in Subscription.Status.values:
        raise GatewayUnavailable(f"A subscription in a status that we do not know: {status:.20}")
    return GatewaySubscription(_text(entity, "id", required=True), status, _moment(entity.get("ended_at")))


def _invoice(entity: Any) -> GatewayInvoice:
    if not isinstance(entity, dict):
        raise GatewayUnavailable("An invoice that is none.")
    return GatewayInvoice(
        id=_text(entity, "id", required=True),
        subscription_id=_text(entity, "subscription_id"),
        payment_id=_text(entity, "payment_id"),
        starts_at=_moment(entity.get("billing_start")),
        ends_at=_moment(entity.get("billing_end")),
    )


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 2**32 else None
