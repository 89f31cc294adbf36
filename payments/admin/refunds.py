"""Refunds in the admin: every step is confirmed on a page that says what it will do."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from import_export import fields, resources

from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from courses.admin import NEWEST_FIRST
from payments import refund_settling, refunds
from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.admin.refund_decisions import DECISIONS, Decision
from payments.admin.refund_parts import (
    MAY_ASK,
    MAY_SEE_TO,
    FlagFilter,
    FlagMixin,
    RefundLineInline,
    free_lines,
    require,
)
from payments.models import Order, Payment, Refund
from payments.razorpay import GatewayError
from payments.refund_forms import ReasonForm, StaffRefundForm, selected
from payments.refund_rules import calculate, is_stray, needs_approval, policy_of, why_not_at_all
from payments.refunds import RefundRefused
from users.requests import UserRequest

logger = logging.getLogger(__name__)


class RefundResource(resources.ModelResource):
    order = fields.Field(attribute="order__number")
    email = fields.Field(attribute="order__user__email")
    requested_by = fields.Field(attribute="requested_by__email")
    approved_by = fields.Field(attribute="approved_by__email")

    class Meta:
        model = Refund
        exclude = ["whole_payment_key", "sending_at", "mail_claimed_at"]


@admin.register(Refund)
class RefundAdmin(LookOnlyMixin, FlagMixin, RupeesMixin, ExportMixin, admin.ModelAdmin):
    resource_classes = [RefundResource]
    ordering = NEWEST_FIRST
    list_display = ["created_at", "order", "amount", "status", "is_settled", "requested_by", "approved_by"]
    list_filter = ["status", FlagFilter, "is_beyond_policy", "created_at", "processed_at"]
    list_select_related = ["order", "requested_by", "approved_by"]
    list_per_page = 50
    search_fields = ["order__number", "order__user__email", "gateway_payment_id", "gateway_refund_id"]
    search_help_text = "E-mail address, order number, Razorpay payment id or Razorpay refund id"
    fields = [
        "order",
        "status",
        "amount",
        "flag",
        "reason",
        "is_beyond_policy",
        "requested_by",
        "approved_by",
        "gateway_payment_id",
        "gateway_refund_id",
        "created_at",
        "processed_at",
        "mail_sent_at",
    ]
    readonly_fields = ["amount", "created_at"]
    inlines = [RefundLineInline]
    change_form_template = "payments/admin/refund_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("order/<uuid:order_id>", view(self.refund_order), name="payments_refund_order"),
            path("payment/<uuid:payment_id>", view(self.refund_payment), name="payments_refund_payment"),
            path("<uuid:refund_id>/lines", view(self.assign_lines), name="payments_refund_lines"),
            path("<uuid:refund_id>/<slug:what>", view(self.decide), name="payments_refund_decide"),
            *super().get_urls(),
        ]

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        refund = self.get_object(request, object_id)
        context = {
            "decisions": [
                (name, decision.label)
                for name, decision in DECISIONS.items()
                if refund and _is_open_to(request, refund, name, decision)
            ],
            "needs_lines": bool(refund and refund_settling.needs_lines(refund)) and request.user.has_perm(MAY_SEE_TO),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def decide(self, request: UserRequest, refund_id: uuid.UUID, what: str) -> HttpResponse:
        """GET says what would happen, POST does it."""
        refund = get_object_or_404(Refund.objects.select_related("order__user"), pk=refund_id)
        decision = DECISIONS.get(what)
        if decision is None:
            return HttpResponse("There is no such step.", status=404)
        require(request, decision.permission)
        form = ReasonForm(request.POST or None) if decision.has_reason else None
        if request.method == "POST" and (form is None or form.is_valid()):
            reason = form.cleaned_data["reason"] if form else ""
            self._act(request, refund, lambda: decision.act(refund, request.user, reason))
            return redirect("admin:payments_refund_change", refund.pk)
        lines = refund.lines.select_related("refunded_line")
        context = {"refund": refund, "decision": decision, "form": form, "lines": lines}
        return self._page(request, decision.label, "refund_decide", context)

    def refund_order(self, request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
        """The refund calculator for staff, who may go beyond the policy."""
        require(request, MAY_ASK)
        order = get_object_or_404(Order.objects.select_related("user", "refund_policy"), pk=order_id)
        shares = calculate(order)
        form = StaffRefundForm(shares, request.POST or None)
        if request.method == "POST" and form.is_valid():
            lines = [share.line for share in form.chosen]
            made = self._ask(
                request, lambda: refunds.request_refund(order, lines, form.cleaned_data["reason"], request.user)
            )
            if made:
                return redirect("admin:payments_refund_change", made.pk)
            shares = calculate(order)
        chosen = selected(shares, request.POST if request.method == "POST" else request.GET, is_staff=True)
        sum_paise = sum(share.amount_paise for share in chosen)
        context = {
            "order": order,
            "policy": policy_of(order),
            "why_not": why_not_at_all(order),
            "shares": shares,
            "chosen": {share.line.pk for share in chosen},
            "sum_paise": sum_paise,
            "is_beyond_policy": any(share.beyond_policy for share in chosen),
            "needs_approval": needs_approval(order, sum_paise),
            "form": form,
        }
        return self._page(request, f"Refund of {order}", "order_refund", context)

    def refund_payment(self, request: UserRequest, payment_id: uuid.UUID) -> HttpResponse:
        """For a payment that no order accounts for: paid twice, or not what was asked."""
        require(request, MAY_ASK)
        payment = get_object_or_404(Payment.objects.select_related("order__user"), pk=payment_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            made = self._ask(request, lambda: refunds.request_payment_refund(payment, reason, request.user))
            if made:
                return redirect("admin:payments_refund_change", made.pk)
        context = {"payment": payment, "order": payment.order, "form": form, "is_stray": is_stray(payment)}
        return self._page(request, "Refund this payment", "payment_refund", context)

    def assign_lines(self, request: UserRequest, refund_id: uuid.UUID) -> HttpResponse:
        """A person says which lines a refund from Razorpay's dashboard was for."""
        require(request, MAY_SEE_TO)
        refund = get_object_or_404(Refund.objects.select_related("order__user"), pk=refund_id)
        free = free_lines(refund.order)
        if request.method == "POST":
            chosen = [line for line in free if str(line.pk) in request.POST.getlist("line")]
            self._act(request, refund, lambda: refund_settling.assign_lines(refund, chosen, request.user))
            return redirect("admin:payments_refund_change", refund.pk)
        context = {"subject": refund, "order": refund.order, "lines": free}
        return self._page(request, "What was it for?", "assign_lines", context)

    def _ask(self, request: UserRequest, make: Callable[[], Refund]) -> Refund | None:
        """The refund that came of it, on its way if it need not wait; None if it was refused."""
        try:
            refund = make()
        except RefundRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        if refund.status == Refund.Status.APPROVED:
            self._act(request, refund, lambda: refunds.send(refund))
        else:
            text = f"{rupees(refund.amount_paise)} is above the limit: a second person has to approve it."
            self.message_user(request, text, messages.WARNING)
        return refund

    def _act(self, request: UserRequest, refund: Refund, act: Callable[[], None]) -> None:
        try:
            act()
        except RefundRefused as error:
            self.message_user(request, str(error), messages.ERROR)
        except GatewayError as error:
            logger.warning("Refund %s could not be settled: %s", refund.pk, error)
            text = "Razorpay did not do it. It stays to be sent and is tried again; the flag or the log says more."
            self.message_user(request, text, messages.ERROR)
        else:
            refund.refresh_from_db()
            self.message_user(request, f"{refund}: {refund.get_status_display().lower()}.", messages.SUCCESS)

    def _page(self, request: UserRequest, title: str, template: str, context: dict[str, Any]) -> HttpResponse:
        context |= {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"payments/admin/{template}.html", context)


def _is_open_to(request: UserRequest, refund: Refund, name: str, decision: Decision) -> bool:
    if name == "seen" and not refund.flag:
        return False
    return refund.status in decision.statuses and request.user.has_perm(decision.permission)
