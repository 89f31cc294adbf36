"""The month's tax documents as rows for the return GSTR-1 (docs/books.md says which table each section is)."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from payments.models import TaxDocument
from payments.tax import INDIA, in_rupees

HEADINGS = [
    *["section", "number", "date", "corrects_number", "corrects_date", "buyer_gstin", "buyer_name"],
    *["place_of_supply", "reverse_charge", "document_value", "sac", "rate_percent", "taxable_value"],
    *["igst", "cgst", "sgst", "cess"],
]
# Rule 59(4) of the CGST Rules since August 2024: sales to the unregistered in another state are listed one by one
# above this.
LARGE_ABOVE_PAISE = 1_00_000_00
SUMMED = ("taxable_paise", "igst_paise", "cgst_paise", "sgst_paise")


class NotAMonth(ValueError):
    """The text is not a month such as 2026-11."""


def return_rows(month: str) -> Iterator[list[str]]:
    """Headings, then the month's invoices, then its credit notes, in the order of their numbers.

    By the date in India. Reads as it goes, so any number of rows takes the same memory. Raises NotAMonth.
    """
    begins_at, ends_at = month_bounds(month)
    return _rows(begins_at, ends_at)


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """The first moment of the month in India and the first of the next."""
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month, re.ASCII):
        raise NotAMonth("A month is written like 2026-11.")
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=INDIA), datetime(*following, 1, tzinfo=INDIA)


def _rows(begins_at: datetime, ends_at: datetime) -> Iterator[list[str]]:
    yield HEADINGS
    for kind in (TaxDocument.Kind.INVOICE, TaxDocument.Kind.CREDIT_NOTE):
        documents = TaxDocument.objects.filter(kind=kind, issued_at__gte=begins_at, issued_at__lt=ends_at)
        in_order = documents.select_related("corrects").order_by("issued_at", "pk")
        for document in in_order.iterator(chunk_size=500):
            yield from _rows_of(document)


def _rows_of(document: TaxDocument) -> Iterator[list[str]]:
    """A row for each code and rate: nearly always one."""
    section, corrected = section_of(document), document.corrects
    head = [
        *[section, document.number, f"{document.issued_on:%d-%m-%Y}"],
        *([corrected.number, f"{corrected.issued_on:%d-%m-%Y}"] if corrected else ["", ""]),
        *[document.buyer.get("gstin", ""), document.buyer.get("name", "")],
        *[f"{document.place_of_supply}-{document.place_name}", "N"],
    ]
    is_taken_off = section == "B2CS" and corrected is not None
    sign = -1 if is_taken_off else 1
    for (sac, rate_bp), sums in _by_rate(document.lines).items():
        taxes = [in_rupees(sign * sums[name]) for name in SUMMED]
        yield [*head, in_rupees(sign * document.total_paise), sac, in_rupees(rate_bp), *taxes, "0.00"]


def _by_rate(lines: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, int]]:
    sums: dict[tuple[str, int], dict[str, int]] = {}
    for line in lines:
        group = sums.setdefault((line["sac"], line["rate_bp"]), dict.fromkeys(SUMMED, 0))
        for name in SUMMED:
            group[name] += line[name]
    return sums


def section_of(document: TaxDocument) -> str:
    """B2B, B2CL or B2CS for an invoice; CDNR, CDNUR or B2CS (taken off the sum) for a credit note."""
    invoice = document.corrects or document
    if document.buyer.get("gstin"):
        return "CDNR" if document.corrects else "B2B"
    if invoice.total_paise > LARGE_ABOVE_PAISE and not invoice.is_within_state:
        return "CDNUR" if document.corrects else "B2CL"
    return "B2CS"
