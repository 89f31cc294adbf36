"""Gifts and team seats in the admin: to look up who got what. Their links stay secret: whoever has one can take it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from courses.admin import NEWEST_FIRST
from payments.admin.base import LookOnlyMixin
from payments.models import Seat


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("taken", "Taken"), ("closed", "Given back")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        found: dict[str | None, dict[str, bool]] = {
            "open": {"claimed_by__isnull": True, "closed_at__isnull": True},
            "taken": {"claimed_by__isnull": False},
            "closed": {"closed_at__isnull": False},
        }
        return queryset.filter(**found.get(self.value(), {}))


class SeatResource(resources.ModelResource):
    order = fields.Field(attribute="order__number")
    buyer = fields.Field(attribute="order__user__email")
    claimed_by = fields.Field(attribute="claimed_by__email")

    class Meta:
        model = Seat
        fields = ["order", "number", "buyer", "email", "claimed_by", "claimed_at", "closed_at", "invite_sent_at", "id"]


@admin.register(Seat)
class SeatAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [SeatResource]
    ordering = NEWEST_FIRST
    list_display = ["order", "number", "buyer", "email", "claimed_by", "claimed_at", "closed_at"]
    list_filter = [StateFilter, "claimed_at"]
    list_select_related = ["order__user", "claimed_by"]
    list_per_page = 50
    search_fields = ["order__number", "order__user__email", "email", "claimed_by__email"]
    search_help_text = "Order number, or the address of the buyer, of the guest or of whoever took it"
    fields = ["order", "number", "email", "invite_sent_at", "claimed_by", "claimed_at", "closed_at", "created_at"]

    @admin.display(ordering="order__user__email")
    def buyer(self, seat: Seat) -> str:
        return seat.order.user.email
