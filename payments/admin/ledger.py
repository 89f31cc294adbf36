"""What the gateway told us: payments and webhook events, to look at, to search, to export."""

from django.contrib import admin

from coursebundler.exports import ExportMixin
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.models import Payment, WebhookEvent


@admin.register(Payment)
class PaymentAdmin(LookOnlyMixin, RupeesMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["created_at", "entry", "amount", "currency", "method", "gateway_payment_id", "order"]
    list_filter = ["entry", "method", "created_at"]
    list_select_related = ["order"]
    list_per_page = 50
    search_fields = ["gateway_payment_id", "order__number", "order__user__email"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(LookOnlyMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["created_at", "kind", "outcome", "event_id"]
    list_filter = ["kind", "outcome", "created_at"]
    list_per_page = 50
    search_fields = ["event_id"]
