"""What instructors earn: their share of each line's taxable value, as it was agreed when the line was bought."""

import uuid
from typing import Any

from django.db.models import Count, QuerySet, Sum

from payments.models import Earning, OrderLine, TaxDocument
from payments.tax import WHOLE_BP


def write(document: TaxDocument) -> None:
    """For a document that is being issued, in the same transaction: so each has its earnings once, or is not there."""
    sign = 1 if document.kind == TaxDocument.Kind.INVOICE else -1
    shared = OrderLine.objects.filter(order=document.order_id, instructor_share_bp__gt=0).select_related("instructor")
    terms = {str(line.pk): line for line in shared}
    rows = []
    for entry in document.lines:
        line, net_paise = terms.get(entry["line"]), entry["taxable_paise"]
        if line is None or line.instructor is None or not net_paise:
            continue
        earning = Earning(
            instructor=line.instructor,
            document=document,
            line=line,
            title=line.title,
            month=f"{document.issued_on:%Y-%m}",
            net_paise=sign * net_paise,
            share_bp=line.instructor_share_bp,
            amount_paise=sign * share_of(net_paise, line.instructor_share_bp),
        )
        rows.append(earning)
    Earning.objects.bulk_create(rows)


def share_of(net_paise: int, share_bp: int) -> int:
    """Rounded down to the paisa; the school keeps the rest."""
    return net_paise * share_bp // WHOLE_BP


def months(instructor_id: uuid.UUID) -> "list[dict[str, Any]]":
    """Newest first: {month, earned_paise}. One group by in the database, whatever the number of sales."""
    rows = Earning.objects.filter(instructor=instructor_id).order_by().values("month")
    found = [dict(row) for row in rows.annotate(earned_paise=Sum("amount_paise"))]
    return sorted(found, key=lambda row: row["month"], reverse=True)


def month_sums(instructor_id: uuid.UUID, month: str) -> dict[str, Any]:
    """{count, net_paise, earned_paise} of a month."""
    rows = Earning.objects.filter(instructor=instructor_id, month=month)
    return rows.aggregate(count=Count("pk"), net_paise=Sum("net_paise"), earned_paise=Sum("amount_paise"))


def statement(instructor_id: uuid.UUID, month: str) -> "QuerySet[Earning]":
    """The rows of a month, oldest first."""
    rows = Earning.objects.filter(instructor=instructor_id, month=month)
    return rows.select_related("document").order_by("created_at", "pk")
