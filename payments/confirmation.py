"""How an order becomes paid: one function, `mark_paid`, reached from every input through `confirm_…`.

The browser's return, the webhook, the “Check my payment” button and the staff action are hints only. Each of them makes
us ask the gateway, and what the gateway answers is applied here. Everything here is safe to repeat and to race
(docs/payments.md).
"""

import logging
from enum import StrEnum

from django.utils import timezone

from coursebundler import metrics
from coursebundler.db import on_commit, run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from payments import additions, emails, entitlements, invoices, pricing, razorpay, seats
from payments.leases import send_once
from payments.models import CouponUse, Order, OrderEvent, Payment
from payments.models.orders import first_check_at
from payments.razorpay import GatewayPayment

logger = logging.getLogger(__name__)

CREDIT_LOST = "What made it cheaper was refunded before it was paid: a person decides what to do."


class Outcome(StrEnum):
    """What asking the gateway led to; webhook events remember it."""

    PAID = "paid"
    REFUNDED = "refunded"
    MISMATCH = "mismatch"
    PENDING = "pending"
    FAILED = "failed"
    UNPAID = "unpaid"
    NOT_OURS = "not_ours"


def confirm_order(order: Order) -> Outcome:
    """Ask the gateway for every attempt to pay this order and apply each. Raises GatewayError if it does not answer.

    An order of nothing is as good as paid: whoever opened it said so, and there is nothing to ask.
    """
    if not order.amount_paise:
        return Outcome.PAID if mark_paid(order, None) else Outcome.UNPAID
    outcomes = [_apply(order, payment) for payment in razorpay.fetch_order_payments(order)]
    return min(outcomes, key=list(Outcome).index, default=Outcome.UNPAID)


def confirm_payment(gateway_payment_id: str) -> Outcome:
    """Ask the gateway for one payment and apply it to the order it belongs to. Raises GatewayError."""
    return apply_payment(razorpay.fetch_payment(gateway_payment_id))


def apply_payment(payment: GatewayPayment) -> Outcome:
    """Apply what the gateway has just said about a payment to the order it belongs to. Safe to repeat."""
    order = Order.objects.filter(gateway_order_id=payment.order_id).first()
    if order is None:
        logger.warning("Payment %s is for gateway order %s, which is not ours.", payment.id, payment.order_id)
        return Outcome.NOT_OURS
    return _apply(order, payment)


def _apply(order: Order, payment: GatewayPayment) -> Outcome:
    if payment.status == "captured":
        return Outcome.PAID if mark_paid(order, payment) else Outcome.MISMATCH
    if payment.status == "failed":
        _record(order, payment, Payment.Entry.FAILED)
        return Outcome.FAILED
    if payment.status == "refunded":  # all of it; payments/refund_settling.py books that
        return Outcome.REFUNDED
    # Authorized money is on its way and Razorpay captures it.
    return Outcome.PENDING if payment.status in ("created", "authorized") else Outcome.UNPAID


def mark_paid(order: Order, payment: GatewayPayment | None) -> bool:
    """The one way to paid: the order, its ledger row and its grants, all or none; then the receipt.

    Safe to call any number of times and concurrently; on a paid order it gives grants that are missing. False, with a
    ledger row for a person to look at, if the payment is not exactly what the order asks for. A cancelled order that
    gets paid after all counts as paid: somebody's money must never end in nothing. An order of nothing needs no
    payment (None), and stays cancelled once it is.
    """
    if payment is None:
        return _mark_free(order)
    if not _is_what_was_asked(order, payment):
        if _record(order, payment, Payment.Entry.MISMATCH):
            logger.error("Payment %s is not what order %s asks for; a person must look.", payment.id, order.pk)
        return False
    became_paid, is_new_payment = run_in_transaction(lambda: _book(order, payment))
    if is_new_payment and not became_paid:
        _warn_if_paid_twice(order, payment)
    return True


def _tell_paid(order: Order, payment_id: str, amount_paise: int) -> None:
    """Once it is stored, and never if it is not: a subscription's order is made and paid in a larger transaction."""
    on_commit(lambda: _count_paid(order, payment_id, amount_paise))


def _count_paid(order: Order, payment_id: str, amount_paise: int) -> None:
    log_event("order_paid", order=order.pk, payment=payment_id, amount_paise=amount_paise)
    metrics.put(OrdersPaid=1, OrdersPaidPaise=amount_paise)


def _mark_free(order: Order) -> bool:
    """False for an order that costs something, or that was cancelled."""
    if order.amount_paise:
        logger.error("Order %s costs something and cannot be given away.", order.pk)
        return False
    run_in_transaction(lambda: _book_free(order))
    return Order.objects.paid().filter(pk=order.pk).exists()


def _book_free(order: Order) -> None:
    became_paid = _set_paid(order, Order.Status.CREATED)
    if became_paid:
        _tell_paid(order, "", 0)
    if became_paid or Order.objects.paid().filter(pk=order.pk).exists():
        _complete(order, "paid:free", "Nothing to pay.")


def _book(order: Order, payment: GatewayPayment) -> tuple[bool, bool]:
    """(whether this call made it paid, whether the payment is new to the ledger)."""
    became_paid = _set_paid(order, Order.Status.CREATED, Order.Status.CANCELLED)
    if became_paid:
        _tell_paid(order, payment.id, payment.amount_paise)
    if became_paid and pricing.has_lost_a_credit(order):
        logger.error("Order %s was made cheaper by what has gone back since; a person must look.", order.pk)
        OrderEvent.note(order, "credit_lost", CREDIT_LOST)
    is_new_payment = _record(order, payment, Payment.Entry.CAPTURED)
    how = f"by {payment.method}, {payment.id}" if payment.method else payment.id
    _complete(order, f"paid:{payment.id}", f"Paid {rupees(payment.amount_paise)} ({how}).")
    return became_paid, is_new_payment


def _complete(order: Order, key: str, text: str) -> None:
    """What follows from paid: at once what it gives, after the commit what may fail and is healed later."""
    entitlements.give(order)
    CouponUse.keep(order)
    OrderEvent.note(order, key, text)
    on_commit(lambda: additions.try_to_give_additions(order))
    on_commit(lambda: invoices.try_to_issue(order))
    on_commit(lambda: send_receipt_once(order))
    on_commit(lambda: seats.send_invitations(order))


def _is_what_was_asked(order: Order, payment: GatewayPayment) -> bool:
    return (payment.status, payment.order_id, payment.amount_paise, payment.currency) == (
        "captured",
        order.gateway_order_id,
        order.amount_paise,
        order.currency,
    )


def _set_paid(order: Order, *from_statuses: str) -> bool:
    """Whether this call changed the row; nobody else's did then."""
    payable = Order.objects.filter(pk=order.pk, status__in=from_statuses)
    return bool(payable.update(status=Order.Status.PAID, paid_at=timezone.now(), check_at=first_check_at()))


def _record(order: Order, payment: GatewayPayment, entry: Payment.Entry) -> bool:
    """Write the ledger row if it is not there yet; says whether it is new."""
    _, is_new = Payment.objects.get_or_create(
        gateway_payment_id=payment.id,
        entry=entry,
        defaults={
            "order": order,
            "amount_paise": payment.amount_paise,
            "currency": payment.currency[:3],
            "method": payment.method[:20],
            "reason": payment.error[:200],
        },
    )
    return is_new


def _warn_if_paid_twice(order: Order, payment: GatewayPayment) -> None:
    captured = Payment.objects.filter(order=order, entry=Payment.Entry.CAPTURED)
    if captured.exclude(gateway_payment_id=payment.id).exists():
        logger.error("Order %s was paid again by %s; a person must refund it.", order.pk, payment.id)


def send_receipt_once(order: Order) -> bool:
    """Whether this call sent it. A failing mail server changes nothing about the order; the reconciler tries again."""
    return send_once(
        Order.objects.paid().filter(pk=order.pk),
        "receipt",
        lambda: emails.send_receipt(Order.objects.select_related("user").get(pk=order.pk)),
        about=f"order {order.pk}",
    )
