"""The daily comparison of our books with the gateway's, to look at, to search, to export."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin
from payments.comparison import compare_books
from payments.models import BooksDifference, BooksReport
from payments.razorpay import GatewayError

MOST_DAYS = 7


@admin.register(BooksReport)
class BooksReportAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["day", "created_at", "payments_here", "payments_there", "paid_here", "paid_there", "differences"]
    list_filter = ["day", "created_at"]
    search_fields = ["day"]
    search_help_text = "A day, as 2026-11-22"
    list_per_page = 50
    actions = ["compare_again"]

    @admin.display(description="₹ here", ordering="paise_here")
    def paid_here(self, report: BooksReport) -> str:
        return rupees(report.paise_here)

    @admin.display(description="₹ there", ordering="paise_there")
    def paid_there(self, report: BooksReport) -> str:
        return rupees(report.paise_there)

    @admin.display(description="differences", ordering="difference_count")
    def differences(self, report: BooksReport) -> str:
        return str(report.difference_count) if report.difference_count else "none"

    @admin.action(description="Compare these days with Razorpay again", permissions=["view"])
    def compare_again(self, request: HttpRequest, reports: "QuerySet[BooksReport]") -> None:
        days = sorted(set(reports.values_list("day", flat=True)))
        for day in days[:MOST_DAYS]:
            try:
                report = compare_books(day)
            except GatewayError:
                self.message_user(request, f"{day}: Razorpay did not answer. Please try again.", messages.ERROR)
                return
            level = messages.WARNING if report.difference_count else messages.SUCCESS
            self.message_user(request, f"{day}: {report.difference_count or 'no'} differences.", level)
        if len(days) > MOST_DAYS:
            self.message_user(request, f"Only the first {MOST_DAYS} days were compared.", messages.WARNING)


class BooksDifferenceResource(resources.ModelResource):
    day = fields.Field(attribute="report__day")
    order = fields.Field(attribute="order__number")

    class Meta:
        model = BooksDifference
        fields = ["day", "kind", "reference", "order", "paise_here", "paise_there", "explanation", "created_at", "id"]


@admin.register(BooksDifference)
class BooksDifferenceAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [BooksDifferenceResource]
    ordering = NEWEST_FIRST
    list_display = ["reference", "kind", "explanation", "day", "order"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["report", "order"]
    search_fields = ["reference", "order__number"]
    search_help_text = "Payment id, refund id or order number"
    list_per_page = 50

    @admin.display
    def day(self, row: BooksDifference) -> Any:
        return row.report.day
