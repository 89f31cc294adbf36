"""A buyer's own invoices and credit notes, as pages and as PDFs. Staff find them in the admin."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from payments.invoice_pdf import as_pdf
from payments.invoices import try_to_issue
from payments.models import Order, TaxDocument
from users.requests import UserRequest


@require_safe
def invoice_list(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """The documents of an order. Issues the invoice of a paid one that has none yet; safe to repeat."""
    order = get_object_or_404(Order, pk=order_id, user=request.user)
    documents = order.tax_documents.order_by("issued_at", "pk")
    if order.is_paid and not documents and try_to_issue(order):
        documents = documents.all()
    return render(request, "payments/invoice_list.html", {"order": order, "documents": documents})


@require_safe
def invoice_detail(request: UserRequest, order_id: uuid.UUID, number: str) -> HttpResponse:
    document = _mine(request, order_id, number)
    return render(request, "payments/invoice_detail.html", {"document": document})


@require_safe
def invoice_pdf(request: UserRequest, order_id: uuid.UUID, number: str) -> HttpResponse:
    return pdf_response(_mine(request, order_id, number))


def _mine(request: UserRequest, order_id: uuid.UUID, number: str) -> TaxDocument:
    documents = TaxDocument.objects.select_related("order", "corrects")
    return get_object_or_404(documents, number=number, order_id=order_id, order__user=request.user)


def pdf_response(document: TaxDocument) -> HttpResponse:
    return HttpResponse(
        as_pdf(document),
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{document.number}.pdf"',
            "Cache-Control": "private, no-store",
        },
    )
