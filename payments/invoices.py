"""Issuing invoices and credit notes: once for each thing, numbered without a gap, with what instructors earn by them.

The number is part of the document: the next is the largest plus one, read and written in one transaction, and the
unique key lets one taker have it. Nothing is numbered that is not stored: a process may die anywhere (docs/books.md).
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from coursebundler.db import is_transient, run_in_transaction
from payments import earnings
from payments.models import Dispute, Order, OrderEvent, OrderLine, Refund, TaxDocument
from payments.shares import split_amount
from payments.tax import INDIA, financial_year, split_tax

logger = logging.getLogger(__name__)

PREFIXES = {TaxDocument.Kind.INVOICE: "INV", TaxDocument.Kind.CREDIT_NOTE: "CRN"}
PARTS = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise", "total_paise")
ATTEMPTS = 40
LOOKS_BACK = timedelta(days=40)
DISPUTES_LAST = timedelta(days=200)  # from the buyer's complaint to the bank's last word
PAGE = 500

Maker = Callable[[], TaxDocument | None]
Clock = Callable[[], datetime]


def issue_invoice(order: Order, *, clock: Clock | None = None) -> TaxDocument | None:
    """The invoice of a paid order, made now unless it is there; None if it is not paid or cost nothing.

    Safe to repeat and to race. Not for use inside a transaction: it starts over when somebody else took its number.
    Another clock is for the demonstration's past alone, one document after the other: dates must follow the numbers.
    """
    asked = Order.objects.select_related("user")
    return _issue_once(_key_of(order), lambda: _invoice(asked.get(pk=order.pk)), clock or timezone.now)


def issue_credit_note(source: Refund | Dispute) -> TaxDocument | None:
    """The credit note of a processed refund or a lost dispute, after the invoice that it corrects.

    None if the money is not back yet, or was no sale's: of a second payment for the same order no line goes back. A
    lost dispute that waits for a person to say which lines it took has none yet. Never more than the invoice has left.
    Safe to repeat and to race; not for use inside a transaction.
    """
    if not _is_final(source) or issue_invoice(source.order) is None:
        return None
    return _issue_once(_key_of(source), lambda: _credit_note(source), timezone.now)


def try_to_issue(source: Order | Refund | Dispute) -> bool:
    """The same for whoever must not fail by it: what goes wrong is logged, and the reconciler tries again."""
    try:
        document = issue_invoice(source) if isinstance(source, Order) else issue_credit_note(source)
    except Exception:
        logger.warning("No tax document for %s yet; the reconciler tries again.", _key_of(source), exc_info=True)
        return False
    return document is not None


def issue_missing_documents(*, since: datetime | None = None) -> int:
    """Issue what was paid, refunded or lost `since` then (40 days unless said) and has no document; says how many.

    For the reconciler; safe to run at any time and in parallel. Reads a page of rows at a time, whatever their number.
    """
    since = since or timezone.now() - LOOKS_BACK
    paid = Order.objects.paid().filter(amount_paise__gt=0).only("paid_at")
    refunded = Refund.objects.filter(status=Refund.Status.PROCESSED)
    lost = Dispute.objects.filter(status=Dispute.Status.LOST)
    pages = [
        _pages(paid, "paid_at", since),
        _pages(refunded.select_related("order"), "processed_at", since),
        _pages(lost.select_related("order"), "created_at", since - DISPUTES_LAST),
    ]
    return sum(try_to_issue(source) for page in chain(*pages) for source in _without_document(page))


def missing_numbers(kind: str, financial_year: str) -> list[int]:
    """The gaps from 1 up to the largest number of that kind and year ("2026-27"); an empty list is as it must be."""
    numbered = TaxDocument.objects.filter(kind=kind, financial_year=financial_year)
    found = numbered.aggregate(count=Count("pk"), largest=Max("sequence"))
    if found["count"] == (found["largest"] or 0):
        return []
    taken = set(numbered.values_list("sequence", flat=True))
    return [number for number in range(1, found["largest"] + 1) if number not in taken]


def check_numbers() -> dict[str, list[int]]:
    """Every series with gaps and what is missing in it: {"invoice 2026-27": [7]}; empty if all is well."""
    series = TaxDocument.objects.order_by().values_list("kind", "financial_year").distinct()
    gaps = {f"{kind} {year}": missing_numbers(kind, year) for kind, year in sorted(series)}
    return {name: missing for name, missing in gaps.items() if missing}


def _key_of(source: Order | Refund | Dispute) -> str:
    return f"{source._meta.model_name}:{source.pk}"


def _is_final(source: Refund | Dispute) -> bool:
    return source.status == (Refund.Status.PROCESSED if isinstance(source, Refund) else Dispute.Status.LOST)


def _issue_once(key: str, make: Maker, clock: Clock) -> TaxDocument | None:
    """Whoever finds its number taken starts over: with several at once, each round has a winner."""
    return _find(key) or run_in_transaction(
        lambda: _find(key) or _number_and_store(key, make(), clock),
        attempts=ATTEMPTS,
        is_worth_a_try=lambda error: isinstance(error, IntegrityError) or is_transient(error),
    )


def _find(key: str) -> TaxDocument | None:
    return TaxDocument.objects.filter(source_key=key).first()


def _number_and_store(key: str, document: TaxDocument | None, clock: Clock) -> TaxDocument | None:
    """The clock is read inside the transaction that takes the number, so later numbers never have earlier dates."""
    if document is None:
        return None
    document.source_key = key
    document.issued_at = clock()
    document.financial_year = year = financial_year(document.issued_at)
    numbered = TaxDocument.objects.filter(kind=document.kind, financial_year=year)
    document.sequence = (numbered.order_by("-sequence").values_list("sequence", flat=True).first() or 0) + 1
    document.number = f"{PREFIXES[TaxDocument.Kind(document.kind)]}{year[2:4]}{year[5:]}-{document.sequence:06}"
    document.save()
    earnings.write(document)
    OrderEvent.note(document.order, f"document:{key}", f"{document.title} {document.number} issued.")
    return document


def _invoice(order: Order) -> TaxDocument | None:
    if not order.is_paid or not order.amount_paise:
        return None
    seller, buyer = _seller(), _buyer(order)
    place = buyer["state"] or seller["state"]
    within = place == seller["state"]
    lines = [
        _line(line, line.amount_paise, line.tax_rate_bp if seller["gstin"] else 0, is_within_state=within)
        for line in order.lines.all()
    ]
    return TaxDocument(
        kind=TaxDocument.Kind.INVOICE,
        order=order,
        seller=seller,
        buyer=buyer,
        place_of_supply=place,
        lines=lines,
        **_totals(lines),
    )


def _seller() -> dict[str, str]:
    return {
        "name": settings.SELLER_NAME or settings.SITE_URL.split("//")[-1],
        "address": settings.SELLER_ADDRESS,
        "gstin": settings.SELLER_GSTIN,
        "state": settings.SELLER_STATE,
    }


def _buyer(order: Order) -> dict[str, str]:
    """As typed at the checkout. Registered: the place is the GSTIN's state (section 12(2)(a) of the IGST Act)."""
    billing = order.billing or {}
    gstin = billing.get("gstin", "")
    return {
        "name": billing.get("name") or order.user.name,
        "address": billing.get("address", ""),
        "gstin": gstin,
        "state": gstin[:2] or billing.get("state", ""),
    }


def _line(line: OrderLine, amount_paise: int, rate_bp: int, *, is_within_state: bool) -> dict[str, Any]:
    parts = split_tax(amount_paise, rate_bp, is_within_state=is_within_state)
    return {
        "line": str(line.pk),
        "title": _description(line),
        "sac": settings.SAC_CODE,
        "rate_bp": rate_bp,
        **parts._asdict(),
        "total_paise": amount_paise,
    }


def _description(line: OrderLine) -> str:
    if line.starts_at and line.ends_at:
        first, last = (moment.astimezone(INDIA) for moment in (line.starts_at, line.ends_at))
        return f"{line.title}, {first:%d.%m.%Y} to {last:%d.%m.%Y}"
    return line.title


def _totals(lines: list[dict[str, Any]]) -> dict[str, int]:
    return {part: sum(line[part] for line in lines) for part in PARTS}


def _credit_note(source: Refund | Dispute) -> TaxDocument | None:
    """What the invoice says, for what goes back of it. Seller, buyer, place and rates are the invoice's."""
    invoice = TaxDocument.objects.select_related("order").get(source_key=_key_of(source.order))
    left = _left_of(invoice)
    wanted = _wanted_back(source)
    lines = [
        _credit_line(line, min(wanted[line["line"]], left[line["line"]]), is_within_state=invoice.is_within_state)
        for line in invoice.lines
        if wanted.get(line["line"]) and left[line["line"]]
    ]
    if sum(wanted.values()) > sum(line["total_paise"] for line in lines):
        logger.error("%s gives back more than is left of invoice %s; a person must look.", _key_of(source), invoice)
    if not lines:
        return None
    return TaxDocument(
        kind=TaxDocument.Kind.CREDIT_NOTE,
        order=invoice.order,
        corrects=invoice,
        refund=source if isinstance(source, Refund) else None,
        dispute=source if isinstance(source, Dispute) else None,
        seller=invoice.seller,
        buyer=invoice.buyer,
        place_of_supply=invoice.place_of_supply,
        lines=lines,
        **_totals(lines),
    )


def _left_of(invoice: TaxDocument) -> dict[str, int]:
    """By line, in paise: what no credit note has taken back yet."""
    left = {line["line"]: line["total_paise"] for line in invoice.lines}
    for note in TaxDocument.objects.filter(order=invoice.order_id, kind=TaxDocument.Kind.CREDIT_NOTE):
        for line in note.lines:
            left[line["line"]] -= line["total_paise"]
    return left


def _wanted_back(source: Refund | Dispute) -> dict[str, int]:
    """By line, in paise. A bank may take less than the lines that a lost dispute is about: then a part of each."""
    amounts = {str(line.refunded_line_id): line.amount_paise for line in source.lines.all()}
    if isinstance(source, Refund) or source.amount_paise >= sum(amounts.values()):
        return amounts
    return dict(zip(amounts, split_amount(source.amount_paise, list(amounts.values())), strict=True))


def _credit_line(line: dict[str, Any], amount_paise: int, *, is_within_state: bool) -> dict[str, Any]:
    """All of a line takes back exactly what the invoice says of it, a part of it is split anew by the same rule."""
    if amount_paise == line["total_paise"]:
        return line
    parts = split_tax(amount_paise, line["rate_bp"], is_within_state=is_within_state)
    return {**line, **parts._asdict(), "total_paise": amount_paise}


def _pages(rows: "QuerySet[Any]", moment: str, since: datetime) -> Iterator[list[Any]]:
    """Each page is its own query: an open cursor would be in the way of the writing between them."""
    page = list(rows.filter(**{f"{moment}__gte": since}).order_by(moment, "pk")[:PAGE])
    while page:
        yield page
        last = page[-1]
        same = Q(**{moment: getattr(last, moment), "pk__gt": last.pk})
        later = rows.filter(Q(**{f"{moment}__gt": getattr(last, moment)}) | same)
        page = list(later.order_by(moment, "pk")[:PAGE])


def _without_document(page: list[Any]) -> list[Any]:
    keys = [_key_of(row) for row in page]
    known = set(TaxDocument.objects.filter(source_key__in=keys).values_list("source_key", flat=True))
    return [row for row, key in zip(page, keys, strict=True) if key not in known]
