"""Money that goes back: the policy an order was sold under, refunds by line, and disputes (chargebacks)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from payments.models.orders import Order, OrderLine


class RefundPolicy(UUIDModel):
    """The newest is pinned to each new order. A version that orders were sold under is never changed."""

    version = models.PositiveIntegerField(unique=True)
    text = models.TextField(help_text="Markdown; what the buyer reads before paying.")
    window_days = models.PositiveIntegerField(default=14, help_text="Days after paying in which a student may refund.")
    progress_percent = models.PositiveIntegerField(
        default=30, help_text="… if no more of the course than this is done."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-version"]
        verbose_name_plural = "refund policies"

    def __str__(self) -> str:
        return f"Version {self.version}"


class Refund(UUIDModel):
    """Some or all lines of an order, given back."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waits for approval"
        DECLINED = "declined", "Declined"
        APPROVED = "approved", "To be sent to Razorpay"
        SENT = "sent", "At Razorpay"
        PROCESSED = "processed", "Paid back"
        FAILED = "failed", "Failed"

    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=10, choices=Status.choices)
    amount_paise = models.PositiveIntegerField()
    gateway_payment_id = models.CharField(max_length=40)
    gateway_refund_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    reason = models.CharField(max_length=200)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="refunds_requested"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="refunds_approved"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "-created_at", "-id"], name="refund_status_newest")]
        constraints = [models.CheckConstraint(condition=Q(amount_paise__gt=0), name="refund_amount_positive")]

    def __str__(self) -> str:
        return f"Refund of {self.order}"


class RefundLine(UUIDModel):
    """A line that goes back. `line` is unique, so it goes back once; a failed or declined refund empties it."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines")
    line = models.OneToOneField(OrderLine, models.PROTECT, null=True, related_name="refund_line")
    refunded_line = models.ForeignKey(OrderLine, models.PROTECT, related_name="refund_attempts")
    amount_paise = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.refunded_line)


class Dispute(UUIDModel):
    """A buyer asked their bank for the money back. Lost, it takes away what a refund would."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        UNDER_REVIEW = "under_review", "Under review"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        CLOSED = "closed", "Closed"

    order = models.ForeignKey(Order, models.PROTECT, related_name="disputes")
    gateway_dispute_id = models.CharField(max_length=40, unique=True)
    gateway_payment_id = models.CharField(max_length=40)
    status = models.CharField(max_length=14, choices=Status.choices)
    phase = models.CharField(max_length=30, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    amount_paise = models.PositiveIntegerField()
    respond_by = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"Dispute of {self.order}"
