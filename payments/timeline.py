"""The whole story of an order, in words for staff: what was noted as it happened, and what only the rows tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coursebundler.formatting import rupees
from payments.models import Order, Payment

TOLD_BY_LEDGER = {
    Payment.Entry.FAILED: "A payment of {amount} failed ({payment}). {reason}",
    Payment.Entry.MISMATCH: "{amount} arrived ({payment}), which is not what the order asks for.",
}


@dataclass(frozen=True)
class Moment:
    at: datetime
    text: str
    actor: Any = None


def timeline(order: Order) -> list[Moment]:
    """Everything that happened to it, oldest first. Three queries at the most."""
    return sorted([*_of_the_order(order), *_of_the_ledger(order), *_noted(order)], key=lambda moment: moment.at)


def _of_the_order(order: Order) -> Iterator[Moment]:
    coupon = f" with the coupon {order.coupon}" if order.coupon else ""
    yield Moment(order.created_at, f"Ordered for {rupees(order.amount_paise)}{coupon}.", order.user)
    if order.returned_at:
        yield Moment(order.returned_at, "The browser came back from Razorpay with a genuine signature.")
    if order.receipt_sent_at:
        yield Moment(order.receipt_sent_at, f"Receipt sent to {order.user.email}.")


def _of_the_ledger(order: Order) -> Iterator[Moment]:
    """What nobody notes: attempts that came to nothing."""
    for row in order.payments.filter(entry__in=list(TOLD_BY_LEDGER)):
        words = TOLD_BY_LEDGER[Payment.Entry(row.entry)]
        amount, payment = rupees(row.amount_paise), row.gateway_payment_id
        yield Moment(row.created_at, words.format(amount=amount, payment=payment, reason=row.reason))


def _noted(order: Order) -> Iterator[Moment]:
    for event in order.events.select_related("actor"):
        yield Moment(event.created_at, event.text, event.actor)
