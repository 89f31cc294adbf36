"""What the admin pages of refunds and of disputes share."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from payments.admin.base import LookOnlyMixin, RupeesMixin
from payments.models import Order, RefundLine
from payments.refund_rules import lines_taken
from users.requests import UserRequest

MAY_ASK, MAY_DECIDE, MAY_SEE_TO = "payments.add_refund", "payments.approve_refund", "payments.change_refund"


def require(request: UserRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


class FlagFilter(admin.SimpleListFilter):
    title, parameter_name = "flag", "flagged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "A person has to look"), ("no", "Nothing to do")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "yes":
            return queryset.exclude(flag="")
        return queryset.filter(flag="") if self.value() == "no" else queryset


class FlagMixin:
    @admin.display(description="no flag", boolean=True)
    def is_settled(self, row: Any) -> bool:
        return not row.flag


class RefundLineInline(LookOnlyMixin, RupeesMixin, admin.TabularInline):
    model = RefundLine
    fields = ["refunded_line", "amount"]
    readonly_fields = ["amount"]
    verbose_name_plural = "what goes back"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("refunded_line")


def free_lines(order: Order) -> list[Any]:
    """The lines of the order that have not gone back and are not about to."""
    lines = list(order.lines.all())
    taken = lines_taken(lines)
    return [line for line in lines if line.pk not in taken]
