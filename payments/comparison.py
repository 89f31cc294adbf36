"""Our books against the gateway's, for one day: what `manage.py compare_books` and the admin do.

It writes its report and changes nothing else; the reconciler heals. Both sides are matched by the gateway's ids, on
whatever day we heard of them, so a payment at midnight is no difference.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from django.db.models import QuerySet

from coursebundler.db import run_in_transaction
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from courses.models import Grant
from payments import entitlements, invoices, razorpay, razorpay_refunds
from payments.models import BooksDifference, BooksReport, Dispute, Order, Payment, Refund, RefundLine, TaxDocument
from payments.razorpay import GatewayUnknownId
from payments.tax import INDIA

logger = logging.getLogger(__name__)
Kind = BooksDifference.Kind
Theirs = TypeVar("Theirs")

PAGE = 500
TAKEN = ["captured", "refunded"]  # what a payment's status is once its money was taken
MONEY_IN = [Payment.Entry.CAPTURED, Payment.Entry.MISMATCH]


@dataclass
class Comparison:
    """One day's two sides, and what they do not agree about."""

    begins_at: datetime
    ends_at: datetime
    figures: dict[str, int] = field(default_factory=dict)
    differences: list[BooksDifference] = field(default_factory=list)

    def differ(self, kind: Kind, reference: str, explanation: str, order: Order | None = None, **paise: int) -> None:
        row = BooksDifference(kind=kind, reference=reference, explanation=explanation[:300], order=order, **paise)
        self.differences.append(row)

    def of_the_day(self, rows: "QuerySet[Any]", moment: str) -> Iterator[list[Any]]:
        """The rows whose `moment` is within the day, a page at a time."""
        rows = rows.filter(**{f"{moment}__gte": self.begins_at, f"{moment}__lt": self.ends_at})
        return _pages(list(rows.order_by(moment, "pk")))


def compare_books(day: date) -> BooksReport:
    """Compare a day, from midnight to midnight in India, and keep the result. Raises GatewayError. Safe to repeat."""
    begins_at = datetime.combine(day, time(), INDIA)
    comparison = Comparison(begins_at, begins_at + timedelta(days=1))
    compare_payments(comparison)
    compare_refunds(comparison)
    compare_disputes(comparison)
    check_orders(comparison)
    check_refunds(comparison)
    check_disputes(comparison)
    check_numbers(comparison)
    report: BooksReport = run_in_transaction(lambda: _store(day, comparison))
    log_event("books_compared", day=day, differences=report.difference_count, **comparison.figures)
    if report.difference_count:
        logger.error("The books of %s have %d differences; a person must look.", day, report.difference_count)
    return report


def _store(day: date, comparison: Comparison) -> BooksReport:
    count = len(comparison.differences)
    report: BooksReport = BooksReport.objects.create(day=day, difference_count=count, **comparison.figures)
    for row in comparison.differences:
        row.report = report
    BooksDifference.objects.bulk_create(comparison.differences)
    return report


# --- The ledger's rows against the gateway's lists ---
def _match(
    comparison: Comparison,
    booked: "QuerySet[Payment]",
    id_field: str,
    there: dict[str, Any],
    ask: Callable[[str], Any],
    compare: Callable[[Comparison, Payment | None, Any], None],
) -> list[Payment]:
    """Compare what the gateway lists with our rows of whatever day, and our other rows of the day with what it says
    when it is asked about them. Returns our rows of the day."""
    booked = booked.select_related("order")
    here = _by(booked, id_field, there)
    for reference, theirs in there.items():
        compare(comparison, here.get(reference), theirs)
    of_today = [row for page in comparison.of_the_day(booked, "created_at") for row in page]
    for ours in of_today:
        if (reference := getattr(ours, id_field)) not in there:
            compare(comparison, ours, ask(reference))
    return of_today


def _found(fetch: Callable[[str], Theirs], reference: str) -> Theirs | None:
    try:
        return fetch(reference)
    except GatewayUnknownId:
        return None


def _total_paise(rows: Iterable[Any]) -> int:
    return sum(row.amount_paise for row in rows)


# --- Payments ---
def compare_payments(comparison: Comparison) -> None:
    listed = razorpay.fetch_payments_between(comparison.begins_at, comparison.ends_at)
    there = {payment.id: payment for payment in listed if payment.status in TAKEN}
    booked = Payment.objects.filter(entry__in=MONEY_IN)
    of_today = _match(comparison, booked, "gateway_payment_id", there, _ask_for_payment, _compare_payment)
    comparison.figures |= {
        "payments_here": len(of_today),
        "payments_there": len(there),
        "paise_here": _total_paise(of_today),
        "paise_there": _total_paise(there.values()),
    }


def _ask_for_payment(payment_id: str) -> razorpay.GatewayPayment | None:
    payment = _found(razorpay.fetch_payment, payment_id)
    return payment if payment and payment.status in TAKEN else None


def _compare_payment(comparison: Comparison, ours: Payment | None, theirs: razorpay.GatewayPayment | None) -> None:
    if ours is None and theirs is not None:
        text = f"{rupees(theirs.amount_paise)} for gateway order {theirs.order_id or '(none)'}: not in our ledger."
        comparison.differ(Kind.MISSING_HERE, theirs.id, text, paise_there=theirs.amount_paise)
    elif ours is not None and theirs is None:
        text = f"{rupees(ours.amount_paise)} in our ledger, but the gateway took no such payment."
        comparison.differ(Kind.MISSING_THERE, ours.gateway_payment_id, text, ours.order, paise_here=ours.amount_paise)
    elif ours is not None and theirs is not None:
        _compare_amounts(comparison, ours.gateway_payment_id, ours, theirs)
        if ours.entry == Payment.Entry.MISMATCH:
            text = f"{rupees(ours.amount_paise)} were taken, but are not what {ours.order} asks for. Pay it back."
            comparison.differ(Kind.UNMATCHED, theirs.id, text, ours.order, paise_there=theirs.amount_paise)


def _compare_amounts(comparison: Comparison, reference: str, ours: Payment, theirs: Any) -> None:
    if ours.amount_paise != theirs.amount_paise:
        text = f"{rupees(ours.amount_paise)} in our ledger, {rupees(theirs.amount_paise)} at the gateway."
        amounts = {"paise_here": ours.amount_paise, "paise_there": theirs.amount_paise}
        comparison.differ(Kind.AMOUNT, reference, text, ours.order, **amounts)
    if ours.currency != theirs.currency:
        text = f"{ours.currency} in our ledger, {theirs.currency} at the gateway."
        comparison.differ(Kind.CURRENCY, reference, text, ours.order)


# --- Refunds ---
def compare_refunds(comparison: Comparison) -> None:
    listed = razorpay_refunds.fetch_refunds_between(comparison.begins_at, comparison.ends_at)
    there = {refund.id: refund for refund in listed if refund.status == "processed"}
    booked = Payment.objects.filter(entry=Payment.Entry.REFUNDED)
    of_today = _match(comparison, booked, "gateway_reference", there, _ask_for_refund, _compare_refund)
    comparison.figures |= {
        "refunds_here": len(of_today),
        "refunds_there": len(there),
        "refunded_paise_here": _total_paise(of_today),
        "refunded_paise_there": _total_paise(there.values()),
    }


def _ask_for_refund(refund_id: str) -> razorpay_refunds.GatewayRefund | None:
    refund = _found(razorpay_refunds.fetch_refund, refund_id)
    return refund if refund and refund.status == "processed" else None


def _compare_refund(
    comparison: Comparison, ours: Payment | None, theirs: razorpay_refunds.GatewayRefund | None
) -> None:
    if ours is None and theirs is not None:
        text = f"{rupees(theirs.amount_paise)} of payment {theirs.payment_id} were paid back: not in our ledger."
        comparison.differ(Kind.MISSING_HERE, theirs.id, text, paise_there=theirs.amount_paise)
    elif ours is not None and theirs is None:
        text = f"{rupees(ours.amount_paise)} paid back in our ledger, but not by the gateway."
        comparison.differ(Kind.MISSING_THERE, ours.gateway_reference, text, ours.order, paise_here=ours.amount_paise)
    elif ours is not None and theirs is not None:
        _compare_amounts(comparison, theirs.id, ours, theirs)


# --- Lost disputes ---
def compare_disputes(comparison: Comparison) -> None:
    """Those opened on the day, and those that our ledger lost on it: Razorpay's list knows no day of the loss."""
    listed = razorpay_refunds.fetch_disputes_between(comparison.begins_at, comparison.ends_at)
    there = {dispute.id: dispute for dispute in listed if dispute.status == "lost"}
    booked = Payment.objects.filter(entry=Payment.Entry.CHARGED_BACK)
    _match(comparison, booked, "gateway_reference", there, _ask_for_dispute, _compare_dispute)


def _ask_for_dispute(dispute_id: str) -> razorpay_refunds.GatewayDispute | None:
    dispute = _found(razorpay_refunds.fetch_dispute, dispute_id)
    return dispute if dispute and dispute.status == "lost" else None


def _compare_dispute(
    comparison: Comparison, ours: Payment | None, theirs: razorpay_refunds.GatewayDispute | None
) -> None:
    taken_paise = (theirs.deducted_paise or theirs.amount_paise) if theirs else 0
    if ours is None and theirs is not None:
        text = f"The bank took back {rupees(taken_paise)} of payment {theirs.payment_id}: not in our ledger."
        comparison.differ(Kind.MISSING_HERE, theirs.id, text, paise_there=taken_paise)
    elif ours is not None and theirs is None:
        text = f"{rupees(ours.amount_paise)} taken back in our ledger, but no such dispute is lost."
        comparison.differ(Kind.MISSING_THERE, ours.gateway_reference, text, ours.order, paise_here=ours.amount_paise)
    elif ours is not None and ours.amount_paise != taken_paise:
        text = f"{rupees(ours.amount_paise)} taken back in our ledger, {rupees(taken_paise)} at the gateway."
        amounts = {"paise_here": ours.amount_paise, "paise_there": taken_paise}
        comparison.differ(Kind.AMOUNT, ours.gateway_reference, text, ours.order, **amounts)


# --- What a paid order and a refund must have led to ---
def check_orders(comparison: Comparison) -> None:
    for orders in comparison.of_the_day(Order.objects.paid(), "paid_at"):
        with_payment = _known(Payment.objects.filter(entry=Payment.Entry.CAPTURED, order__in=orders), "order_id")
        with_invoice = _known(TaxDocument.objects.filter(kind=TaxDocument.Kind.INVOICE, order__in=orders), "order_id")
        for order in orders:
            if order.amount_paise and order.pk not in with_payment:
                comparison.differ(Kind.NO_PAYMENT, order.number, f"{order} is paid; by what, we do not know.", order)
            if order.amount_paise and order.pk not in with_invoice:
                comparison.differ(Kind.NO_INVOICE, order.number, f"{order} is paid and has no invoice.", order)
        _check_grants(comparison, orders)


def _check_grants(comparison: Comparison, orders: list[Order]) -> None:
    by_id = {order.pk: order for order in orders}
    for line in entitlements.lines_without_grant(orders):
        order = by_id[line.order_id]
        comparison.differ(Kind.NO_GRANT, order.number, f"“{line.title}” was paid and opened nothing.", order)


def check_refunds(comparison: Comparison) -> None:
    processed = Refund.objects.filter(status=Refund.Status.PROCESSED).select_related("order")
    for refunds in comparison.of_the_day(processed, "processed_at"):
        with_note = _known(TaxDocument.objects.filter(refund__in=refunds), "refund_id")
        for refund in refunds:
            if refund.pk not in with_note and not refund.whole_payment_key:
                text = f"{rupees(refund.amount_paise)} of {refund.order} were paid back without a credit note."
                comparison.differ(
                    Kind.NO_CREDIT_NOTE, refund.gateway_refund_id or refund.order.number, text, refund.order
                )
        _check_revocations(comparison, RefundLine.objects.filter(refund__in=refunds))


def check_disputes(comparison: Comparison) -> None:
    """By the ledger row of the loss, which names the dispute."""
    lost = Payment.objects.filter(entry=Payment.Entry.CHARGED_BACK)
    for rows in comparison.of_the_day(lost, "created_at"):
        ids = [row.gateway_reference for row in rows]
        disputes = list(Dispute.objects.filter(gateway_dispute_id__in=ids).select_related("order"))
        with_note = _known(TaxDocument.objects.filter(dispute__in=disputes), "dispute_id")
        for dispute in disputes:
            if dispute.pk not in with_note:
                text = f"The bank took back {rupees(dispute.amount_paise)} of {dispute.order} without a credit note."
                comparison.differ(Kind.NO_CREDIT_NOTE, dispute.gateway_dispute_id, text, dispute.order)
        _check_revocations(comparison, RefundLine.objects.filter(dispute__in=disputes))


def _check_revocations(comparison: Comparison, rows: "QuerySet[RefundLine]") -> None:
    lines = rows.filter(line__isnull=False).select_related("refunded_line__order")
    by_line = {row.refunded_line_id: row.refunded_line for row in lines}
    open_grants = Grant.objects.filter(
        source_kind__in=entitlements.LINE_SOURCES, source_id__in=list(by_line), revoked_at__isnull=True
    )
    for line_id in _known(open_grants, "source_id"):
        line = by_line[line_id]
        text = f"“{line.title}” was paid back and is still open."
        comparison.differ(Kind.NOT_REVOKED, line.order.number, text, line.order)


def check_numbers(comparison: Comparison) -> None:
    """Of all days: a gap is a gap whenever somebody looks."""
    for series, numbers in invoices.check_numbers().items():
        for number in numbers[:PAGE]:
            comparison.differ(Kind.NUMBER_GAP, f"{series} {number}", f"Number {number} of {series} does not exist.")


# --- Reading ---
def _by(rows: "QuerySet[Any]", column: str, values: Iterable[str]) -> dict[str, Any]:
    """{value: row} for the rows whose column has one of the values."""
    pages = _pages(list(values))
    return {getattr(row, column): row for page in pages for row in rows.filter(**{f"{column}__in": page})}


def _known(rows: "QuerySet[Any]", column: str) -> set[Any]:
    return set(rows.order_by().values_list(column, flat=True))


def _pages(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + PAGE] for start in range(0, len(values), PAGE))
