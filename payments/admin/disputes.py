"""Chargebacks in the admin, and which lines a lost one took."""

import logging
import uuid
from typing import Any

from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from courses.admin import NEWEST_FIRST
from payments import disputes
from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.admin.refund_parts import MAY_SEE_TO, FlagFilter, FlagMixin, RefundLineInline, free_lines, require
from payments.models import Dispute
from payments.razorpay import GatewayError
from payments.refunds import RefundRefused
from users.requests import UserRequest

logger = logging.getLogger(__name__)


class DisputeResource(resources.ModelResource):
    order = fields.Field(attribute="order__number")
    email = fields.Field(attribute="order__user__email")

    class Meta:
        model = Dispute


@admin.register(Dispute)
class DisputeAdmin(LookOnlyMixin, FlagMixin, RupeesMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [DisputeResource]
    ordering = NEWEST_FIRST
    list_display = ["created_at", "order", "amount", "status", "is_settled", "phase", "respond_by"]
    list_filter = ["status", FlagFilter, "phase", "created_at"]
    list_select_related = ["order"]
    list_per_page = 50
    search_fields = ["order__number", "order__user__email", "gateway_payment_id", "gateway_dispute_id"]
    search_help_text = "E-mail address, order number, Razorpay payment id or Razorpay dispute id"
    inlines = [RefundLineInline]
    actions = ["check_selected", "take_flags_down"]
    change_form_template = "payments/admin/dispute_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        assign = path(
            "<uuid:dispute_id>/lines", self.admin_site.admin_view(self.assign_lines), name="payments_dispute_lines"
        )
        return [assign, *super().get_urls()]

    @admin.action(description="Check with Razorpay", permissions=["view"])
    def check_selected(self, request: HttpRequest, rows: "QuerySet[Dispute]") -> None:
        for dispute in rows[:50]:
            try:
                status = disputes.confirm_dispute(dispute.gateway_dispute_id)
            except GatewayError as error:
                logger.warning("Dispute %s could not be checked: %s", dispute.pk, error)
                self.message_user(request, f"{dispute}: Razorpay did not answer.", messages.ERROR)
                return
            self.message_user(request, f"{dispute}: Razorpay says {status}.", messages.SUCCESS)

    @admin.action(description="Seen to: take the flag away", permissions=["view"])
    def take_flags_down(self, request: UserRequest, rows: "QuerySet[Dispute]") -> None:
        require(request, MAY_SEE_TO)
        for dispute in rows.exclude(flag="").select_related("order")[:50]:
            disputes.take_flag_down(dispute, request.user)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        dispute = self.get_object(request, object_id)
        context = {"needs_lines": dispute and disputes.needs_lines(dispute) and request.user.has_perm(MAY_SEE_TO)}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def assign_lines(self, request: UserRequest, dispute_id: uuid.UUID) -> HttpResponse:
        """A person says which lines a lost dispute took."""
        require(request, MAY_SEE_TO)
        dispute = get_object_or_404(Dispute.objects.select_related("order__user"), pk=dispute_id)
        free = free_lines(dispute.order)
        if request.method == "POST":
            chosen = [line for line in free if str(line.pk) in request.POST.getlist("line")]
            try:
                disputes.assign_lines(dispute, chosen, request.user)
            except (RefundRefused, IntegrityError):
                self.message_user(request, "These lines went back already, or need no person.", messages.ERROR)
            return redirect("admin:payments_dispute_change", dispute.pk)
        context = {"subject": dispute, "order": dispute.order, "lines": free, "title": "What did the bank take?"}
        context |= {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, "payments/admin/assign_lines.html", context)
