"""Invoices for what the demonstration students bought, and what its teachers earned by that."""

from payments.demo.people import STUDENTS
from payments.invoices import issue_invoice
from payments.models import Order, TaxDocument


def create_invoices() -> None:
    """Each on the day of its order, the oldest first, and none before one that is there: dates follow numbers."""
    paid = Order.objects.paid().filter(amount_paise__gt=0, user__email__in=[student.email for student in STUDENTS])
    invoiced = set(TaxDocument.objects.filter(order__in=paid).values_list("order_id", flat=True))
    for order in paid.exclude(pk__in=invoiced).order_by("paid_at", "pk"):
        _issue(order)


def _issue(order: Order) -> None:
    newest = TaxDocument.objects.values_list("issued_at", flat=True).first()
    day = max(filter(None, (order.paid_at, newest)))
    issue_invoice(order, clock=lambda: day)
