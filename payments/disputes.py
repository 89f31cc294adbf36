"""Chargebacks: a buyer asked their bank for the money back. Razorpay calls it a dispute, and tells us how it ends.

While it is open nothing can be refunded, or the buyer would get the money twice. Lost, it does what a refund does: the
ledger, the grants, the credit note. Won or closed, nothing has to be done, since nothing was taken away before.
"""

import logging
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError
from django.db.models import QuerySet

from coursebundler.db import on_commit, run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from payments import invoices, razorpay_refunds
from payments.models import Dispute, OrderEvent, OrderLine, Payment, RefundLine
from payments.razorpay_refunds import GatewayDispute
from payments.refund_lines import RefundRefused, call_off, record_money_out, take_away
from payments.refund_rules import LIVE_DISPUTES
from payments.refund_settling import ledger_payment, lines_worth

logger = logging.getLogger(__name__)


def confirm_dispute(gateway_dispute_id: str) -> str:
    """Ask the gateway for one dispute and apply it; its status, or not_ours. Raises GatewayError."""
    return apply_gateway_dispute(razorpay_refunds.fetch_dispute(gateway_dispute_id))


def apply_gateway_dispute(told: GatewayDispute) -> str:
    """Bring our dispute to where the gateway's is. Safe to repeat and to race; events may come in any order."""
    payment = ledger_payment(told.payment_id)
    if payment is None:
        logger.warning("Dispute %s is of payment %s, which is not in our books.", told.id, told.payment_id)
        return "not_ours"
    if told.status not in Dispute.Status.values:
        logger.error("Dispute %s has the status %.20r, which we do not know.", told.id, told.status)
        return "unknown"
    dispute = _find_or_open(payment, told)
    if told.status == Dispute.Status.LOST:
        _lose(dispute, payment, told)
    elif dispute.status == Dispute.Status.LOST:
        _flag(dispute, f"It was lost, and now it is {told.status}.")
    elif dispute.status != told.status:
        _move(dispute, told)
    return told.status


def _find_or_open(payment: Payment, told: GatewayDispute) -> Dispute:
    dispute, is_new = Dispute.objects.select_related("order__user").get_or_create(
        gateway_dispute_id=told.id,
        defaults={
            "order": payment.order,
            "gateway_payment_id": told.payment_id,
            "status": Dispute.Status.OPEN,
            "phase": told.phase[:30],
            "reason": told.reason[:200],
            "amount_paise": told.amount_paise,
            "respond_by": told.respond_by,
        },
    )
    if is_new:
        text = f"The buyer's bank disputes {rupees(told.amount_paise)} ({told.id}). {told.reason}"
        OrderEvent.note(payment.order, f"dispute_created:{told.id}", text)
        logger.error("Order %s is disputed (%s); a person must answer in time.", payment.order_id, told.id)
    return dispute


def _move(dispute: Dispute, told: GatewayDispute) -> None:
    """To open, under review, won or closed. Loses against a `lost` that comes at the same time."""
    moved = Dispute.objects.filter(pk=dispute.pk, status=dispute.status).update(status=told.status)
    if moved:
        label = Dispute.Status(told.status).label.lower()
        OrderEvent.note(dispute.order, f"dispute_{told.status}:{told.id}", f"Dispute {told.id} is {label}.")
        log_event("dispute_moved", dispute=told.id, order=dispute.order_id, status=told.status)


def _lose(dispute: Dispute, payment: Payment, told: GatewayDispute) -> None:
    try:
        is_new = run_in_transaction(lambda: _book(dispute, payment, told))
    except IntegrityError:  # a refund took one of the lines meanwhile; now that is seen
        is_new = run_in_transaction(lambda: _book(dispute, payment, told))
    if is_new:
        log_event("dispute_lost", dispute=told.id, order=dispute.order_id)
        logger.error("Dispute %s of order %s is lost.", told.id, dispute.order_id)


def _book(dispute: Dispute, payment: Payment, told: GatewayDispute) -> bool:
    """The bank has taken the money: the ledger says so, and what it paid for is taken away. All or none."""
    taken_paise = told.deducted_paise or told.amount_paise
    open_or_ended = Dispute.objects.filter(pk=dispute.pk).exclude(status=Dispute.Status.LOST)
    is_new = bool(open_or_ended.update(status=Dispute.Status.LOST, amount_paise=taken_paise))
    if is_new:
        call_off(dispute.order, dispute.gateway_payment_id, "The bank has taken the money back.")
        _take_lines(dispute, payment, taken_paise)
        text = f"Dispute {told.id} is lost: the bank took {rupees(taken_paise)} back."
        OrderEvent.note(dispute.order, f"dispute_lost:{told.id}", text)
        on_commit(lambda: invoices.try_to_issue(Dispute.objects.select_related("order").get(pk=dispute.pk)))
    record_money_out(dispute.order, told.payment_id, Payment.Entry.CHARGED_BACK, told.id, taken_paise)
    take_away(dispute.order, dispute.lines.all(), "Taken back by your bank")
    return is_new


def _take_lines(dispute: Dispute, payment: Payment, taken_paise: int) -> None:
    lines = lines_worth(payment, taken_paise)
    if lines is None:
        _flag(dispute, f"The bank took {rupees(taken_paise)}; it is not clear which lines that pays for.")
    for line in lines or []:
        RefundLine.objects.create(dispute=dispute, line=line, refunded_line=line, amount_paise=line.amount_paise)


def needs_lines(dispute: Dispute) -> bool:
    """Whether money was taken for we do not know what."""
    return bool(dispute.flag) and dispute.status == Dispute.Status.LOST and not dispute.lines.exists()


def take_flag_down(dispute: Dispute, actor: object) -> None:
    """A person has seen to it."""
    OrderEvent.note(dispute.order, f"dispute_seen:{uuid.uuid4()}", f"Seen to: “{dispute.flag}”", actor)
    dispute.raise_flag("")


def assign_lines(dispute: Dispute, lines: list[OrderLine], actor: object) -> None:
    """A person says which lines a lost dispute took; none is an answer, too.

    Raises RefundRefused if it needs none, IntegrityError if one of them went back already.
    """
    if not needs_lines(dispute):
        raise RefundRefused("This dispute needs no lines.")

    def write() -> None:
        for line in lines:
            RefundLine.objects.create(dispute=dispute, line=line, refunded_line=line, amount_paise=line.amount_paise)
        take_away(dispute.order, dispute.lines.all(), "Taken back by your bank")
        dispute.raise_flag("")
        text = f"Dispute {dispute.gateway_dispute_id} took: {', '.join(map(str, lines)) or 'no line'}."
        OrderEvent.note(dispute.order, f"dispute_assigned:{dispute.pk}", text, actor)

    run_in_transaction(write)
    invoices.try_to_issue(dispute)


def _flag(dispute: Dispute, text: str) -> None:
    if dispute.flag != text[:200]:
        logger.error("Dispute %s of order %s; a person must look: %s", dispute.pk, dispute.order_id, text)
    dispute.raise_flag(text)


# --- For the reconciler ---
def sweep(begins_at: datetime, ends_at: datetime) -> Iterable[GatewayDispute]:
    """The gateway's disputes of our payments, opened in this time, that do not stand so in our books."""
    for told in razorpay_refunds.fetch_disputes_between(begins_at, ends_at):
        known = Dispute.objects.filter(gateway_dispute_id=told.id).values_list("status", flat=True).first()
        if known != told.status and Payment.objects.filter(gateway_payment_id=told.payment_id).exists():
            yield told


def unsettled() -> "QuerySet[Dispute]":
    """Those whose end we still wait for; oldest first."""
    return Dispute.objects.filter(status__in=LIVE_DISPUTES).order_by("created_at", "pk")


def heal(dispute: Dispute) -> bool:
    """Ask how it stands, and say whether that is news. Raises GatewayError."""
    return confirm_dispute(dispute.gateway_dispute_id) != dispute.status
