"""What was bought: an order and its lines. Amounts are integer paise and never change once written."""

import secrets
import time
from collections.abc import Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from coursebundler.db import pause_seconds, run_in_transaction
from coursebundler.models import UUIDModel
from courses.models import Course
from payments.models.coupons import CouponUse
from payments.tax import gst_rate_bp

NUMBER_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0 O 1 I, which people mix up on the telephone
TRIES = 10
CONFIRMING_FOR = timedelta(minutes=30)
RECONCILED_AFTER = timedelta(minutes=10)


def make_number() -> str:
    """A random order number that can be read out; the unique column holds the promise."""
    return "".join(secrets.choice(NUMBER_LETTERS) for _ in range(10))


def first_check_at() -> datetime:
    """When the reconciler takes an interest: later than everything that a browser and a webhook do by themselves."""
    return timezone.now() + RECONCILED_AFTER


class OrderQuerySet(models.QuerySet["Order"]):
    def unpaid(self) -> "OrderQuerySet":
        return self.filter(status=Order.Status.CREATED)

    def paid(self) -> "OrderQuerySet":
        return self.filter(status=Order.Status.PAID)

    def open_for(self, user: Any, product_key: str, lines: Sequence["OrderLine"], **terms: Any) -> "Order":
        """The user's unpaid order for this product on these terms: the one there is, or a new one.

        `terms` are other columns of the order: coupon, bundle_edition, sum_lines, billing, refund_policy, seat_count …
        Safe to repeat and to race. An unpaid order on other terms is cancelled, never changed. Raises CouponError if
        the coupon has no place left, RuntimeError if every try lost its race, which takes a product whose price changes
        with each click.
        """
        for attempt in range(1, TRIES + 1):
            order = self.unpaid().filter(user=user, product_key=product_key).first()
            if order is not None and order.asks_for(lines, **terms):
                return order
            if order is not None:
                order.cancel()
            if opened := self._create_or_lose(user, product_key, lines, terms):
                return opened
            time.sleep(pause_seconds(attempt))
        raise RuntimeError(f"No order for {product_key} could be opened.")

    def _create_or_lose(
        self, user: Any, product_key: str, lines: Sequence["OrderLine"], terms: dict[str, Any]
    ) -> "Order | None":
        """None if another request made the one unpaid order, or took the coupon's place, first."""
        try:
            return run_in_transaction(lambda: self._create_with_lines(user, product_key, lines, terms))
        except IntegrityError:
            return None

    def _create_with_lines(
        self, user: Any, product_key: str, lines: Sequence["OrderLine"], terms: dict[str, Any]
    ) -> "Order":
        amount_paise = sum(line.amount_paise for line in lines)
        order = self.create(user=user, product_key=product_key, amount_paise=amount_paise, **terms)
        OrderLine.objects.bulk_create([line.of_order(order, position) for position, line in enumerate(lines)])
        if order.coupon:
            CouponUse.take(order.coupon, order)
        return order


class Order(UUIDModel):
    """Created unpaid; `payments.confirmation.mark_paid` alone makes it paid, and nothing makes it unpaid again."""

    class Status(models.TextChoices):
        CREATED = "created", "Unpaid"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    number = models.CharField(max_length=10, unique=True, default=make_number, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    product_key = models.CharField(
        max_length=60, help_text="Kind and id of what is bought; a user has one unpaid order for it at most."
    )
    amount_paise = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="INR")
    sum_lines = models.JSONField(
        default=list, blank=True, help_text="How the amount came about: [{label, amount_paise}, …]; the sum is exact."
    )
    bundle_edition = models.ForeignKey(
        "payments.BundleEdition", models.PROTECT, null=True, blank=True, related_name="orders"
    )
    subscription = models.ForeignKey(
        "payments.Subscription", models.PROTECT, null=True, blank=True, related_name="orders"
    )
    coupon = models.ForeignKey("payments.Coupon", models.PROTECT, null=True, blank=True, related_name="orders")
    refund_policy = models.ForeignKey(
        "payments.RefundPolicy", models.PROTECT, null=True, blank=True, related_name="orders"
    )
    seat_count = models.PositiveIntegerField(default=0, help_text="Seats for others; 0: for the buyer.")
    recipient_email = models.EmailField(blank=True, help_text="Whom a gift is for.")
    gift_message = models.CharField(max_length=300, blank=True)
    billing = models.JSONField(
        default=dict, blank=True, help_text="Name, address, state code and GSTIN for the invoice."
    )
    gateway_order_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    returned_at = models.DateTimeField(
        null=True, blank=True, help_text="When the browser last came back from the gateway with a genuine signature."
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    receipt_claimed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When somebody last began to send the receipt."
    )
    receipt_sent_at = models.DateTimeField(null=True, blank=True)
    check_at = models.DateTimeField(
        null=True,
        blank=True,
        default=first_check_at,
        editable=False,
        help_text="When the reconciler looks at it next; empty: nothing is left to do.",
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="order_user_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="order_status_newest"),
            models.Index(fields=["bundle_edition", "id"], name="order_buyers_of_edition"),
            models.Index(fields=["status", "paid_at", "id"], name="order_paid_oldest"),
            models.Index(fields=["check_at", "id"], name="order_check"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product_key"], condition=Q(status="created"), name="order_one_unpaid_per_product"
            ),
            models.CheckConstraint(condition=Q(status__in=["created", "paid", "cancelled"]), name="order_status_known"),
            models.CheckConstraint(condition=Q(amount_paise__gte=0), name="order_amount_not_negative"),
            models.CheckConstraint(condition=Q(currency="INR"), name="order_currency_inr"),
            models.CheckConstraint(condition=~Q(status="paid") | Q(paid_at__isnull=False), name="order_paid_has_date"),
        ]

    def __str__(self) -> str:
        return f"Order {self.number}"

    def save(self, **kwargs: Any) -> None:
        """A new order is sold under the newest refund policy."""
        if self._state.adding and self.refund_policy_id is None:
            policies: Any = self._meta.get_field("refund_policy").related_model
            self.refund_policy = policies.objects.current()
        super().save(**kwargs)

    def get_absolute_url(self) -> str:
        return reverse("payments:order_detail", args=[self.pk])

    @property
    def is_paid(self) -> bool:
        return self.status == self.Status.PAID

    @property
    def state(self) -> str:
        """What its owner is told: paid, cancelled, review, confirming, failed or unpaid."""
        if self.status != self.Status.CREATED:
            return str(self.status)
        recorded_at = {payment.entry: payment.created_at for payment in self.payments.order_by("created_at")}
        if "mismatch" in recorded_at:
            return "review"
        failed_at = recorded_at.get("failed")
        if self.is_awaited and not (failed_at and self.returned_at and failed_at > self.returned_at):
            return "confirming"
        return "failed" if failed_at else "unpaid"

    @property
    def lines_kept(self) -> list["OrderLine"]:
        """What has neither been paid back nor been taken back by the bank. Three queries."""
        refunded = self.refunds.filter(status="processed").order_by().values_list("lines__line", flat=True)
        lost = self.disputes.order_by().values_list("lines__line", flat=True)
        gone = {*refunded, *lost}
        return [line for line in self.lines.select_related("course") if line.pk not in gone]

    @property
    def is_awaited(self) -> bool:
        """Whether the browser came back with a payment lately; UPI may take some minutes to confirm one."""
        return self.returned_at is not None and self.returned_at > timezone.now() - CONFIRMING_FOR

    def asks_for(self, lines: Sequence["OrderLine"], **terms: Any) -> bool:
        """Whether this order is for exactly these things at these prices and on these terms."""
        is_same_terms = all(getattr(self, name) == value for name, value in terms.items())
        return is_same_terms and sorted(line.identity for line in self.lines.all()) == sorted(
            line.identity for line in lines
        )

    def cancel(self) -> bool:
        """Close it unless it has been paid meanwhile; says whether this call did. Safe to repeat.

        Its coupon's place is free again.
        """
        return run_in_transaction(self._cancel)

    def _cancel(self) -> bool:
        is_cancelled = bool(Order.objects.unpaid().filter(pk=self.pk).update(status=self.Status.CANCELLED))
        if is_cancelled and self.coupon_id:
            CouponUse.objects.filter(order=self).delete()
        return is_cancelled

    @property
    def checkout_url(self) -> str:
        """Where the same can be bought again; empty if it is not for sale."""
        if self.subscription_id:
            return ""
        if self.bundle_edition:
            return self._checkout_url_of("bundle", self.bundle_edition.bundle)
        courses = [line.course for line in self.lines.select_related("course")[:1] if line.course]
        return self._checkout_url_of("course", courses[0]) if courses else ""

    def _checkout_url_of(self, kind: str, product: Any) -> str:
        if not product.is_published:
            return ""
        if self.seat_count:
            name = "gift_checkout" if self.recipient_email else "seats_checkout"
            return reverse(f"payments:{name}", args=[f"{kind}s", product.slug])
        name = "bundle_checkout" if kind == "bundle" else "checkout"
        return reverse(f"payments:{name}", args=[product.slug])


class OrderLine(UUIDModel):
    """One thing bought, with its share of the order's amount, frozen at the time of buying."""

    class Kind(models.TextChoices):
        COURSE = "course", "Course"
        BUNDLE = "bundle", "Course of a bundle"
        PLAN = "plan", "One period of a plan"

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COURSE)
    course = models.ForeignKey(Course, models.PROTECT, null=True, blank=True, related_name="order_lines")
    title = models.CharField(max_length=80, help_text="As it was called when it was bought.")
    amount_paise = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)
    seat_number = models.PositiveIntegerField(default=0, help_text="0: for the buyer; else the seat it belongs to.")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="A plan's paid period.")
    ends_at = models.DateTimeField(null=True, blank=True)
    tax_rate_bp = models.PositiveIntegerField(default=gst_rate_bp, help_text="GST inside the amount; 1800 is 18 %.")
    instructor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="lines_taught"
    )
    instructor_share_bp = models.PositiveIntegerField(default=0, help_text="Of the amount without tax; 7000 is 70 %.")

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "course", "seat_number"], name="order_line_course_once"),
            models.CheckConstraint(condition=Q(amount_paise__gte=0), name="order_line_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(kind="plan") | Q(course__isnull=False), name="order_line_course_present"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @classmethod
    def for_course(cls, course: Course, **fields: Any) -> "OrderLine":
        """A line, not yet stored, for the course at today's price, with its teacher and their share as of today."""
        terms = {
            "kind": cls.Kind.COURSE,
            "title": course.title,
            "amount_paise": course.current_price_paise,
            "instructor": course.instructor,
            "instructor_share_bp": course.instructor_share_bp,
        }
        return cls(course=course, **terms | fields)

    def of_order(self, order: Order, position: int) -> "OrderLine":
        """The same line, not yet stored, in its place of an order."""
        line = copy(self)
        line.order, line.position = order, position
        return line

    @property
    def identity(self) -> tuple[str, str, int, int, str]:
        """What makes it the line of one thing at one price."""
        return (str(self.kind), str(self.course_id), self.seat_number, self.amount_paise, str(self.starts_at))
