"""Refunds and disputes as Razorpay tells them: the part of `payments/razorpay.py` that gives money back.

Razorpay's pages: “Refunds API” (Refunds Entity, Create a Normal Refund (Idempotent Request), Fetch Multiple Refunds for
a Payment, Fetch All Refunds) and “Disputes API” (Disputes Entity, Fetch a Dispute).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from payments.models import Refund
from payments.razorpay import IDEMPOTENCY_HEADER, GatewayUnavailable, _ask, _created_at, _items, _listed, _text

MINIMUM_PAISE = 100  # “The amount must be at least INR 1.00”


@dataclass(frozen=True)
class GatewayRefund:
    """`status`: pending, processed or failed. `our_id` is our refund's id, if the refund was made by us."""

    id: str
    payment_id: str
    amount_paise: int
    currency: str
    status: str
    our_id: str = ""
    note: str = ""


@dataclass(frozen=True)
class GatewayDispute:
    """`status`: open, under_review, won, lost or closed; `deducted_paise` is 0 unless it is lost."""

    id: str
    payment_id: str
    amount_paise: int
    deducted_paise: int
    status: str
    phase: str = ""
    reason: str = ""
    respond_by: datetime | None = None


def create_refund(refund: Refund) -> GatewayRefund:
    """Ask for it. Safe to repeat with the same refund: the idempotency key is its id. Raises GatewayError."""
    data = {
        "amount": refund.amount_paise,
        "speed": "normal",
        "receipt": str(refund.pk),
        "notes": {"order_number": refund.order.number, "refund_id": str(refund.pk)},
    }
    headers = {IDEMPOTENCY_HEADER: str(refund.pk)}
    payment_id = quote(refund.gateway_payment_id, safe="")
    return _refund(_ask(lambda client: client.payment.refund(payment_id, data, headers=headers)))


def fetch_refund(gateway_refund_id: str) -> GatewayRefund:
    return _refund(_ask(lambda client: client.refund.fetch(quote(gateway_refund_id, safe=""))))


def fetch_refunds_of(gateway_payment_id: str) -> list[GatewayRefund]:
    """Every refund of a payment, oldest first."""
    payment_id = quote(gateway_payment_id, safe="")
    answer = _ask(lambda client: client.payment.fetch_multiple_refund(payment_id, {"count": 100}))
    return [_refund(item) for item in sorted(_items(answer), key=_created_at)]


def fetch_refunds_between(begins_at: datetime, ends_at: datetime) -> Iterator[GatewayRefund]:
    """Every refund made in [begins_at, ends_at), newest first."""
    for entity in _listed(lambda client, page: client.refund.all(page), begins_at, ends_at):
        yield _refund(entity)


def fetch_dispute(gateway_dispute_id: str) -> GatewayDispute:
    return _dispute(_ask(lambda client: client.dispute.fetch(quote(gateway_dispute_id, safe=""))))


def fetch_disputes_between(begins_at: datetime, ends_at: datetime) -> Iterator[GatewayDispute]:
    """Every dispute that was opened in [begins_at, ends_at), newest first."""
    for entity in _listed(lambda client, page: client.dispute.all(page), begins_at, ends_at):
        yield _dispute(entity)


def _refund(entity: Any) -> GatewayRefund:
    notes = entity.get("notes") if isinstance(entity, dict) else None
    ours = notes.get("refund_id") if isinstance(notes, dict) else None
    comment = notes.get("comment") if isinstance(notes, dict) else None
    return GatewayRefund(
        id=_text(_as_entity(entity), "id", required=True),
        payment_id=_text(entity, "payment_id", required=True),
        amount_paise=_paise(entity, "amount"),
        currency=_text(entity, "currency", required=True),
        status=_text(entity, "status", required=True),
        our_id=_text(entity, "receipt") or (ours if isinstance(ours, str) else ""),
        note=comment if isinstance(comment, str) else "",
    )


def _dispute(entity: Any) -> GatewayDispute:
    respond_by = _as_entity(entity).get("respond_by")
    return GatewayDispute(
        id=_text(entity, "id", required=True),
        payment_id=_text(entity, "payment_id", required=True),
        amount_paise=_paise(entity, "amount"),
        deducted_paise=_paise(entity, "amount_deducted"),
        status=_text(entity, "status", required=True),
        phase=_text(entity, "phase"),
        reason=_text(entity, "reason_description") or _text(entity, "reason_code"),
        respond_by=datetime.fromtimestamp(respond_by, UTC) if type(respond_by) is int else None,
    )


def _as_entity(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GatewayUnavailable("Something that is no object where a refund or dispute was expected.")
    return value


def _paise(entity: dict[str, Any], key: str) -> int:
    value = entity.get(key)
    if type(value) is not int or value < 0:
        raise GatewayUnavailable(f"The answer has no “{key}” in whole paise.")
    return value
