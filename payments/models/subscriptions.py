"""Plans and subscriptions: the whole catalogue, paid for by the month or the year through Razorpay Subscriptions."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel


class Plan(UUIDModel):
    class Period(models.TextChoices):
        MONTHLY = "monthly", "every month"
        YEARLY = "yearly", "every year"

    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    period = models.CharField(max_length=10, choices=Period.choices, default=Period.MONTHLY)
    price_paise = models.PositiveIntegerField("price (paise)", help_text="For one period.")
    gateway_plan_id = models.CharField(max_length=40, null=True, blank=True, unique=True, editable=False)
    is_offered = models.BooleanField(default=True, help_text="Whether it can be bought; running ones go on.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["price_paise", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(period__in=["monthly", "yearly"]), name="plan_period_known"),
            models.CheckConstraint(condition=Q(price_paise__gt=0), name="plan_price_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(UUIDModel):
    """As the gateway last told us. Each of its charges is a paid order with one line and one grant for its period."""

    class Status(models.TextChoices):
        CREATED = "created", "Not paid yet"
        AUTHENTICATED = "authenticated", "Authorised"
        ACTIVE = "active", "Active"
        PENDING = "pending", "A payment failed; it is tried again"
        HALTED = "halted", "Halted: payments failed"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        COMPLETED = "completed", "Completed"
        EXPIRED = "expired", "Expired"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.CREATED)
    live_key = models.CharField(
        max_length=36,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text="The user's id while it runs or waits to be paid, so that nobody has two; empty afterwards.",
    )
    price_paise = models.PositiveIntegerField(help_text="As agreed; a plan's new price is for new subscribers.")
    gateway_subscription_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    period_starts_at = models.DateTimeField(null=True, blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True, help_text="Paid until.")
    ends_with_period = models.BooleanField(default=False, help_text="Cancelled, but paid until the period's end.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="subscription_user_newest"),
            models.Index(fields=["status", "period_ends_at"], name="subscription_boundary"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} of {self.user}"
