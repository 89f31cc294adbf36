"""What a paid order gives, and what a refund of some of its lines takes away again. Each line has one grant."""

from collections.abc import Iterable

from django.utils import timezone

from courses.models import Grant
from payments import additions
from payments.models import Order, OrderLine, Seat

SOURCES = {OrderLine.Kind.PLAN: Grant.Source.SUBSCRIPTION}
LINE_SOURCES = [Grant.Source.ORDER_LINE, Grant.Source.SUBSCRIPTION, Grant.Source.GIFT, Grant.Source.SEAT]


def give(order: Order) -> None:
    """The grants and the seats of a paid order. Safe to call any number of times; what was revoked stays revoked."""
    for line in order.lines.filter(seat_number=0).select_related("course"):
        source = SOURCES.get(OrderLine.Kind(line.kind), Grant.Source.ORDER_LINE)
        period = {"starts_at": line.starts_at, "ends_at": line.ends_at} if line.starts_at else {}
        Grant.objects.give(order.user, line.course, source, line.pk, **period)
    for number in range(1, order.seat_count + 1):
        seat, _ = Seat.objects.get_or_create(order=order, number=number, defaults={"email": order.recipient_email})
        if seat.claimed_by:
            give_seat(seat)


def give_seat(seat: Seat) -> None:
    """What a claimed seat opens, to whoever claimed it. Safe to call any number of times."""
    source = Grant.Source.GIFT if seat.order.recipient_email else Grant.Source.SEAT
    for line in seat.lines.select_related("course"):
        Grant.objects.give(seat.claimed_by, line.course, source, line.pk)


def revoke(lines: Iterable[OrderLine], note: str) -> int:
    """Take back what these lines gave, and nothing else; `note` tells the student why. Safe to repeat."""
    lines = list(lines)
    given = Grant.objects.filter(source_kind__in=LINE_SOURCES, source_id__in=[line.pk for line in lines])
    taken = given.filter(revoked_at__isnull=True).update(revoked_at=timezone.now(), note=note[:200])
    return taken + additions.take_back({line.order_id for line in lines}, note)


def lines_without_grant(orders: list[Order]) -> list[OrderLine]:
    """Lines of paid orders that should have given something and have not; those of unclaimed seats may wait."""
    lines = list(OrderLine.objects.filter(order__in=orders))
    sources = Grant.objects.filter(source_kind__in=LINE_SOURCES, source_id__in=[line.pk for line in lines])
    given = set(sources.order_by().values_list("source_id", flat=True))
    seats = Seat.objects.filter(order__in=orders, claimed_by__isnull=False)
    claimed = set(seats.order_by().values_list("order_id", "number"))
    return [
        line
        for line in lines
        if line.pk not in given and (line.seat_number == 0 or (line.order_id, line.seat_number) in claimed)
    ]
