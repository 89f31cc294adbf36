"""The refund calculator: what of an order can go back, how much that is, and why the rest cannot.

Amounts are those of the lines, frozen when the order was made. The policy is the one that the order was sold under. It
binds students; staff may go beyond it, with a reason, and nobody can give back what is `blocked`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from django.utils.formats import date_format

from courses.models import Progress
from payments.models import Dispute, Order, OrderLine, Payment, Refund, RefundLine, RefundPolicy, Seat
from payments.pricing import orders_that_credited
from users.models import User

LIVE_DISPUTES = [Dispute.Status.OPEN, Dispute.Status.UNDER_REVIEW]
LIVE_REFUNDS = [Refund.Status.WAITING, Refund.Status.APPROVED, Refund.Status.SENT, Refund.Status.PROCESSED]


@dataclass(frozen=True)
class Share:
    """A line and what would come back for it. The two texts say why not, for people; empty if nothing is in the way."""

    line: OrderLine
    blocked: str = ""
    beyond_policy: str = ""

    @property
    def amount_paise(self) -> int:
        return self.line.amount_paise

    @property
    def reason(self) -> str:
        """Why a student cannot have it back."""
        return self.blocked or self.beyond_policy


class Refundable(NamedTuple):
    line: OrderLine
    amount_paise: int
    reason_if_not: str


def refundable(order: Order, user: User | None = None) -> list[Refundable]:
    """Each line with what comes back for it, or why nothing does: for this student, or else for staff."""
    shares = calculate(order)
    return [Refundable(share.line, share.amount_paise, share.reason if user else share.blocked) for share in shares]


def calculate(order: Order) -> list[Share]:
    """Every line of the order, in its order. Nine queries at the most, whatever the number of lines."""
    lines = list(order.lines.select_related("course"))
    everything = why_not_at_all(order)
    taken = lines_taken(lines)
    seats = {seat.number: seat for seat in order.seats.all()} if any(line.seat_number for line in lines) else {}
    policy = policy_of(order)
    done = _lectures_done(order, lines)
    credited = orders_that_credited(lines, order.user)
    return [
        Share(
            line,
            blocked=everything or _already(taken.get(line.pk)) or _seat_is_missing(line, seats),
            beyond_policy=_too_late(order, policy)
            or _counted_elsewhere(credited.get(line.pk))
            or _used(order, line, seats, done, policy),
        )
        for line in lines
    ]


def policy_of(order: Order) -> RefundPolicy:
    """What it was sold under. An order from before there were policies keeps the first."""
    first = RefundPolicy.objects.order_by("version").first
    return order.refund_policy or first() or RefundPolicy.objects.current()


def main_payment(order: Order) -> Payment | None:
    """The payment that paid the order: the first captured one; another would be a mistake that goes back whole."""
    captured: Payment | None = order.payments.filter(entry=Payment.Entry.CAPTURED).order_by("created_at", "pk").first()
    return captured


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


def lines_taken(lines: list[OrderLine]) -> dict[object, RefundLine]:
    """By the line's id: what gives it back or has given it back."""
    rows = RefundLine.objects.filter(line__in=[line.pk for line in lines]).select_related("refund", "dispute")
    return {row.line_id: row for row in rows}


def why_not_at_all(order: Order) -> str:
    if not order.is_paid:
        return "This order is not paid."
    if main_payment(order) is None:
        return "Nothing was paid for this order."
    if order.disputes.filter(status__in=LIVE_DISPUTES).exists():
        return "The bank is looking into this payment, and decides who gets the money."
    return ""


def needs_approval(order: Order, amount_paise: int) -> bool:
    """Whether a second member of staff has to agree. All refunds of the order count, so that none is cut in slices."""
    refunds = order.refunds.filter(status__in=LIVE_REFUNDS).values_list("amount_paise", flat=True)
    return sum(refunds) + amount_paise > settings.REFUND_APPROVAL_ABOVE_PAISE


def _already(taken: RefundLine | None) -> str:
    if taken is None:
        return ""
    if taken.refund is None:
        return "The bank has taken this back."
    if taken.refund.status == Refund.Status.PROCESSED:
        return f"Paid back on {_day(taken.refund.processed_at)}."
    if taken.refund.status == Refund.Status.WAITING:
        return "Its refund waits for approval."
    return "Its refund is under way."


def _seat_is_missing(line: OrderLine, seats: dict[int, Seat]) -> str:
    is_missing = line.seat_number and line.seat_number not in seats
    return "The seats of this order are being made. Please try again in a minute." if is_missing else ""


def _too_late(order: Order, policy: RefundPolicy) -> str:
    ended_at = order.paid_at + policy.window if order.paid_at else timezone.now()
    if ended_at >= timezone.now():
        return ""
    return f"The {policy.window_days} days of the refund policy ended on {_day(ended_at)}."


def _counted_elsewhere(later: Order | None) -> str:
    """What was paid for it made a bundle cheaper: with both it would have been paid for by nobody."""
    if later is None:
        return ""
    what_to_do = "Give that one back first." if later.amount_paise else "Write to us, and we settle both."
    return f"It made your order {later.number} cheaper. {what_to_do}"


def _used(order: Order, line: OrderLine, seats: dict[int, Seat], done: dict[object, int], policy: RefundPolicy) -> str:
    if line.seat_number:
        seat = seats.get(line.seat_number)
        return "It has been claimed." if seat and seat.claimed_by_id else ""
    if line.kind == OrderLine.Kind.PLAN:
        has_watched = Progress.objects.filter(user=order.user_id, updated_at__gte=line.starts_at or order.created_at)
        return "You have watched something in this period." if has_watched.exists() else ""
    percent = _percent(done.get(line.course_id, 0), line.course.lecture_count if line.course else 0)
    if percent <= policy.progress_percent:
        return ""
    return f"{percent} % of it is done; the refund policy goes up to {policy.progress_percent} %."


def _percent(done: int, total: int) -> int:
    return min(100, done * 100 // total) if total else 0


def _lectures_done(order: Order, lines: list[OrderLine]) -> dict[object, int]:
    courses = [line.course_id for line in lines if line.course_id and not line.seat_number]
    done = Progress.objects.filter(user=order.user_id, course__in=courses, done_at__isnull=False)
    return dict(done.order_by().values_list("course_id").annotate(Count("pk")))


def window_left(order: Order) -> timedelta:
    """How long the student can still ask; negative once it is over."""
    return (order.paid_at or order.created_at) + policy_of(order).window - timezone.now()


def _day(moment: datetime | None) -> str:
    return date_format(moment, "j F Y") if moment else "an unknown day"
