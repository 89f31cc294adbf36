"""How money goes back: asked for, perhaps approved, sent to the gateway, and booked when the gateway says it is done.

    waiting ─▶ approved ─▶ sent ─▶ processed
       │          └──────────┴──▶ failed          the lines are free again
       └──▶ declined

Every step is one conditional update, safe to repeat and to race. Grants are revoked, and the ledger written, in the
step to `processed` and never before it: nobody loses a course for money that did not arrive (docs/refunds.md).
"""

import logging
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from coursebundler.db import run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from payments import emails, razorpay_refunds
from payments.models import Order, OrderEvent, OrderLine, Payment, Refund
from payments.razorpay import GatewayRefused, GatewayUnavailable
from payments.razorpay_refunds import MINIMUM_PAISE, GatewayRefund
from payments.refund_lines import RefundRefused, claimed_seats, close_seats, end, take, titles
from payments.refund_rules import (
    LIVE_DISPUTES,
    Share,
    calculate,
    is_stray,
    main_payment,
    needs_approval,
    refundable,
    why_not_at_all,
)
from payments.refund_settling import UNFINISHED, apply_gateway_refund, confirm_refund, finish, mail_once
from users.models import User

__all__ = ["refundable"]  # others look for it here

logger = logging.getLogger(__name__)

SENDING_TAKES = timedelta(minutes=1)  # more than the time-outs allow; after that its process has died
MAKES_UP_FOR_MAIL = timedelta(days=14)


def request_refund(order: Order, lines: Iterable[OrderLine], reason: str, actor: User) -> Refund:
    """Ask for these lines back: at once to be sent, or, above the limit, to be approved by a second person.

    For the buyer the policy decides, for staff only what is possible at all. Raises RefundRefused; then nothing has
    changed. Not for use inside a transaction.
    """
    claimed = claimed_seats(order)  # before the rules look: whoever comes after this loses, or this does
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
        take(refund, lines)
        if close_seats(refund.order, lines) < len({line.seat_number for line in lines} - claimed):
            raise RefundRefused("A seat has just been claimed. Please look again.")
        waits = ", and waits for approval" if needs_second else ""
        text = f"Refund of {rupees(refund.amount_paise)} asked for{waits}: {titles(lines)}. {refund.reason}"
        OrderEvent.note(refund.order, f"refund_requested:{refund.pk}", text, refund.requested_by)

    try:
        run_in_transaction(write)
    except IntegrityError as error:
        raise RefundRefused("Somebody has just asked for the same. Please look again.") from error
    log_event("refund_requested", refund=refund.pk, order=refund.order_id, status=refund.status)
    return refund


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
    if not run_in_transaction(lambda: end(refund, [Refund.Status.WAITING], Refund.Status.DECLINED, text, actor)):
        raise RefundRefused("This refund does not wait for approval any more.")
    log_event("refund_declined", refund=refund.pk, staff=actor.pk)
    mail_once(refund, lambda: emails.send_refund_declined(refund, reason))


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
    if not run_in_transaction(lambda: end(refund, [Refund.Status.APPROVED], Refund.Status.FAILED, text, actor)):
        raise RefundRefused("It is being sent just now, or has been.")


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
