"""What somebody who teaches has earned, month by month."""

import re
from collections.abc import Iterator
from datetime import date

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from coursebundler.exports import csv_response
from courses.views.catalogue import page_of
from payments import earnings as ledger
from payments.models import Earning
from payments.tax import in_rupees
from users.requests import UserRequest

HEADINGS = ["date", "document", "course", "net_rupees", "share_percent", "earned_rupees"]


@require_safe
def earnings(request: UserRequest) -> HttpResponse:
    """Every month with its sum; the bars compare them with the best."""
    months = ledger.months(request.user.pk)
    best = max((month["earned_paise"] for month in months), default=0)
    for month in months:
        month["name"] = _name(month["month"])
        month["bar"] = max(month["earned_paise"], 0) * 100 // best if best > 0 else 0
    total_paise = sum(month["earned_paise"] for month in months)
    return render(request, "payments/earnings.html", {"months": months, "total_paise": total_paise})


@require_safe
def earning_month(request: UserRequest, month: str) -> HttpResponse:
    """The statement of a month: each line with its share. 404 for a month without any."""
    rows = ledger.statement(request.user.pk, _checked(month))
    sums = ledger.month_sums(request.user.pk, month)
    if not sums["count"]:
        raise Http404("Nothing was earned in this month.")
    page = page_of(rows, request.GET.get("page", "1"), sums["count"])
    context = {"month": month, "month_name": _name(month), "page": page, "sums": sums}
    return render(request, "payments/earning_month.html", context)


@require_safe
def earning_month_csv(request: UserRequest, month: str) -> StreamingHttpResponse:
    rows = ledger.statement(request.user.pk, _checked(month))
    return csv_response(f"earnings-{month}.csv", _csv_rows(rows.iterator(chunk_size=500)))


def _csv_rows(rows: Iterator[Earning]) -> Iterator[list[str]]:
    yield HEADINGS
    for row in rows:
        document = row.document
        amounts = [in_rupees(row.net_paise), in_rupees(row.share_bp), in_rupees(row.amount_paise)]
        yield [f"{document.issued_on:%Y-%m-%d}", document.number, row.title, *amounts]


def _name(month: str) -> str:
    """2026-11 → Nov 2026"""
    return f"{date.fromisoformat(f'{month}-01'):%b %Y}"


def _checked(month: str) -> str:
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month, re.ASCII):
        raise Http404("Not a month.")
    return month
