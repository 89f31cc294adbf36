"""A lower price for some time, for whatever has a price."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

LOWEST_PRICE_PAISE = 100  # Razorpay takes no payment below ₹1


class SaleMixin(models.Model):
    """For a model with `price_paise` and the three `sale_…` fields. A sale without a start or an end has none."""

    if TYPE_CHECKING:
        price_paise: int
        sale_price_paise: int | None
        sale_starts_at: datetime | None
        sale_ends_at: datetime | None

    class Meta:
        abstract = True

    @property
    def is_on_sale(self) -> bool:
        now = timezone.now()
        has_begun = self.sale_starts_at is None or self.sale_starts_at <= now
        has_ended = self.sale_ends_at is not None and self.sale_ends_at <= now
        return self.sale_price_paise is not None and has_begun and not has_ended

    @property
    def current_price_paise(self) -> int:
        """What it costs at this moment."""
        is_on_sale = self.is_on_sale and self.sale_price_paise is not None
        return self.sale_price_paise if is_on_sale else self.price_paise  # type: ignore[return-value]

    def clean(self) -> None:
        super().clean()
        if errors := self._sale_errors():
            raise ValidationError(errors)

    def _sale_errors(self) -> dict[str, str]:
        errors = {}
        price = self.sale_price_paise
        if price is None and (self.sale_starts_at or self.sale_ends_at):
            errors["sale_price_paise"] = "A sale needs a price; without one, leave its dates empty."
        if price is not None and price < LOWEST_PRICE_PAISE:
            errors["sale_price_paise"] = "The lowest sale price is ₹1 (100 paise)."
        elif price is not None and self.price_paise is not None and price >= self.price_paise:
            errors["sale_price_paise"] = "A sale price is lower than the price."
        if self.sale_starts_at and self.sale_ends_at and self.sale_ends_at <= self.sale_starts_at:
            errors["sale_ends_at"] = "A sale ends after it starts."
        return errors
