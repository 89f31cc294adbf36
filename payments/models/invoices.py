"""Tax documents: invoices and credit notes, numbered without gaps within a financial year. Never changed."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from payments.models.ledger import AppendOnlyModel, AppendOnlyQuerySet
from payments.models.orders import Order
from payments.models.refunds import Dispute, Refund
from payments.tax import INDIA, STATES, UNION_TERRITORIES, percent


class TaxDocument(AppendOnlyModel):
    """The document holds its own number: the next is the largest plus one, and the unique key lets one taker have it.
    So there is no counter that could run ahead of the documents, and no gap."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit_note", "Credit note"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    financial_year = models.CharField(max_length=7, help_text="April to March: 2026-27.")
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=16, unique=True, help_text="As printed; at most 16 characters (rule 46).")
    order = models.ForeignKey(Order, models.PROTECT, related_name="tax_documents")
    source_key = models.CharField(
        max_length=60, unique=True, help_text="What it is for; each has one document at most."
    )
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="credit_notes", help_text="A credit note's invoice."
    )
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, blank=True, related_name="tax_documents")
    dispute = models.ForeignKey(Dispute, models.PROTECT, null=True, blank=True, related_name="tax_documents")
    issued_at = models.DateTimeField(default=timezone.now)
    seller = models.JSONField(help_text="Name, address, GSTIN and state at the time.")
    buyer = models.JSONField(help_text="Name, address, GSTIN if there is one, state.")
    place_of_supply = models.CharField(max_length=2, blank=True, help_text="GST state code.")
    lines = models.JSONField(help_text="Title, SAC, taxable value, rate, CGST, SGST, IGST and total, in paise.")
    taxable_paise = models.PositiveIntegerField()
    cgst_paise = models.PositiveIntegerField(default=0)
    sgst_paise = models.PositiveIntegerField(default=0)
    igst_paise = models.PositiveIntegerField(default=0)
    total_paise = models.PositiveIntegerField()

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_at", "-id"]
        indexes = [
            models.Index(fields=["-issued_at", "-id"], name="tax_document_newest"),
            models.Index(fields=["kind", "issued_at", "id"], name="tax_document_kind_oldest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["kind", "financial_year", "sequence"], name="tax_document_sequence_once"),
            models.CheckConstraint(condition=Q(kind__in=["invoice", "credit_note"]), name="tax_document_kind_known"),
            models.CheckConstraint(condition=Q(sequence__gt=0), name="tax_document_sequence_positive"),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("payments:invoice_detail", args=[self.order_id, self.number])

    @property
    def title(self) -> str:
        """What stands on top: a school without a GSTIN charges no tax and may not issue a “tax invoice”."""
        if self.kind == self.Kind.CREDIT_NOTE:
            return "Credit note"
        return "Tax invoice" if self.seller.get("gstin") else "Invoice"

    @property
    def issued_on(self) -> datetime:
        """The moment in India, whose date is the document's."""
        return self.issued_at.astimezone(INDIA)

    @property
    def place_name(self) -> str:
        return STATES.get(self.place_of_supply, "")

    @property
    def seller_state(self) -> str:
        return STATES.get(self.seller.get("state", ""), "")

    @property
    def buyer_state(self) -> str:
        return STATES.get(self.buyer.get("state", ""), "")

    @property
    def shown_lines(self) -> list[dict[str, Any]]:
        """Lines for people: seats of the same course in one, with the rate as per cent and `taxes` in their order."""
        groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
        for line in self.lines:
            groups.setdefault((line["title"], line["sac"], line["rate_bp"]), []).append(line)
        return [self._shown(lines) for lines in groups.values()]

    def _shown(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        first, count = lines[0], len(lines)
        return {
            "title": f"{first['title']} × {count}" if count > 1 else first["title"],
            "sac": first["sac"],
            "rate": percent(first["rate_bp"]),
            "taxable_paise": sum(line["taxable_paise"] for line in lines),
            "taxes": [sum(line[name] for line in lines) for _, name, _ in self.taxes],
            "total_paise": sum(line["total_paise"] for line in lines),
        }

    @property
    def is_within_state(self) -> bool:
        """Whether CGST and SGST are due, not IGST."""
        return self.place_of_supply == self.seller.get("state")

    @property
    def taxes(self) -> list[tuple[str, str, int]]:
        """The taxes that are due: (label, name of the column, paise). None from a school without a GSTIN."""
        if not self.seller.get("gstin"):
            return []
        if self.is_within_state:
            return [("CGST", "cgst_paise", self.cgst_paise), (self.state_tax, "sgst_paise", self.sgst_paise)]
        return [("IGST", "igst_paise", self.igst_paise)]

    @property
    def state_tax(self) -> str:
        """What the state's half is called: union territories without a legislature have a tax of the union's."""
        return "UTGST" if self.place_of_supply in UNION_TERRITORIES else "SGST"

    @property
    def note(self) -> str:
        """The sentence below the sum."""
        if not self.seller.get("gstin"):
            return "The seller is not registered under GST; there is no tax in these amounts. Made electronically."
        return "All prices include GST. Made electronically; valid without a signature."
