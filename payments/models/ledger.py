"""What the gateway told us, written once and never changed: payments and webhook events."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from payments.models.orders import Order


class LedgerError(TypeError):
    """Somebody tried to change or delete a ledger row."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **values: Any) -> NoReturn:
        raise LedgerError("Ledger rows are never changed; write a new one.")

    def delete(self) -> NoReturn:
        raise LedgerError("Ledger rows are never deleted.")


class AppendOnlyModel(UUIDModel):
    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise LedgerError("Ledger rows are never changed; write a new one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise LedgerError("Ledger rows are never deleted.")


class Payment(AppendOnlyModel):
    """One thing that happened to one payment at the gateway."""

    class Entry(models.TextChoices):
        CAPTURED = "captured", "Captured"
        FAILED = "failed", "Failed"
        MISMATCH = "mismatch", "Captured, but not what the order asks for"
        REFUNDED = "refunded", "Paid back"
        CHARGED_BACK = "charged_back", "Taken back by the buyer's bank"

    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    entry = models.CharField(max_length=12, choices=Entry.choices)
    gateway_payment_id = models.CharField(max_length=40)
    gateway_reference = models.CharField(
        max_length=40, blank=True, help_text="The refund's or dispute's id; a payment may have several."
    )
    amount_paise = models.PositiveIntegerField(help_text="Never negative: the entry says which way it went.")
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=20, blank=True, help_text="upi, card, netbanking …")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it failed, in the gateway's words.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["created_at", "id"], name="payment_oldest")]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway_payment_id", "entry", "gateway_reference"], name="payment_entry_once"
            ),
            models.CheckConstraint(
                condition=Q(entry__in=["captured", "failed", "mismatch", "refunded", "charged_back"]),
                name="payment_entry_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_payment_id} {self.entry}"


class WebhookEvent(AppendOnlyModel):
    """An event that was handled to its end: remembered last, so that a crash before means it is handled again."""

    event_id = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=60)
    outcome = models.CharField(max_length=20, help_text="What it led to.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class OrderEvent(AppendOnlyModel):
    """A line of an order's timeline, in words for staff. `key` makes writing it safe to repeat."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="events")
    key = models.CharField(max_length=100, help_text="What happened to what: paid:pay_…, refund_sent:rfnd_…")
    text = models.CharField(max_length=300)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["order", "key"], name="order_event_once")]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def note(cls, order: Order, key: str, text: str, actor: Any = None) -> bool:
        """Write it unless it is there; says whether it is new."""
        _, is_new = cls.objects.get_or_create(order=order, key=key, defaults={"text": text[:300], "actor": actor})
        return is_new
