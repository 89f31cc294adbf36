"""Tax documents and instructors' earnings: to look at, to search, to export; and the month for the GST return."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from import_export import fields, resources

from coursebundler.exports import ExportMixin, csv_response
from coursebundler.formatting import exact_rupees
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin
from payments.gst_return import NotAMonth, return_rows
from payments.models import Earning, TaxDocument
from payments.tax import INDIA, STATES, financial_year
from payments.views.invoices import pdf_response


class ChosenFilter(admin.SimpleListFilter):
    """By the values of a column that are known without asking every row for its own."""

    column = ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class PlaceFilter(ChosenFilter):
    title, parameter_name, column = "place of supply", "place", "place_of_supply"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(STATES.items())


class YearFilter(ChosenFilter):
    title, parameter_name, column = "financial year", "year", "financial_year"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        now = timezone.now()
        years = [financial_year(now - timedelta(days=days)) for days in range(0, 8 * 365, 365)]
        return [(year, year) for year in years]


class MonthFilter(ChosenFilter):
    title, parameter_name, column = "month", "in", "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        today = timezone.now().astimezone(INDIA)
        last = today.year * 12 + today.month - 1
        months = [f"{number // 12}-{number % 12 + 1:02}" for number in range(last, last - 24, -1)]
        return [(month, month) for month in months]


class TaxDocumentResource(resources.ModelResource):
    order = fields.Field(attribute="order__number")
    corrects = fields.Field(attribute="corrects__number")
    buyer_name = fields.Field()
    buyer_gstin = fields.Field()

    class Meta:
        model = TaxDocument
        fields = [
            *["number", "kind", "financial_year", "issued_at", "order", "corrects", "buyer_name", "buyer_gstin"],
            *["place_of_supply", "taxable_paise", "cgst_paise", "sgst_paise", "igst_paise", "total_paise", "id"],
        ]

    def dehydrate_buyer_name(self, document: TaxDocument) -> str:
        return str(document.buyer.get("name", ""))

    def dehydrate_buyer_gstin(self, document: TaxDocument) -> str:
        return str(document.buyer.get("gstin", ""))


@admin.register(TaxDocument)
class TaxDocumentAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [TaxDocumentResource]
    ordering = ["-issued_at", "-pk"]
    list_display = ["number", "issued_at", "buyer_name", "place_of_supply", "taxable", "tax", "total", "order"]
    list_filter = ["kind", YearFilter, "issued_at", PlaceFilter]
    list_select_related = ["order"]
    list_per_page = 50
    search_fields = ["number", "order__number", "order__user__email"]
    search_help_text = "Number of the document, number of the order, or e-mail address"
    fields = readonly_fields = (
        *("number", "title", "kind", "financial_year", "issued_at", "order", "corrects", "refund", "dispute"),
        *("seller_text", "buyer_text", "place", "lines_table", "taxable", "tax", "total", "pdf_link"),
    )
    change_list_template = "payments/admin/taxdocument_change_list.html"

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<uuid:document_id>/pdf", guarded(self.pdf), name="payments_taxdocument_pdf"),
            path("return", guarded(self.gst_return), name="payments_taxdocument_return"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        this_month = f"{timezone.now().astimezone(INDIA):%Y-%m}"
        return super().changelist_view(request, {**(extra_context or {}), "this_month": this_month})

    def pdf(self, request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            return HttpResponse("You may not look at tax documents.", status=403)
        documents = TaxDocument.objects.select_related("order", "corrects")
        return pdf_response(get_object_or_404(documents, pk=document_id))

    def gst_return(self, request: HttpRequest) -> HttpResponseBase:
        """`?month=2026-11` as CSV, written while it is read."""
        if not self.has_view_permission(request):
            return HttpResponse("You may not look at tax documents.", status=403)
        month = request.GET.get("month", "")
        try:
            return csv_response(f"gst-return-{month}.csv", return_rows(month))
        except NotAMonth as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:payments_taxdocument_changelist")

    @admin.display(description="buyer")
    def buyer_name(self, document: TaxDocument) -> str:
        return document.buyer.get("name", "") or "–"

    @admin.display(description="place of supply")
    def place(self, document: TaxDocument) -> str:
        return f"{document.place_of_supply} {document.place_name}"

    @admin.display(ordering="taxable_paise")
    def taxable(self, document: TaxDocument) -> str:
        return exact_rupees(document.taxable_paise)

    @admin.display
    def tax(self, document: TaxDocument) -> str:
        return ", ".join(f"{label} {exact_rupees(paise)}" for label, _, paise in document.taxes) or "none"

    @admin.display(ordering="total_paise")
    def total(self, document: TaxDocument) -> str:
        return exact_rupees(document.total_paise)

    @admin.display(description="seller")
    def seller_text(self, document: TaxDocument) -> str:
        return _party(document.seller)

    @admin.display(description="buyer")
    def buyer_text(self, document: TaxDocument) -> str:
        return _party(document.buyer)

    @admin.display(description="lines")
    def lines_table(self, document: TaxDocument) -> SafeString:
        rows = (
            (line["title"], line["sac"], line["rate"], exact_rupees(line["total_paise"]))
            for line in document.shown_lines
        )
        return format_html_join("", "<div>{}, {}, {} %, {}</div>", rows)

    @admin.display(description="PDF")
    def pdf_link(self, document: TaxDocument) -> SafeString:
        url = reverse("admin:payments_taxdocument_pdf", args=[document.pk])
        return format_html('<a href="{}">{}.pdf</a>', url, document.number)


def _party(party: dict[str, str]) -> str:
    return ", ".join(party[name] for name in ("name", "address", "state", "gstin") if party.get(name)) or "–"


class EarningResource(resources.ModelResource):
    email = fields.Field(attribute="instructor__email")
    document = fields.Field(attribute="document__number")

    class Meta:
        model = Earning
        fields = ["month", "email", "document", "title", "net_paise", "share_bp", "amount_paise", "created_at", "id"]


@admin.register(Earning)
class EarningAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [EarningResource]
    ordering = NEWEST_FIRST
    list_display = ["created_at", "month", "instructor", "title", "net", "share_percent", "earned", "document"]
    list_filter = [MonthFilter, "created_at"]
    list_select_related = ["instructor", "document"]
    list_per_page = 50
    search_fields = ["instructor__email", "month", "document__number"]
    search_help_text = "E-mail address of the instructor, month as 2026-11, or number of the document"
    fields = readonly_fields = (
        *("created_at", "month", "instructor", "title", "document", "line", "net", "share_percent", "earned"),
    )

    @admin.display(description="without tax", ordering="net_paise")
    def net(self, earning: Earning) -> str:
        return exact_rupees(earning.net_paise)

    @admin.display(description="share", ordering="share_bp")
    def share_percent(self, earning: Earning) -> str:
        return f"{earning.share} %"

    @admin.display(ordering="amount_paise")
    def earned(self, earning: Earning) -> str:
        return exact_rupees(earning.amount_paise)
