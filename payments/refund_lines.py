"""What a refund takes, lets go again, and takes away in the end: lines, seats, grants. Chargebacks use it as well.

All of it is for use inside a transaction, safe to repeat and to race.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from courses.models import Grant
from payments import entitlements
from payments.models import Order, OrderEvent, OrderLine, Payment, Refund, RefundLine, Seat
from payments.refund_rules import lines_taken
from users.models import User


class RefundRefused(Exception):
    """It cannot be; the message is for the person who asked."""


def take(refund: Refund, lines: list[OrderLine]) -> None:
    for line in lines:
        RefundLine.objects.create(refund=refund, line=line, refunded_line=line, amount_paise=line.amount_paise)


def titles(lines: list[OrderLine]) -> str:
    return ", ".join(line.title for line in lines) or "a payment that should not have been made"


def lines_of(refund: Refund) -> list[OrderLine]:
    return [row.refunded_line for row in refund.lines.select_related("refunded_line")]


def claimed_seats(order: Order) -> set[int]:
    """Seat numbers that need no closing: those of people who came, and 0, the buyer's own."""
    return {0, *order.seats.filter(claimed_by__isnull=False).values_list("number", flat=True)}


def close_seats(order: Order, lines: list[OrderLine]) -> int:
    numbers = {line.seat_number for line in lines} - {0}
    return Seat.objects.open().filter(order=order, number__in=numbers).update(closed_at=timezone.now())


def open_seats(order: Order, lines: list[OrderLine]) -> None:
    numbers = {line.seat_number for line in lines} - {0}
    Seat.objects.filter(order=order, number__in=numbers, claimed_by__isnull=True).update(closed_at=None)


def end(refund: Refund, statuses: Sequence[str], to: str, text: str, actor: User | None = None, **values: Any) -> bool:
    """Declined or failed: what it took is free again. Inside a transaction; says whether it was this call."""
    if not refund.move(*statuses, to=to, whole_payment_key=None, **values):
        return False
    lines = lines_of(refund)
    refund.lines.update(line=None)
    open_seats(refund.order, lines)
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
        end(refund, [refund.status], Refund.Status.FAILED, f"Refund called off. {why}")


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
    close_seats(order, lines)
    if lines and is_all_back(order):
        added = Grant.objects.filter(source_kind=Grant.Source.BUNDLE_EDITION, source_id=order.pk)
        added.filter(revoked_at__isnull=True).update(revoked_at=timezone.now(), note=note[:200])


def is_all_back(order: Order) -> bool:
    """Whether every line of the order has been paid back or taken back by the bank."""
    back = Q(refund__status=Refund.Status.PROCESSED) | Q(dispute__isnull=False)
    return RefundLine.objects.filter(back, line__order=order).count() == order.lines.count()


def claim_back(refund: Refund) -> bool:
    """Take back what was freed when it seemed to fail; False if another refund has got some of it."""
    freed = list(refund.lines.filter(line__isnull=True).select_related("refunded_line"))
    taken = lines_taken([row.refunded_line for row in freed])
    for row in freed:
        if row.refunded_line_id not in taken:
            RefundLine.objects.filter(pk=row.pk).update(line=row.refunded_line)
    return not taken
