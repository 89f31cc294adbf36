"""Orders in the admin: everything can be looked up and checked with Razorpay, nothing can be edited."""

import logging
import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.confirmation import confirm_order
from payments.models import Dispute, Order, OrderLine, Payment, Refund
from payments.razorpay import GatewayError
from payments.refund_rules import stray_payments
from payments.refund_settling import confirm_refunds
from payments.timeline import timeline

logger = logging.getLogger(__name__)


class MoneyBackFilter(admin.SimpleListFilter):
    title, parameter_name = "money back", "money_back"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("refund", "With a refund"), ("dispute", "With a dispute")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "refund":
            return queryset.filter(pk__in=Refund.objects.order_by().values("order_id"))
        if self.value() == "dispute":
            return queryset.filter(pk__in=Dispute.objects.order_by().values("order_id"))
        return queryset


class OrderLineInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = OrderLine
    fields = ["title", "kind", "course", "amount"]
    readonly_fields = ["amount"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("course")


class PaymentInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = Payment
    fields = [
        "created_at",
        "entry",
        "amount",
        "currency",
        "method",
        "gateway_payment_id",
        "gateway_reference",
        "reason",
    ]
    readonly_fields = ["created_at", "amount"]


class RefundInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = Refund
    fields = ["created_at", "amount", "status", "reason", "requested_by", "approved_by", "flag"]
    readonly_fields = ["created_at", "amount"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("order", "requested_by", "approved_by")


class DisputeInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = Dispute
    fields = ["created_at", "amount", "status", "phase", "reason", "respond_by", "flag"]
    readonly_fields = ["created_at", "amount"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("order")


class OrderResource(resources.ModelResource):
    email = fields.Field(attribute="user__email")

    class Meta:
        model = Order
        fields = [
            "number",
            "status",
            "email",
            "product_key",
            "amount_paise",
            "currency",
            "gateway_order_id",
            "created_at",
            "paid_at",
            "id",
        ]


@admin.register(Order)
class OrderAdmin(LookOnlyMixin, RupeesMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [OrderResource]
    ordering = NEWEST_FIRST
    list_display = ["number", "user", "status", "amount", "created_at", "paid_at"]
    list_filter = ["status", MoneyBackFilter, "created_at", "paid_at"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["number", "user__email", "gateway_order_id"]
    search_help_text = "E-mail address, order number, order id, Razorpay order id or Razorpay payment id"
    fields = [
        "number",
        "id",
        "user",
        "status",
        "product_key",
        "bundle_edition",
        "amount",
        "how_it_came_about",
        "coupon",
        "currency",
        "gateway_order_id",
        "created_at",
        "returned_at",
        "paid_at",
        "receipt_sent_at",
    ]
    readonly_fields = ["number", "id", "amount", "how_it_came_about", "created_at"]
    inlines = [OrderLineInline, PaymentInline, RefundInline, DisputeInline]
    actions = ["check_selected"]
    change_form_template = "payments/admin/order_change_form.html"

    @admin.display(description="how it came about")
    def how_it_came_about(self, order: Order) -> str:
        return "; ".join(f"{line['label']} {rupees(line['amount_paise'])}" for line in order.sum_lines) or "-"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[Order], bool]:
        """Also by the exact id of the order or of a payment; as own lookups, since DocumentDB cannot join."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        paid_by = Payment.objects.filter(gateway_payment_id=term).values_list("order_id", flat=True)
        order_ids = [*paid_by, *_as_uuid(term)]
        if order_ids:
            found = queryset.filter(Q(pk__in=order_ids))
        return found, may_repeat

    def get_urls(self) -> list[URLPattern]:
        check = path(
            "<uuid:order_id>/check",
            self.admin_site.admin_view(require_POST(self.check_one)),
            name="payments_order_check",
        )
        return [check, *super().get_urls()]

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """With its timeline, and with the payments that somebody has to give back."""
        order = self.get_object(request, object_id)
        context = {"timeline": timeline(order), "strays": stray_payments(order)} if order else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @admin.action(description="Check with Razorpay", permissions=["view"])
    def check_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        for order in orders[:50]:
            self._check(request, order)

    def check_one(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        order = get_object_or_404(self.get_queryset(request), pk=order_id)
        if not self.has_view_permission(request, order):
            return HttpResponse("You may not look at orders.", status=403)
        self._check(request, order)
        return redirect("admin:payments_order_change", order.pk)

    def _check(self, request: HttpRequest, order: Order) -> None:
        """Ask Razorpay and apply what it says: the fourth way to `mark_paid`, and the same for its refunds."""
        try:
            outcome = confirm_order(order)
            confirm_refunds(order)
        except GatewayError as error:
            logger.warning("Order %s could not be checked: %s", order.pk, error)
            self.message_user(request, f"{order}: Razorpay did not answer. The log says more.", messages.ERROR)
            return
        log_event("order_checked", order=order.pk, staff=request.user.pk, outcome=outcome)
        self.message_user(request, f"{order}: Razorpay says {outcome}.", messages.SUCCESS)


def _as_uuid(text: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []
