"""Our books against the gateway's: a report for a day, and a row for each difference. Written once, never changed."""

from django.db import models
from django.utils import timezone

from payments.models.ledger import AppendOnlyModel, AppendOnlyQuerySet


class BooksReport(AppendOnlyModel):
    """One comparison of one day. Comparing the day again makes another report: what was healed is not in that one."""

    day = models.DateField(help_text="From midnight to midnight in India.")
    payments_here = models.PositiveIntegerField(help_text="Payments of that day in our ledger.")
    payments_there = models.PositiveIntegerField(help_text="Captured payments of that day at the gateway.")
    paise_here = models.PositiveBigIntegerField(default=0)
    paise_there = models.PositiveBigIntegerField(default=0)
    refunds_here = models.PositiveIntegerField(default=0)
    refunds_there = models.PositiveIntegerField(default=0)
    refunded_paise_here = models.PositiveBigIntegerField(default=0)
    refunded_paise_there = models.PositiveBigIntegerField(default=0)
    difference_count = models.PositiveIntegerField(help_text="0: the books balance.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "comparison of a day"
        verbose_name_plural = "comparisons with Razorpay"

    def __str__(self) -> str:
        return f"Books of {self.day}"


class BooksDifference(AppendOnlyModel):
    """Something that the two sides, or two of our own tables, do not agree about."""

    class Kind(models.TextChoices):
        MISSING_HERE = "missing_here", "The gateway has it, we do not"
        MISSING_THERE = "missing_there", "We have it, the gateway does not"
        AMOUNT = "amount", "Another amount"
        CURRENCY = "currency", "Another currency"
        UNMATCHED = "unmatched", "Money without an order of ours that it pays"
        NO_PAYMENT = "no_payment", "Paid, but there is no payment"
        NO_GRANT = "no_grant", "Paid, but a line gave nothing"
        NOT_REVOKED = "not_revoked", "Paid back, but the access is still there"
        NO_INVOICE = "no_invoice", "Paid, but there is no invoice"
        NO_CREDIT_NOTE = "no_credit_note", "Paid back, but there is no credit note"
        NUMBER_GAP = "number_gap", "A document's number is missing"

    report = models.ForeignKey(BooksReport, models.PROTECT, related_name="differences")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    reference = models.CharField(max_length=40, help_text="The payment, refund, order or document it is about.")
    order = models.ForeignKey("payments.Order", models.PROTECT, null=True, blank=True, related_name="+")
    paise_here = models.BigIntegerField(null=True, blank=True)
    paise_there = models.BigIntegerField(null=True, blank=True)
    explanation = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "difference from Razorpay"
        verbose_name_plural = "differences from Razorpay"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[
                        "missing_here",
                        "missing_there",
                        "amount",
                        "currency",
                        "unmatched",
                        "no_payment",
                        "no_grant",
                        "not_revoked",
                        "no_invoice",
                        "no_credit_note",
                        "number_gap",
                    ]
                ),
                name="books_difference_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reference}"
