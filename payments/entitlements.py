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
        Grant.objects.give(order.user, line.course, source, line.pk, source_text=_source_text(line, order), **period)
    _make_seats(order)
    for seat in order.seats.filter(claimed_by__isnull=False) if order.seat_count else []:
        give_seat(seat)


def _make_seats(order: Order) -> None:
    made = set(order.seats.order_by().values_list("number", flat=True)) if order.seat_count else set()
    missing = [number for number in range(1, order.seat_count + 1) if number not in made]
    Seat.objects.bulk_create(Seat(order=order, number=number, email=order.recipient_email) for number in missing)


def give_seat(seat: Seat) -> None:
    """What a claimed seat opens, to whoever claimed it. Safe to call any number of times."""
    source = Grant.Source.GIFT if seat.is_gift else Grant.Source.SEAT
    text = f"{'a gift' if seat.is_gift else 'a team seat'} from {seat.giver}"
    for line in seat.lines.select_related("course"):
        Grant.objects.give(seat.claimed_by, line.course, source, line.pk, source_text=text[:160])


def _source_text(line: OrderLine, order: Order) -> str:
    """As it will be told to the student, whatever the bundle or the plan is called by then."""
    if line.kind == OrderLine.Kind.PLAN:
        return f"the plan “{line.title}”, order {order.number}"
    if edition := order.bundle_edition:
        return f"the bundle “{edition.bundle.title}” (edition {edition.number}), order {order.number}"[:160]
    return f"order {order.number}"


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
