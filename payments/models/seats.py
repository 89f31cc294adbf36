"""Seats: what somebody buys for others. A gift is one seat with an address; a team buys N and sends out links."""

import secrets

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from coursebundler.models import UUIDModel
from payments.models.orders import Order, OrderLine


def make_token() -> str:
    """43 characters that nobody can guess; the unique column holds the promise."""
    return secrets.token_urlsafe(32)


class SeatQuerySet(models.QuerySet["Seat"]):
    def open(self) -> "SeatQuerySet":
        """Neither claimed nor closed: the link still leads somewhere, and its money can still go back."""
        return self.filter(claimed_by__isnull=True, closed_at__isnull=True)


class Seat(UUIDModel):
    """Made when the order is paid. Its lines are those of the order with its number; whoever claims it gets them."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="seats")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the order.")
    token = models.CharField(
        max_length=43, unique=True, editable=False, default=make_token, help_text="The secret of the link."
    )
    email = models.EmailField(blank=True, help_text="Whom the link was sent to.")
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="seats"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="Refunded: the link leads nowhere.")
    invite_claimed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When somebody last began to send the link."
    )
    invite_sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SeatQuerySet.as_manager()

    class Meta:
        ordering = ["order", "number"]
        indexes = [models.Index(fields=["claimed_by", "claimed_at"], name="seat_claimed_by")]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="seat_number_once"),
            models.CheckConstraint(
                condition=models.Q(claimed_by__isnull=True) | models.Q(claimed_at__isnull=False),
                name="seat_claimed_has_date",
            ),
        ]

    def __str__(self) -> str:
        return f"Seat {self.number} of {self.order}"

    @property
    def is_open(self) -> bool:
        """The same as SeatQuerySet.open, for a row that is already here."""
        return self.claimed_by_id is None and self.closed_at is None

    @property
    def is_gift(self) -> bool:
        """One seat that was bought for one address; else it belongs to a team."""
        return bool(self.order.recipient_email)

    @property
    def giver(self) -> str:
        """Who is behind it, for whoever gets it; never the address."""
        return self.order.user.name or "Somebody"

    @property
    def lines(self) -> "models.QuerySet[OrderLine]":
        return self.order.lines.filter(seat_number=self.number)

    @property
    def link(self) -> str:
        return f"{settings.SITE_URL}{reverse('payments:seat_link', args=[self.token])}"
