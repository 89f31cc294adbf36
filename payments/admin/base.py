"""What the admin pages of this app share."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from coursebundler.formatting import rupees


class LookOnlyMixin:
    """Rows that the site writes and nobody edits."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RupeesMixin:
    @admin.display(description="amount", ordering="amount_paise")
    def amount(self, row: Any) -> str:
        return rupees(row.amount_paise)
