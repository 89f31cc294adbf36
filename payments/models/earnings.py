"""What instructors earn: one signed row for each line of a tax document. Never changed."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from payments.models.invoices import TaxDocument
from payments.models.ledger import AppendOnlyModel, AppendOnlyQuerySet
from payments.models.orders import OrderLine
from payments.tax import percent


class Earning(AppendOnlyModel):
    """Their share of the line's taxable value, written in the transaction that issues the document: an invoice adds,
    a credit note takes away."""

    instructor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="earnings")
    document = models.ForeignKey(TaxDocument, models.PROTECT, related_name="earnings")
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="earnings")
    title = models.CharField(max_length=80)
    month = models.CharField(max_length=7, help_text="The document's, in India: 2026-11.")
    net_paise = models.IntegerField(help_text="The line without tax; negative on a credit note.")
    share_bp = models.PositiveIntegerField(help_text="7000 is 70 %.")
    amount_paise = models.IntegerField(help_text="Negative: taken back by a refund or a lost dispute.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["instructor", "month", "created_at", "id"], name="earning_statement"),
            models.Index(fields=["-created_at", "-id"], name="earning_newest"),
        ]
        constraints = [models.UniqueConstraint(fields=["document", "line"], name="earning_once_per_document_line")]

    def __str__(self) -> str:
        return f"{self.title}, {self.month}"

    @property
    def share(self) -> str:
        return percent(self.share_bp)
