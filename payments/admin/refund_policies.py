"""The versions of the refund policy in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest

from coursebundler.exports import ExportMixin
from payments.admin.base import LookOnlyMixin
from payments.models import RefundPolicy


@admin.register(RefundPolicy)
class RefundPolicyAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    """Versions are added and never changed: somebody may have bought under each of them."""

    list_display = ["version", "window_days", "progress_percent", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["text"]
    fields = ["text", "window_days", "progress_percent"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        current = RefundPolicy.objects.current()
        return {name: getattr(current, name) for name in ("text", "window_days", "progress_percent")}

    def save_model(self, request: HttpRequest, obj: RefundPolicy, form: Any, change: Any) -> None:
        obj.version = (RefundPolicy.objects.aggregate(last=Max("version"))["last"] or 0) + 1
        super().save_model(request, obj, form, change)
