"""Coupons and who used them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count
from django.http import HttpRequest
from import_export import fields, resources

from coursebundler.atomic_admin import AtomicMixin
from coursebundler.autocomplete import AutocompleteMixin
from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin
from payments.models import Coupon, CouponProduct, CouponUse


class CouponProductInline(AutocompleteMixin, admin.TabularInline):
    model = CouponProduct
    autocomplete_fields = ["course", "bundle"]
    extra = 0


class UsesChangeList(ChangeList):
    """Counts the uses of a whole page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        uses = CouponUse.objects.filter(coupon__in=[coupon.pk for coupon in self.result_list]).order_by()
        counts: dict[Any, dict[str, int]] = {}
        for coupon_id, status, count in uses.values_list("coupon_id", "order__status").annotate(count=Count("pk")):
            counts.setdefault(coupon_id, {})[status] = count
        for coupon in self.result_list:
            coupon.use_counts = counts.get(coupon.pk, {})


@admin.register(Coupon)
class CouponAdmin(ExportMixin, AtomicMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["code", "off", "applies_to", "uses", "starts_at", "ends_at", "is_active"]
    list_filter = ["is_active", "kind", "applies_to", "ends_at"]
    search_fields = ["code"]
    inlines = [CouponProductInline]
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UsesChangeList

    @admin.display(description="off", ordering="value")
    def off(self, coupon: Coupon) -> str:
        return f"{coupon.value} %" if coupon.kind == Coupon.Kind.PERCENT else rupees(coupon.value)

    @admin.display(description="uses")
    def uses(self, coupon: Coupon) -> str:
        counts = getattr(coupon, "use_counts", {})
        limit = f" of {coupon.uses_in_total}" if coupon.uses_in_total else ""
        waiting = f", {counts['created']} in unpaid orders" if counts.get("created") else ""
        return f"{sum(counts.values())}{limit}{waiting}"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders name it: it is switched off instead."""
        return False


class CouponUseResource(resources.ModelResource):
    coupon = fields.Field(attribute="coupon__code")
    email = fields.Field(attribute="user__email")
    order = fields.Field(attribute="order__number")
    status = fields.Field(attribute="order__status")
    amount_paise = fields.Field(attribute="order__amount_paise")

    class Meta:
        model = CouponUse
        fields = ["coupon", "email", "order", "status", "amount_paise", "created_at"]


@admin.register(CouponUse)
class CouponUseAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [CouponUseResource]
    ordering = NEWEST_FIRST
    list_display = ["coupon", "user", "order", "status", "created_at"]
    list_filter = ["order__status", "created_at"]
    list_select_related = ["coupon", "user", "order"]
    search_fields = ["coupon__code", "user__email", "order__number"]
    list_per_page = 50

    @admin.display(description="order's status", ordering="order__status")
    def status(self, use: CouponUse) -> str:
        return use.order.get_status_display()
