"""Plans and subscriptions: the whole catalogue, paid for by the month or the year through Razorpay Subscriptions."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from coursebundler.models import UUIDModel

CONFIRMING_FOR = timedelta(minutes=30)


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

    def get_absolute_url(self) -> str:
        return reverse("payments:subscribe_to", args=[self.slug])

    @property
    def price_per_year_paise(self) -> int:
        return self.price_paise * (12 if self.period == self.Period.MONTHLY else 1)


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def live_of(self, user: Any) -> "Subscription | None":
        """The one that runs or waits to be paid."""
        return self.select_related("plan").filter(live_key=str(user.pk)).first()

    def unended(self) -> "SubscriptionQuerySet":
        return self.exclude(status__in=Subscription.ENDED)


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

    ENDED = (Status.CANCELLED, Status.COMPLETED, Status.EXPIRED)  # nothing leads out of these

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
    billing = models.JSONField(default=dict, blank=True, help_text="For the invoice of each charge, as of an order.")
    gateway_subscription_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    period_starts_at = models.DateTimeField(null=True, blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True, help_text="Paid until.")
    ends_with_period = models.BooleanField(default=False, help_text="Cancelled, but paid until the period's end.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(
        null=True, blank=True, help_text="When the browser last came back from the gateway with a genuine signature."
    )
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the gateway was asked for what is here; an older answer changes nothing."
    )
    told_status = models.CharField(
        max_length=14, blank=True, help_text="The status that the subscriber last got a mail about."
    )
    told_claimed_at = models.DateTimeField(null=True, blank=True, help_text="When somebody began to send one.")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="subscription_user_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="subscription_status_newest"),
            models.Index(fields=["status", "period_ends_at"], name="subscription_boundary"),
            models.Index(fields=["status", "ended_at"], name="subscription_ended"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "created",
                        "authenticated",
                        "active",
                        "pending",
                        "halted",
                        "paused",
                        "cancelled",
                        "completed",
                        "expired",
                    ]
                ),
                name="subscription_status_known",
            ),
            models.CheckConstraint(condition=Q(price_paise__gt=0), name="subscription_price_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} of {self.user}"

    @property
    def has_ended(self) -> bool:
        return self.status in self.ENDED

    @property
    def is_paid_now(self) -> bool:
        return self.period_ends_at is not None and self.period_ends_at > timezone.now()

    @property
    def state(self) -> str:
        """What its owner is told: confirming or ending, else its status."""
        if self.status in (self.Status.CREATED, self.Status.AUTHENTICATED) and self.is_awaited:
            return "confirming"
        if self.ends_with_period and self.status == self.Status.ACTIVE:
            return "ending"
        return str(self.status)

    @property
    def is_awaited(self) -> bool:
        """Whether the browser came back with a payment lately; UPI may take some minutes to confirm one."""
        return self.returned_at is not None and self.returned_at > timezone.now() - CONFIRMING_FOR
