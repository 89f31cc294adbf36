"""Money that goes back: the policy an order was sold under, refunds by line, and disputes (chargebacks)."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from payments.models.ledger import AppendOnlyModel, AppendOnlyQuerySet
from payments.models.orders import Order, OrderLine

FIRST_POLICY = """\
Not what you expected? You get your money back, without having to say why, if

- you ask within **{window_days} days** of paying, and
- you have done no more than **{progress_percent} %** of the course.

A bundle goes back course by course: for each course you get the part of the price that your order shows beside it.
A seat or a gift goes back as long as nobody has claimed it. A month or a year of the subscription goes back as long as
you have watched nothing in it; to stop later payments, cancel the subscription.

The money returns the way it came, usually within 5 to 7 working days. The course closes for you when it has been paid
back. Beyond these limits [write to us](/contact): a person decides.
"""


class RefundPolicyQuerySet(AppendOnlyQuerySet):
    def current(self) -> "RefundPolicy":
        """The newest; the first comes into being when somebody asks for it. Safe to race."""
        newest: RefundPolicy | None = self.order_by("-version").first()
        return newest or self.get_or_create(version=1, defaults={"text": RefundPolicy.first_text()})[0]


class RefundPolicy(AppendOnlyModel):
    """The newest is pinned to each new order. No version is ever changed; other terms make the next one."""

    version = models.PositiveIntegerField(unique=True, editable=False)
    text = models.TextField(help_text="Markdown; what the buyer reads before paying.")
    window_days = models.PositiveIntegerField(default=14, help_text="Days after paying in which a student may refund.")
    progress_percent = models.PositiveIntegerField(
        default=30, help_text="… if no more of the course than this is done."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RefundPolicyQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]
        verbose_name_plural = "refund policies"
        constraints = [
            models.CheckConstraint(condition=Q(version__gt=0), name="refund_policy_version_positive"),
            models.CheckConstraint(condition=Q(progress_percent__lte=100), name="refund_policy_percent_possible"),
        ]

    def __str__(self) -> str:
        return f"Version {self.version}"

    @classmethod
    def first_text(cls) -> str:
        usual = cls()
        return FIRST_POLICY.format(window_days=usual.window_days, progress_percent=usual.progress_percent)

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)


class Refund(UUIDModel):
    """Some or all lines of an order, given back; or, without lines, a payment that should not have been made."""

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
    whole_payment_key = models.CharField(
        max_length=40,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text="The payment's id if no lines go back, so that it is made once; empty once declined or failed.",
    )
    reason = models.CharField(max_length=200)
    is_beyond_policy = models.BooleanField(default=False, help_text="Staff gave more than the policy promises.")
    flag = models.CharField(max_length=200, blank=True, help_text="What a person has to look at; empty: nothing.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds_requested",
        help_text="Nobody: made in Razorpay's dashboard.",
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="refunds_approved"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sending_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Whoever sends it claims it here."
    )
    processed_at = models.DateTimeField(null=True, blank=True)
    mail_claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    mail_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["status", "-created_at", "-id"], name="refund_status_newest"),
            models.Index(fields=["status", "processed_at", "id"], name="refund_processed_oldest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "declined", "approved", "sent", "processed", "failed"]),
                name="refund_status_known",
            ),
            models.CheckConstraint(condition=Q(amount_paise__gt=0), name="refund_amount_positive"),
        ]
        permissions = [("approve_refund", "Can approve and decline refunds above the limit")]

    def __str__(self) -> str:
        return f"Refund of {self.order}"

    def move(self, *statuses: str, to: str, **values: Any) -> bool:
        """The one way to another status: a conditional update; says whether it was this call. Safe to race."""
        moved = bool(Refund.objects.filter(pk=self.pk, status__in=statuses).update(status=to, **values))
        if moved:
            for name, value in {"status": to, **values}.items():
                setattr(self, name, value)
        return moved

    def raise_flag(self, text: str) -> None:
        """Leave word for a person; the newest word stands."""
        self.flag = text[:200]
        Refund.objects.filter(pk=self.pk).update(flag=self.flag)


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
    flag = models.CharField(max_length=200, blank=True, help_text="What a person has to look at; empty: nothing.")
    respond_by = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "created_at", "id"], name="dispute_status_oldest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "under_review", "won", "lost", "closed"]), name="dispute_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"Dispute of {self.order}"

    def raise_flag(self, text: str) -> None:
        self.flag = text[:200]
        Dispute.objects.filter(pk=self.pk).update(flag=self.flag)


class RefundLine(UUIDModel):
    """A line that goes back, by a refund or by a lost dispute. `line` is unique, so it goes back once; a failed or
    declined refund empties it, and `refunded_line` still tells which it was."""

    refund = models.ForeignKey(Refund, models.PROTECT, null=True, blank=True, related_name="lines")
    dispute = models.ForeignKey(Dispute, models.PROTECT, null=True, blank=True, related_name="lines")
    line = models.OneToOneField(OrderLine, models.PROTECT, null=True, related_name="refund_line")
    refunded_line = models.ForeignKey(OrderLine, models.PROTECT, related_name="refund_attempts")
    amount_paise = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(refund__isnull=False) | Q(dispute__isnull=False), name="refund_line_has_cause"
            )
        ]

    def __str__(self) -> str:
        return str(self.refunded_line)
