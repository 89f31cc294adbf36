"""What a paid order gives, and what a refund of some of its lines takes away again. Each line has one grant."""

from collections.abc import Iterable

from django.utils import timezone

from courses.models import Grant
from payments.models import Order, OrderLine

SOURCES = {OrderLine.Kind.PLAN: Grant.Source.SUBSCRIPTION}


def give(order: Order) -> None:
    """The grants of a paid order. Safe to call any number of times; what was revoked stays revoked."""
    for line in order.lines.filter(seat_number=0).select_related("course"):
        source = SOURCES.get(OrderLine.Kind(line.kind), Grant.Source.ORDER_LINE)
        period = {"starts_at": line.starts_at, "ends_at": line.ends_at} if line.starts_at else {}
        Grant.objects.give(order.user, line.course, source, line.pk, **period)


def revoke(lines: Iterable[OrderLine], note: str) -> int:
    """Take back what these lines gave, and nothing else; `note` tells the student why. Safe to repeat."""
    sources = [Grant.Source.ORDER_LINE, Grant.Source.SUBSCRIPTION, Grant.Source.GIFT, Grant.Source.SEAT]
    given = Grant.objects.filter(source_kind__in=sources, source_id__in=[line.pk for line in lines])
    return given.filter(revoked_at__isnull=True).update(revoked_at=timezone.now(), note=note[:200])
