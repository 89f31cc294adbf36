"""What the gateway says of a refund, applied: it waits, it is paid back, it failed, or it was made in the dashboard.

`apply_gateway_refund` is the one way in; webhooks, pages, the reconciler and staff all come here (docs/refunds.md).
"""

import logging
import uuid
from collections.abc import Callable

from django.db import IntegrityError
from django.utils import timezone

from coursebundler.db import on_commit, run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from payments import emails, invoices, razorpay_refunds
from payments.confirmation import confirm_payment
from payments.leases import send_once
from payments.models import Order, OrderEvent, OrderLine, Payment, Refund
from payments.razorpay_refunds import GatewayRefund
from payments.refund_lines import (
    RefundRefused,
    claim_back,
    close_seats,
    end,
    lines_of,
    record_money_out,
    take,
    take_away,
    titles,
)
from payments.refund_rules import is_stray, lines_taken
from users.models import User

logger = logging.getLogger(__name__)

UNFINISHED = [Refund.Status.APPROVED, Refund.Status.SENT]


def confirm_refund(gateway_refund_id: str) -> str:
    """Ask the gateway for one refund and apply it; what came of it, in a word. Raises GatewayError."""
    return apply_gateway_refund(razorpay_refunds.fetch_refund(gateway_refund_id))


def confirm_refunds(order: Order) -> list[str]:
    """Ask the gateway for every refund of every payment of this order, its dashboard's too, and apply each."""
    paid_by = order.payments.exclude(entry=Payment.Entry.FAILED).values_list("gateway_payment_id", flat=True)
    told = [refund for payment_id in set(paid_by) for refund in razorpay_refunds.fetch_refunds_of(payment_id)]
    return [apply_gateway_refund(refund) for refund in told]


def apply_gateway_refund(told: GatewayRefund) -> str:
    """Bring our refund to where the gateway's is; one that we did not make is recorded. Safe to repeat and to race.

    Gives back: processed, pending, failed, mismatch, or not_ours.
    """
    refund = _find_ours(told) or _record_from_dashboard(told)
    if refund is None:
        return "not_ours"
    if _differs(refund, told):
        logger.error("Refund %s is not what the gateway has as %s; a person must look.", refund.pk, told.id)
        refund.raise_flag(f"Razorpay has {rupees(told.amount_paise)} of {told.payment_id} under {told.id}.")
        return "mismatch"
    if told.status == "processed":
        _settle(refund, told)
    elif told.status == "failed":
        _fail(refund, told)
    else:
        _wait(refund, told)
    return told.status


def _wait(refund: Refund, told: GatewayRefund) -> None:
    if refund.move(Refund.Status.APPROVED, to=Refund.Status.SENT, gateway_refund_id=told.id, flag=""):
        OrderEvent.note(refund.order, f"refund_sent:{refund.pk}", f"Refund {told.id} is at Razorpay.")
    elif refund.status in (Refund.Status.DECLINED, Refund.Status.FAILED) and not refund.gateway_refund_id:
        refund.raise_flag(f"Ended here, and Razorpay has it all the same ({told.id}).")
        logger.error("Refund %s was called off, and the gateway has it; a person must look.", refund.pk)


def _find_ours(told: GatewayRefund) -> Refund | None:
    refunds = Refund.objects.select_related("order__user")
    by_gateway_id = refunds.filter(gateway_refund_id=told.id).first()
    if by_gateway_id or not (our_id := _as_uuid(told.our_id)):
        return by_gateway_id
    return refunds.filter(pk=our_id, gateway_refund_id__isnull=True).first()


def _differs(refund: Refund, told: GatewayRefund) -> bool:
    ours = (refund.gateway_payment_id, refund.amount_paise, refund.order.currency)
    return ours != (told.payment_id, told.amount_paise, told.currency)


def _settle(refund: Refund, told: GatewayRefund) -> None:
    if run_in_transaction(lambda: _book(refund, told)):
        log_event("refund_processed", refund=refund.pk, order=refund.order_id, amount_paise=refund.amount_paise)


def _book(refund: Refund, told: GatewayRefund) -> bool:
    """The money is back: the ledger says so, and what it paid for is taken away. All or none."""
    others = [status for status in Refund.Status.values if status != Refund.Status.PROCESSED]
    is_new = refund.move(*others, to=Refund.Status.PROCESSED, gateway_refund_id=told.id, processed_at=timezone.now())
    if is_new and not claim_back(refund):
        refund.raise_flag("Paid back although it had ended, and its lines went back by another refund: twice.")
        logger.error("Refund %s paid for lines that went back already; a person must look.", refund.pk)
    record_money_out(refund.order, told.payment_id, Payment.Entry.REFUNDED, told.id, told.amount_paise)
    take_away(refund.order, refund.lines.all(), "Paid back")
    if is_new:
        text = f"{rupees(refund.amount_paise)} paid back ({told.id}): {titles(lines_of(refund))}."
        OrderEvent.note(refund.order, f"refund_processed:{refund.pk}", text)
        on_commit(lambda: finish(refund))
    return is_new


def _fail(refund: Refund, told: GatewayRefund) -> None:
    flag = "Razorpay could not pay it back. Find out why, and refund again."
    text = f"Razorpay could not pay back {rupees(refund.amount_paise)} ({told.id})."
    ended = {"flag": flag, "gateway_refund_id": told.id}
    if run_in_transaction(lambda: end(refund, UNFINISHED, Refund.Status.FAILED, text, None, **ended)):
        logger.error("Refund %s failed at the gateway (%s); a person must look.", refund.pk, told.id)
    elif refund.status == Refund.Status.PROCESSED and not refund.flag:
        refund.raise_flag("Razorpay said it was paid back, and now that it failed.")
        logger.error("Refund %s was paid back, and now it is said to have failed; a person must look.", refund.pk)


def finish(refund: Refund) -> bool:
    """What follows a processed refund outside the database: the credit note and the mail. Safe to repeat."""
    invoices.try_to_issue(refund)
    return mail_once(refund, lambda: emails.send_refund_processed(refund))


def mail_once(refund: Refund, send_it: Callable[[], object]) -> bool:
    has_sent = send_once(Refund.objects.filter(pk=refund.pk), "mail", send_it, about=refund.pk)
    if has_sent:
        OrderEvent.note(refund.order, f"refund_mailed:{refund.pk}", "Mail about the refund sent.")
    return has_sent


def _record_from_dashboard(told: GatewayRefund) -> Refund | None:
    """One that we did not make. None if it is not about a payment of ours, or came to nothing."""
    payment = ledger_payment(told.payment_id)
    if payment is None:
        logger.warning("Refund %s is of payment %s, which is not in our books.", told.id, told.payment_id)
        return None
    if told.status == "failed":
        return None
    return _adopt(payment, told) or _create_from_dashboard(payment, told)


def ledger_payment(gateway_payment_id: str) -> Payment | None:
    """What we have booked of a payment; the gateway is asked if that is nothing, since webhooks come in any order."""
    booked = Payment.objects.filter(
        gateway_payment_id=gateway_payment_id, entry__in=[Payment.Entry.CAPTURED, Payment.Entry.MISMATCH]
    ).select_related("order__user")
    if found := booked.first():
        return found
    confirm_payment(gateway_payment_id)
    return booked.first()


def _adopt(payment: Payment, told: GatewayRefund) -> Refund | None:
    """Staff did by hand what waited for approval here."""
    waiting = Refund.objects.select_related("order__user").filter(
        order=payment.order, status=Refund.Status.WAITING, gateway_payment_id=told.payment_id
    )
    refund = waiting.filter(amount_paise=told.amount_paise).first()
    if refund is None or not refund.move(
        Refund.Status.WAITING, to=Refund.Status.SENT, gateway_refund_id=told.id, sending_at=timezone.now()
    ):
        return None
    OrderEvent.note(refund.order, f"refund_adopted:{refund.pk}", f"Done in Razorpay's dashboard ({told.id}).")
    return refund


def _create_from_dashboard(payment: Payment, told: GatewayRefund) -> Refund | None:
    our_id = _as_uuid(told.our_id)
    is_ours_again = our_id is not None and Refund.objects.filter(pk=our_id).exists()
    lines = None if is_ours_again else lines_worth(payment, told.amount_paise)
    refund = Refund(
        order=payment.order,
        status=Refund.Status.SENT,
        amount_paise=told.amount_paise,
        gateway_payment_id=told.payment_id,
        gateway_refund_id=told.id,
        whole_payment_key=_whole_payment_key(payment, told),
        reason=told.note[:200] or "Made in Razorpay's dashboard",
        flag="" if lines is not None else "Made in Razorpay's dashboard; it is not clear which lines went back.",
    )

    def write() -> None:
        refund.save(force_insert=True)
        take(refund, lines or [])
        close_seats(refund.order, lines or [])
        text = f"{rupees(told.amount_paise)} given back in Razorpay's dashboard ({told.id}). {refund.flag}"
        OrderEvent.note(refund.order, f"refund_requested:{refund.pk}", text)

    try:
        run_in_transaction(write)
    except IntegrityError:
        # Another process recorded it, or took its lines: then those are not free when we look again.
        return _find_ours(told) or _create_from_dashboard(payment, told)
    if refund.flag:
        logger.error("Refund %s was made in the dashboard and matches no lines; a person must look.", refund.pk)
    return refund


def _whole_payment_key(payment: Payment, told: GatewayRefund) -> str | None:
    is_whole = is_stray(payment) and told.amount_paise == payment.amount_paise
    is_free = not Refund.objects.filter(whole_payment_key=told.payment_id).exists()
    return told.payment_id if is_whole and is_free else None


def lines_worth(payment: Payment, amount_paise: int) -> list[OrderLine] | None:
    """The lines that this sum pays for, if there is no doubt: all that are left, or exactly one; else None.

    No lines at all for a payment that no line belongs to.
    """
    if is_stray(payment):
        return []
    lines = list(payment.order.lines.all())
    taken = lines_taken(lines)
    free = [line for line in lines if line.pk not in taken]
    if free and amount_paise == sum(line.amount_paise for line in free):
        return free
    exact = [line for line in free if line.amount_paise == amount_paise]
    return exact if len(exact) == 1 else None


def needs_lines(refund: Refund) -> bool:
    """Whether money went back for we do not know what."""
    return bool(refund.flag) and refund.status == Refund.Status.PROCESSED and not refund.lines.exists()


def take_flag_down(refund: Refund, actor: User, reason: str) -> None:
    """A person has seen to it, and says how."""
    OrderEvent.note(refund.order, f"refund_seen:{uuid.uuid4()}", f"Seen to: “{refund.flag}” {reason}", actor)
    refund.raise_flag("")


def assign_lines(refund: Refund, lines: list[OrderLine], actor: User) -> None:
    """A person says which lines a refund from the dashboard was for; none is an answer, too. Raises RefundRefused."""
    if not needs_lines(refund):
        raise RefundRefused("This refund needs no lines.")
    if sum(line.amount_paise for line in lines) > refund.amount_paise:
        raise RefundRefused(f"These lines are worth more than {rupees(refund.amount_paise)}.")

    def write() -> None:
        take(refund, lines)
        take_away(refund.order, refund.lines.all(), "Paid back")
        refund.raise_flag("")
        text = f"Refund {refund.gateway_refund_id} was for: {', '.join(map(str, lines)) or 'no line'}."
        OrderEvent.note(refund.order, f"refund_assigned:{refund.pk}", text, actor)
        on_commit(lambda: invoices.try_to_issue(refund))

    try:
        run_in_transaction(write)
    except IntegrityError as error:
        raise RefundRefused("One of these lines went back already.") from error


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
