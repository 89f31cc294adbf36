"""The refund calculator in JSON, for a student's own orders. Amounts are integer paise."""

import logging
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import StrictInt

from coursebundler.api import ApiError
from payments import refunds
from payments.models import Order, Refund
from payments.razorpay import GatewayError
from payments.refund_forms import RefundForm
from payments.refund_rules import calculate, policy_of, refundable
from payments.refunds import RefundRefused

logger = logging.getLogger(__name__)
router = Router(tags=["refunds"])


class RefundLineOut(Schema):
    id: UUID
    title: str
    amount_paise: int
    reason_if_not: str


class RefundOut(Schema):
    id: UUID
    status: str
    amount_paise: int


class RefundableOut(Schema):
    success: bool = True
    order: str
    policy_version: int
    lines: list[RefundLineOut]
    refunds: list[RefundOut]


class RefundIn(Schema):
    lines: list[str]
    amount_paise: StrictInt
    reason: str = ""


class RefundedOut(Schema):
    success: bool = True
    refund: RefundOut


@router.get("/orders/{uuid:order_id}/refund", response=RefundableOut, summary="What of an order would come back")
def order_refundable(request: HttpRequest, order_id: UUID) -> Any:
    """Each line with its sum, or the reason why nothing comes back for it; and the refunds that there are."""
    order = _own(request, order_id)
    lines = [
        {"id": line.pk, "title": line.title, "amount_paise": paise, "reason_if_not": reason}
        for line, paise, reason in refundable(order, order.user)
    ]
    policy_version = policy_of(order).version
    return {"order": order.number, "policy_version": policy_version, "lines": lines, "refunds": order.refunds.all()}


@router.post("/orders/{uuid:order_id}/refund", response=RefundedOut, summary="Ask for a refund")
def order_refund(request: HttpRequest, order_id: UUID, body: RefundIn) -> Any:
    """`amount_paise` is the sum of the lines as you know it. 409 if it cannot be, with the reason; nothing has changed
    then. `status` is waiting (for a second person), approved (goes to Razorpay next), sent or processed."""
    order = _own(request, order_id)
    form = RefundForm(calculate(order), body.dict() | {"line": body.lines})
    if not form.is_valid():
        names = {"line": "lines", "__all__": "amount_paise"}
        errors = {names.get(name, name): [str(text) for text in texts] for name, texts in form.errors.items()}
        raise ApiError(400, "Please correct the marked fields.", errors)
    try:
        lines = [share.line for share in form.chosen]
        refund = refunds.request_refund(order, lines, form.cleaned_data["reason"], order.user)
    except RefundRefused as error:
        raise ApiError(409, str(error)) from error
    return {"refund": _sent(refund)}


def _own(request: HttpRequest, order_id: UUID) -> Order:
    orders = Order.objects.select_related("user", "refund_policy")
    return get_object_or_404(orders, pk=order_id, user=request.user)


def _sent(refund: Refund) -> Refund:
    """On its way if the gateway can be reached; else the reconciler sends it."""
    try:
        refunds.send(refund)
    except GatewayError as error:
        logger.warning("Refund %s is not sent yet: %s", refund.pk, error)
    return refund
