"""Plans and subscriptions in the admin. Subscriptions can be looked up and checked with Razorpay, never edited."""

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
from payments.models import Order, Payment, Plan, Subscription
from payments.razorpay import GatewayError
from payments.subscriptions import sync

logger = logging.getLogger(__name__)


@admin.register(Plan)
class PlanAdmin(ExportMixin, admin.ModelAdmin):
    list_display = ["name", "period", "price", "is_offered", "gateway_plan_id"]
    list_filter = ["period", "is_offered"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["name", "slug", "period", "price_paise", "is_offered", "gateway_plan_id", "created_at"]
    readonly_fields = ["gateway_plan_id", "created_at"]
    prepopulated_fields = {"slug": ["name"]}

    @admin.display(description="price", ordering="price_paise")
    def price(self, plan: Plan) -> str:
        return f"{rupees(plan.price_paise)} {plan.get_period_display()}"

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """At Razorpay the price of a plan is fixed: another price is another plan there, for new subscribers."""
        if {"price_paise", "period", "name"} & set(form.changed_data):
            obj.gateway_plan_id = None
        super().save_model(request, obj, form, change)


class ChargeInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = Order
    verbose_name_plural = "charges"
    fields = ["number", "status", "amount", "paid_at"]
    readonly_fields = ["number", "amount"]
    show_change_link = True


class SubscriptionResource(resources.ModelResource):
    email = fields.Field(attribute="user__email")
    plan = fields.Field(attribute="plan__name")

    class Meta:
        model = Subscription
        fields = [
            "id",
            "email",
            "plan",
            "status",
            "price_paise",
            "gateway_subscription_id",
            "period_starts_at",
            "period_ends_at",
            "ends_with_period",
            "created_at",
            "ended_at",
        ]


@admin.register(Subscription)
class SubscriptionAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [SubscriptionResource]
    ordering = NEWEST_FIRST
    list_display = ["user", "plan", "status", "price", "period_ends_at", "ends_with_period", "created_at"]
    list_filter = ["status", "plan", "ends_with_period", "created_at", "period_ends_at"]
    list_select_related = ["user", "plan"]
    list_per_page = 50
    search_fields = ["user__email", "gateway_subscription_id"]
    search_help_text = "E-mail address, Razorpay subscription id, Razorpay payment id or order number"
    fields = [
        "id",
        "user",
        "plan",
        "status",
        "price",
        "gateway_subscription_id",
        "period_starts_at",
        "period_ends_at",
        "ends_with_period",
        "told_status",
        "created_at",
        "returned_at",
        "asked_at",
        "ended_at",
    ]
    readonly_fields = ["id", "price", "created_at"]
    inlines = [ChargeInline]
    actions = ["check_selected"]
    change_form_template = "payments/admin/subscription_change_form.html"

    @admin.display(description="price", ordering="price_paise")
    def price(self, subscription: Subscription) -> str:
        return rupees(subscription.price_paise)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Subscription], bool]:
        """Also by what stands on a receipt; as own lookups, since DocumentDB cannot join."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        paid_by = Payment.objects.filter(gateway_payment_id=term).values_list("order__subscription_id", flat=True)
        charged = Order.objects.filter(number=term.upper()).values_list("subscription_id", flat=True)
        if ids := [key for key in (*paid_by, *charged) if key]:
            found = queryset.filter(Q(pk__in=ids))
        return found, may_repeat

    def get_urls(self) -> list[URLPattern]:
        check = path(
            "<uuid:subscription_id>/check",
            self.admin_site.admin_view(require_POST(self.check_one)),
            name="payments_subscription_check",
        )
        return [check, *super().get_urls()]

    @admin.action(description="Check with Razorpay", permissions=["view"])
    def check_selected(self, request: HttpRequest, subscriptions: QuerySet[Subscription]) -> None:
        for subscription in subscriptions[:50]:
            self._check(request, subscription)

    def check_one(self, request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponse:
        subscription = get_object_or_404(self.get_queryset(request), pk=subscription_id)
        if not self.has_view_permission(request, subscription):
            return HttpResponse("You may not look at subscriptions.", status=403)
        self._check(request, subscription)
        return redirect("admin:payments_subscription_change", subscription.pk)

    def _check(self, request: HttpRequest, subscription: Subscription) -> None:
        """Ask Razorpay and apply what it says."""
        try:
            sync(subscription)
        except GatewayError as error:
            logger.warning("Subscription %s could not be checked: %s", subscription.pk, error)
            self.message_user(request, f"{subscription}: Razorpay did not answer. The log says more.", messages.ERROR)
            return
        log_event("subscription_checked", subscription=subscription.pk, staff=request.user.pk)
        status = subscription.get_status_display()
        self.message_user(request, f"{subscription}: Razorpay says “{status}”.", messages.SUCCESS)
