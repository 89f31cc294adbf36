"""What the gateway told us: payments and webhook events, to look at, to search, to export."""

from django.contrib import admin
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.models import OrderEvent, Payment, WebhookEvent


@admin.register(Payment)
class PaymentAdmin(LookOnlyMixin, RupeesMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = [
        "created_at",
        "entry",
        "amount",
        "currency",
        "method",
        "gateway_payment_id",
        "gateway_reference",
        "order",
    ]
    list_filter = ["entry", "method", "created_at"]
    list_select_related = ["order"]
    list_per_page = 50
    search_fields = ["gateway_payment_id", "gateway_reference", "order__number", "order__user__email"]
    search_help_text = "Razorpay payment, refund or dispute id, order number or e-mail address"


class OrderEventResource(resources.ModelResource):
    order = fields.Field(attribute="order__number")
    actor = fields.Field(attribute="actor__email")

    class Meta:
        model = OrderEvent
        fields = ["created_at", "order", "text", "actor", "key"]


@admin.register(OrderEvent)
class OrderEventAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    """The timelines of all orders; each order's own is on its page."""

    resource_classes = [OrderEventResource]
    ordering = NEWEST_FIRST
    list_display = ["created_at", "order", "text", "actor"]
    list_filter = ["created_at"]
    list_select_related = ["order", "actor"]
    list_per_page = 50
    search_fields = ["order__number", "order__user__email", "key"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["created_at", "kind", "outcome", "event_id"]
    list_filter = ["kind", "outcome", "created_at"]
    list_per_page = 50
    search_fields = ["event_id"]
