"""How money goes back: asked for, perhaps approved, sent to the gateway, and booked when the gateway says it is done.

    waiting ─▶ approved ─▶ sent ─▶ processed
       │          └──────────┴──▶ failed          the lines are free again
       └──▶ declined

Every step is one conditional update, safe to repeat and to race. Grants are revoked, and the ledger written, in the
step to `processed` and never before it: nobody loses a course for money that did not arrive (docs/refunds.md).
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from coursebundler.db import on_commit, run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from courses.models import Grant
from payments import emails, entitlements, invoices, razorpay_refunds
from payments.confirmation import confirm_payment
from payments.leases import send_once
from payments.models import Order, OrderEvent, OrderLine, Payment, Refund, RefundLine, Seat
from payments.razorpay import GatewayRefused, GatewayUnavailable
from payments.razorpay_refunds import MINIMUM_PAISE, GatewayRefund
from payments.refund_rules import (
    LIVE_DISPUTES,
    Share,
    calculate,
    lines_taken,
    main_payment,
    needs_approval,
    refundable,
    why_not_at_all,
)
from users.models import User

__all__ = ["refundable"]  # others look for it here

logger = logging.getLogger(__name__)

SENDING_TAKES = timedelta(minutes=1)  # more than the time-outs allow; after that its process has died
UNFINISHED = [Refund.Status.APPROVED, Refund.Status.SENT]
MAKES_UP_FOR_MAIL = timedelta(days=14)


class RefundRefused(Exception):
    """It cannot be; the message is for the person who asked."""


# --- Asking ---
def request_refund(order: Order, lines: Iterable[OrderLine], reason: str, actor: User) -> Refund:
    """Ask for these lines back: at once to be sent, or, above the limit, to be approved by a second person.

    For the buyer the policy decides, for staff only what is possible at all. Raises RefundRefused; then nothing has
    changed. Not for use inside a transaction.
    """
    claimed = _claimed(order)  # before the rules look: whoever comes after this loses, or this does
    shares = _chosen(order, lines, is_own=actor.pk == order.user_id)
    amount_paise = sum(share.amount_paise for share in shares)
    payment = main_payment(order)
    if payment is None or amount_paise < MINIMUM_PAISE:
        raise RefundRefused(f"Razorpay pays back {rupees(MINIMUM_PAISE)} or more; this is {rupees(amount_paise)}.")
    refund = Refund(
        order=order,
        amount_paise=amount_paise,
        gateway_payment_id=payment.gateway_payment_id,
        reason=reason[:200],
        requested_by=actor,
        is_beyond_policy=any(share.beyond_policy for share in shares),
    )
    return _store(refund, [share.line for share in shares], claimed)


def request_payment_refund(payment: Payment, reason: str, actor: User) -> Refund:
    """Ask for a payment back that should not have been made: a second one for the same order, or one that does not
    match. No lines go with it. Raises RefundRefused."""
    if not is_stray(payment):
        raise RefundRefused("This payment paid for the order. Give its lines back instead.")
    if actor.pk == payment.order.user_id:
        raise RefundRefused("Somebody else has to give back a payment of your own.")
    refund = Refund(
        order=payment.order,
        amount_paise=payment.amount_paise,
        gateway_payment_id=payment.gateway_payment_id,
        whole_payment_key=payment.gateway_payment_id,
        reason=reason[:200],
        requested_by=actor,
    )
    return _store(refund, [], set())


def is_stray(payment: Payment) -> bool:
    """Whether it is money that no order accounts for, so that a person has to give it back."""
    if payment.entry == Payment.Entry.MISMATCH:
        return True
    paid_by = main_payment(payment.order)
    return payment.entry == Payment.Entry.CAPTURED and payment != paid_by


def stray_payments(order: Order) -> list[Payment]:
    """Those that somebody has to give back, and nobody has begun to."""
    entries = [Payment.Entry.CAPTURED, Payment.Entry.MISMATCH]
    paid = order.payments.filter(entry__in=entries).select_related("order")
    strays = [payment for payment in paid if is_stray(payment)]
    going_back = order.refunds.filter(whole_payment_key__isnull=False).values_list("whole_payment_key", flat=True)
    return [payment for payment in strays if payment.gateway_payment_id not in set(going_back)]


def _chosen(order: Order, lines: Iterable[OrderLine], *, is_own: bool) -> list[Share]:
    wanted, shares = {line.pk for line in lines}, calculate(order)
    chosen = [share for share in shares if share.line.pk in wanted]
    if not chosen or len(chosen) != len(wanted):
        raise RefundRefused(why_not_at_all(order) or "Choose what is to go back.")
    for share in chosen:
        if reason := share.reason if is_own else share.blocked:
            raise RefundRefused(f"{share.line.title}: {reason}")
    _require_whole_seats(order, shares, wanted)
    return chosen


def _require_whole_seats(order: Order, shares: list[Share], wanted: set[uuid.UUID]) -> None:
    """A seat that nobody has claimed closes when it goes back, so all of it has to."""
    unclaimed = set(order.seats.filter(claimed_by__isnull=True).values_list("number", flat=True))
    rest = {share.line.seat_number for share in shares if share.line.pk not in wanted and not share.blocked}
    for share in shares:
        number = share.line.seat_number
        if share.line.pk in wanted and number in unclaimed and number in rest:
            raise RefundRefused(f"Seat {number} goes back as a whole: choose all its lines.")


def _store(refund: Refund, lines: list[OrderLine], claimed: set[int]) -> Refund:
    """Write it, unless somebody else was faster: a line, or a stray payment, goes back once; and a seat that was not
    `claimed` when the rules were asked must not have been since."""

    def write() -> None:
        needs_second = needs_approval(refund.order, refund.amount_paise)
        refund.status = Refund.Status.WAITING if needs_second else Refund.Status.APPROVED
        refund.save(force_insert=True)
        _take(refund, lines)
        if _close_seats(refund.order, lines) < len({line.seat_number for line in lines} - claimed):
            raise RefundRefused("A seat has just been claimed. Please look again.")
        waits = ", and waits for approval" if needs_second else ""
        text = f"Refund of {rupees(refund.amount_paise)} asked for{waits}: {_titles(lines)}. {refund.reason}"
        OrderEvent.note(refund.order, f"refund_requested:{refund.pk}", text, refund.requested_by)

    try:
        run_in_transaction(write)
    except IntegrityError as error:
        raise RefundRefused("Somebody has just asked for the same. Please look again.") from error
    log_event("refund_requested", refund=refund.pk, order=refund.order_id, status=refund.status)
    return refund


def _take(refund: Refund, lines: list[OrderLine]) -> None:
    for line in lines:
        RefundLine.objects.create(refund=refund, line=line, refunded_line=line, amount_paise=line.amount_paise)


def _titles(lines: list[OrderLine]) -> str:
    return ", ".join(line.title for line in lines) or "a payment that should not have been made"


# --- Seats: while somebody's money is on its way back, nobody can claim what it paid for ---
def _claimed(order: Order) -> set[int]:
    """Seat numbers that need no closing: those of people who came, and 0, the buyer's own."""
    return {0, *order.seats.filter(claimed_by__isnull=False).values_list("number", flat=True)}


def _close_seats(order: Order, lines: list[OrderLine]) -> int:
    numbers = {line.seat_number for line in lines} - {0}
    return Seat.objects.open().filter(order=order, number__in=numbers).update(closed_at=timezone.now())


def _open_seats(order: Order, lines: list[OrderLine]) -> None:
    numbers = {line.seat_number for line in lines} - {0}
    Seat.objects.filter(order=order, number__in=numbers, claimed_by__isnull=True).update(closed_at=None)


# --- Approving ---
def approve(refund: Refund, actor: User) -> None:
    """The second person's yes. Raises RefundRefused: for the requester, the buyer, and if it does not wait any more."""
    _require_second_person(refund, actor)
    run_in_transaction(lambda: _approve(refund, actor))
    log_event("refund_approved", refund=refund.pk, staff=actor.pk)


def _approve(refund: Refund, actor: User) -> None:
    if not refund.move(Refund.Status.WAITING, to=Refund.Status.APPROVED, approved_by=actor):
        raise RefundRefused("This refund does not wait for approval any more.")
    OrderEvent.note(
        refund.order,
        f"refund_approved:{refund.pk}",
        f"Refund of {rupees(refund.amount_paise)} approved.",
        actor,
    )


def decline(refund: Refund, actor: User, reason: str) -> None:
    """The second person's no; the lines are free again and the student is told. Raises RefundRefused."""
    _require_second_person(refund, actor)
    text = f"Refund of {rupees(refund.amount_paise)} declined. {reason}"
    if not run_in_transaction(lambda: _end(refund, [Refund.Status.WAITING], Refund.Status.DECLINED, text, actor)):
        raise RefundRefused("This refund does not wait for approval any more.")
    log_event("refund_declined", refund=refund.pk, staff=actor.pk)
    _mail_once(refund, lambda: emails.send_refund_declined(refund, reason))


def _require_second_person(refund: Refund, actor: User) -> None:
    """Neither of the two ever changes, so nobody can slip in between this and the conditional update."""
    if refund.requested_by_id == actor.pk:
        raise RefundRefused("Somebody else has to decide: you asked for this refund.")
    if refund.order.user_id == actor.pk:
        raise RefundRefused("Somebody else has to decide: it is your own order.")


def give_up(refund: Refund, actor: User, reason: str) -> None:
    """Staff end a refund that the gateway keeps refusing; the lines are free again. Raises RefundRefused, GatewayError.

    The gateway is asked first, so that nothing is called off that has been paid.
    """
    if not _claim(refund):
        raise RefundRefused("It is being sent just now, or has been.")
    if found := _find_at_gateway(refund):
        apply_gateway_refund(found)
        raise RefundRefused("Razorpay has it after all.")
    text = f"Refund of {rupees(refund.amount_paise)} called off. {reason}"
    if not run_in_transaction(lambda: _end(refund, [Refund.Status.APPROVED], Refund.Status.FAILED, text, actor)):
        raise RefundRefused("It is being sent just now, or has been.")


def _end(refund: Refund, statuses: Sequence[str], to: str, text: str, actor: User | None = None, **values: Any) -> bool:
    """Declined or failed: what it took is free again. Inside a transaction; says whether it was this call."""
    if not refund.move(*statuses, to=to, whole_payment_key=None, **values):
        return False
    lines = [row.refunded_line for row in refund.lines.select_related("refunded_line")]
    refund.lines.update(line=None)
    _open_seats(refund.order, lines)
    OrderEvent.note(refund.order, f"refund_{to}:{refund.pk}", text, actor)
    return True


def call_off(order: Order, gateway_payment_id: str, why: str) -> None:
    """End what has not been sent yet of a payment that the bank took back. Inside a transaction."""
    unsent = order.refunds.filter(
        gateway_payment_id=gateway_payment_id,
        status__in=[Refund.Status.WAITING, Refund.Status.APPROVED],
        sending_at__isnull=True,
    )
    for refund in unsent:
        _end(refund, [refund.status], Refund.Status.FAILED, f"Refund called off. {why}")


# --- Sending ---
def send(refund: Refund) -> None:
    """Have the gateway pay an approved refund; does nothing if another process is at it. Raises GatewayError.

    Safe to repeat, also after a crash between the gateway's yes and our writing it down: it is looked for by our id
    first, and asked for under an idempotency key. What the gateway refuses stays approved and is flagged: a person
    sees to it (often the balance is too low), and the reconciler tries again.
    """
    if not _claim(refund):
        return
    try:
        _require_no_dispute(refund)
        told = _find_at_gateway(refund) or razorpay_refunds.create_refund(refund)
        refund.raise_flag("")
        apply_gateway_refund(told)
    except (GatewayRefused, GatewayUnavailable) as error:
        Refund.objects.filter(pk=refund.pk).update(sending_at=None)
        if isinstance(error, GatewayRefused):
            _flag_refusal(refund, f"Not sent: {error}"[:200])
        raise
    refund.refresh_from_db()


def _flag_refusal(refund: Refund, text: str) -> None:
    """Called out once, not with each run of the reconciler."""
    if refund.flag != text:
        logger.error("Refund %s is refused by the gateway; a person must look. %s", refund.pk, text)
    refund.raise_flag(text)


def _claim(refund: Refund) -> bool:
    free = Q(sending_at__isnull=True) | Q(sending_at__lt=timezone.now() - SENDING_TAKES)
    approved = Refund.objects.filter(free, pk=refund.pk, status=Refund.Status.APPROVED)
    return bool(approved.update(sending_at=timezone.now()))


def _require_no_dispute(refund: Refund) -> None:
    """Or the buyer gets the same money twice: from us and from the bank."""
    payment = refund.order.disputes.filter(gateway_payment_id=refund.gateway_payment_id)
    if payment.filter(status__in=LIVE_DISPUTES).exists():
        raise GatewayRefused("The payment is disputed; the bank decides.")


def _find_at_gateway(refund: Refund) -> GatewayRefund | None:
    made = razorpay_refunds.fetch_refunds_of(refund.gateway_payment_id)
    return next((told for told in made if told.our_id == str(refund.pk)), None)


# --- What the gateway says ---
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
    if is_new and not _lines_are_ours(refund):
        refund.raise_flag("Paid back although it had ended, and its lines went back by another refund: twice.")
        logger.error("Refund %s paid for lines that went back already; a person must look.", refund.pk)
    record_money_out(refund.order, told.payment_id, Payment.Entry.REFUNDED, told.id, told.amount_paise)
    take_away(refund.order, refund.lines.all(), "Paid back")
    if is_new:
        text = f"{rupees(refund.amount_paise)} paid back ({told.id}): {_titles(_lines_of(refund))}."
        OrderEvent.note(refund.order, f"refund_processed:{refund.pk}", text)
        on_commit(lambda: finish(refund))
    return is_new


def _lines_of(refund: Refund) -> list[OrderLine]:
    return [row.refunded_line for row in refund.lines.select_related("refunded_line")]


def _lines_are_ours(refund: Refund) -> bool:
    """Take back what was freed when it seemed to fail; False if another refund has got some of it."""
    freed = list(refund.lines.filter(line__isnull=True).select_related("refunded_line"))
    taken = lines_taken([row.refunded_line for row in freed])
    for row in freed:
        if row.refunded_line_id not in taken:
            RefundLine.objects.filter(pk=row.pk).update(line=row.refunded_line)
    return not taken


def record_money_out(order: Order, payment_id: str, entry: Payment.Entry, reference: str, amount_paise: int) -> None:
    Payment.objects.get_or_create(
        gateway_payment_id=payment_id,
        entry=entry,
        gateway_reference=reference,
        defaults={"order": order, "amount_paise": amount_paise, "currency": order.currency},
    )


def take_away(order: Order, rows: "QuerySet[RefundLine]", why: str) -> None:
    """Revoke what these lines gave, and nothing else; with the last line also what a growing bundle added since."""
    lines = [row.refunded_line for row in rows.filter(line__isnull=False).select_related("refunded_line")]
    note = f"{why} on {timezone.now():%d.%m.%Y}, order {order.number}"
    entitlements.revoke(lines, note)
    _close_seats(order, lines)
    if lines and is_all_back(order):
        added = Grant.objects.filter(source_kind=Grant.Source.BUNDLE_EDITION, source_id=order.pk)
        added.filter(revoked_at__isnull=True).update(revoked_at=timezone.now(), note=note[:200])


def is_all_back(order: Order) -> bool:
    """Whether every line of the order has been paid back or taken back by the bank."""
    back = Q(refund__status=Refund.Status.PROCESSED) | Q(dispute__isnull=False)
    return RefundLine.objects.filter(back, line__order=order).count() == order.lines.count()


def _fail(refund: Refund, told: GatewayRefund) -> None:
    flag = "Razorpay could not pay it back. Find out why, and refund again."
    text = f"Razorpay could not pay back {rupees(refund.amount_paise)} ({told.id})."
    ended = {"flag": flag, "gateway_refund_id": told.id}
    if run_in_transaction(lambda: _end(refund, UNFINISHED, Refund.Status.FAILED, text, None, **ended)):
        logger.error("Refund %s failed at the gateway (%s); a person must look.", refund.pk, told.id)
    elif refund.status == Refund.Status.PROCESSED and not refund.flag:
        refund.raise_flag("Razorpay said it was paid back, and now that it failed.")
        logger.error("Refund %s was paid back, and now it is said to have failed; a person must look.", refund.pk)


def finish(refund: Refund) -> bool:
    """What follows a processed refund outside the database: the credit note and the mail. Safe to repeat."""
    invoices.try_to_issue(refund)
    return _mail_once(refund, lambda: emails.send_refund_processed(refund))


def _mail_once(refund: Refund, send_it: Callable[[], object]) -> bool:
    has_sent = send_once(Refund.objects.filter(pk=refund.pk), "mail", send_it, about=refund.pk)
    if has_sent:
        OrderEvent.note(refund.order, f"refund_mailed:{refund.pk}", "Mail about the refund sent.")
    return has_sent


# --- Refunds from Razorpay's dashboard ---
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
        _take(refund, lines or [])
        _close_seats(refund.order, lines or [])
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
        _take(refund, lines)
        take_away(refund.order, refund.lines.all(), "Paid back")
        refund.raise_flag("")
        text = f"Refund {refund.gateway_refund_id} was for: {', '.join(map(str, lines)) or 'no line'}."
        OrderEvent.note(refund.order, f"refund_assigned:{refund.pk}", text, actor)
        on_commit(lambda: invoices.try_to_issue(refund))

    try:
        run_in_transaction(write)
    except IntegrityError as error:
        raise RefundRefused("One of these lines went back already.") from error


# --- For the reconciler ---
def unsettled(*, older_than: timedelta = timedelta(minutes=10)) -> "QuerySet[Refund]":
    """Refunds that should have come to an end by now, and those whose mail is missing; oldest first."""
    now = timezone.now()
    open_ones = Q(status__in=UNFINISHED, created_at__lt=now - older_than)
    unsent = Q(status=Refund.Status.PROCESSED, mail_sent_at__isnull=True, processed_at__gt=now - MAKES_UP_FOR_MAIL)
    return Refund.objects.filter(open_ones | unsent).select_related("order__user").order_by("created_at", "pk")


def heal(refund: Refund) -> bool:
    """Bring a refund as far as it can get, and say whether that changed something. Raises GatewayError."""
    before = refund.status
    if refund.status == Refund.Status.APPROVED:
        send(refund)
    elif refund.status == Refund.Status.SENT and refund.gateway_refund_id:
        confirm_refund(refund.gateway_refund_id)
    elif refund.status == Refund.Status.PROCESSED:
        return finish(refund)
    refund.refresh_from_db()
    return refund.status != before


def heal_refunds(*, older_than: timedelta = timedelta(minutes=10)) -> int:
    """Heal whatever is not final; says how many moved. Safe to run at any time and in parallel."""
    return sum(_heal_or_log(refund) for refund in unsettled(older_than=older_than))


def _heal_or_log(refund: Refund) -> bool:
    try:
        return heal(refund)
    except (GatewayRefused, GatewayUnavailable) as error:
        logger.warning("Refund %s is not settled yet: %s", refund.pk, error)
        return False


def sweep(begins_at: datetime, ends_at: datetime) -> Iterable[GatewayRefund]:
    """The gateway's refunds of our payments in this time that do not stand so in our books: webhooks may be lost."""
    for told in razorpay_refunds.fetch_refunds_between(begins_at, ends_at):
        known = Refund.objects.filter(gateway_refund_id=told.id).values_list("status", flat=True).first()
        stands = {"processed": "processed", "failed": "failed"}.get(told.status, "sent")
        if known != stands and Payment.objects.filter(gateway_payment_id=told.payment_id).exists():
            yield told


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
