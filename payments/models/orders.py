"""What was bought: an order and its lines. Amounts are integer paise and never change once written."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from coursebundler.models import UUIDModel
from courses.models import Course


class OrderQuerySet(models.QuerySet["Order"]):
    def unpaid(self) -> "OrderQuerySet":
        return self.filter(status=Order.Status.CREATED)

    def paid(self) -> "OrderQuerySet":
        return self.filter(status=Order.Status.PAID)


class Order(UUIDModel):
    """Created unpaid; `payments.confirmation.mark_paid` alone makes it paid, and nothing makes it unpaid again."""

    class Status(models.TextChoices):
        CREATED = "created", "Waiting for payment"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    product_key = models.CharField(
        max_length=60, help_text="What is bought, e.g. course:<id>; a user has one unpaid order for it at most."
    )
    amount_paise = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="INR")
    gateway_order_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    paid_at = models.DateTimeField(null=True, blank=True)
    receipt_sent_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="order_user_newest"),
            models.Index(fields=["status", "-created_at"], name="order_status_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product_key"], condition=Q(status="created"), name="order_one_unpaid_per_product"
            ),
            models.CheckConstraint(condition=Q(status__in=["created", "paid", "cancelled"]), name="order_status_known"),
            models.CheckConstraint(condition=Q(amount_paise__gt=0), name="order_amount_positive"),
            models.CheckConstraint(condition=Q(currency="INR"), name="order_currency_inr"),
            models.CheckConstraint(condition=~Q(status="paid") | Q(paid_at__isnull=False), name="order_paid_has_date"),
        ]

    def __str__(self) -> str:
        return f"Order {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("payments:order_detail", args=[self.pk])

    @property
    def number(self) -> str:
        """Short enough to read out: the random tail of the key."""
        return self.pk.hex[-10:].upper()

    @property
    def is_paid(self) -> bool:
        return self.status == self.Status.PAID


class OrderLine(UUIDModel):
    """One thing bought, with its share of the order's amount, frozen at the time of buying."""

    class Kind(models.TextChoices):
        COURSE = "course", "Course"

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COURSE)
    course = models.ForeignKey(Course, models.PROTECT, null=True, blank=True, related_name="order_lines")
    title = models.CharField(max_length=80, help_text="As it was called when it was bought.")
    amount_paise = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "course"], name="order_line_course_once"),
            models.CheckConstraint(condition=Q(amount_paise__gte=0), name="order_line_amount_not_negative"),
            models.CheckConstraint(
                condition=~Q(kind="course") | Q(course__isnull=False), name="order_line_course_present"
            ),
        ]

    def __str__(self) -> str:
        return self.title
