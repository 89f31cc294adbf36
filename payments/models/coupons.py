"""Coupons, what they are good for, and who used them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from courses.models import Course
from payments.models.bundles import Bundle


class Coupon(UUIDModel):
    class Kind(models.TextChoices):
        PERCENT = "percent", "Per cent off"
        FIXED = "fixed", "Paise off"

    class AppliesTo(models.TextChoices):
        ALL = "all", "Courses and bundles"
        COURSES = "courses", "Courses, not bundles"
        BUNDLES = "bundles", "Bundles, not courses"
        LISTED = "listed", "The products listed below"

    code = models.CharField(max_length=30, unique=True, help_text="Upper case; people may type it as they like.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERCENT)
    value = models.PositiveIntegerField(help_text="Per cent, or paise.")
    applies_to = models.CharField(max_length=10, choices=AppliesTo.choices, default=AppliesTo.ALL)
    minimum_price_paise = models.PositiveIntegerField(default=0, help_text="It never takes the price below this.")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    uses_per_user = models.PositiveIntegerField(default=1)
    uses_in_total = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: any number.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["percent", "fixed"]), name="coupon_kind_known"),
            models.CheckConstraint(condition=Q(value__gt=0), name="coupon_value_positive"),
        ]

    def __str__(self) -> str:
        return self.code


class CouponProduct(UUIDModel):
    """A course or a bundle that a coupon of the kind “listed” is good for."""

    coupon = models.ForeignKey(Coupon, models.CASCADE, related_name="products")
    course = models.ForeignKey(Course, models.CASCADE, null=True, blank=True)
    bundle = models.ForeignKey(Bundle, models.CASCADE, null=True, blank=True)

    def __str__(self) -> str:
        return str(self.course or self.bundle)


class CouponUse(UUIDModel):
    """One use of a coupon by an order. The two numbers are places that a unique key gives to one taker each, so that
    no limit can be overrun, whoever comes at the same time."""

    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="uses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="coupon_uses")
    order = models.OneToOneField("payments.Order", models.CASCADE, related_name="coupon_use")
    nth_of_user = models.PositiveIntegerField()
    nth_in_total = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["coupon", "user", "nth_of_user"], name="coupon_use_once_per_user_place"),
            models.UniqueConstraint(fields=["coupon", "nth_in_total"], name="coupon_use_once_per_place"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} by {self.user}"
