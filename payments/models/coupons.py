"""Coupons, what they are good for, and who used them."""

import random
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from coursebundler.models import UUIDModel
from courses.models import Course
from courses.models.sales import LOWEST_PRICE_PAISE
from payments.models.bundles import Bundle

ABANDONED_AFTER = timedelta(days=1)
LARGEST_PLACE = 2**31 - 1
MOST_USES = 1_000_000


class CouponError(Exception):
    """Why a coupon is not good here, in words for the buyer."""


class CouponQuerySet(models.QuerySet["Coupon"]):
    def named(self, code: str) -> "Coupon":
        """The coupon with this code, however it is typed. Raises CouponError."""
        wanted = code.strip().upper()
        coupon = self.filter(code=wanted, is_active=True).first() if 0 < len(wanted) <= 30 else None
        if coupon is None:
            raise CouponError("We do not know this coupon. Please look at its spelling.")
        return coupon


class Coupon(UUIDModel):
    class Kind(models.TextChoices):
        PERCENT = "percent", "Per cent off"
        FIXED = "fixed", "Paise off"

    class AppliesTo(models.TextChoices):
        ALL = "all", "Courses and bundles"
        COURSES = "courses", "Courses, not bundles"
        BUNDLES = "bundles", "Bundles, not courses"
        LISTED = "listed", "The products listed below"

    code = models.CharField(
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", "Letters, digits, hyphens and underscores only.")],
        help_text="Kept in upper case; people may type it as they like.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PERCENT)
    value = models.PositiveIntegerField(validators=[MinValueValidator(1)], help_text="Per cent, or paise.")
    applies_to = models.CharField(max_length=10, choices=AppliesTo.choices, default=AppliesTo.ALL)
    minimum_price_paise = models.PositiveIntegerField(default=0, help_text="It never takes the price below this.")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    uses_per_user = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_USES)]
    )
    uses_in_total = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_USES)],
        help_text="Empty: any number.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CouponQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["percent", "fixed"]), name="coupon_kind_known"),
            models.CheckConstraint(condition=Q(value__gt=0), name="coupon_value_positive"),
            models.CheckConstraint(condition=Q(kind="fixed") | Q(value__lte=100), name="coupon_percent_at_most_100"),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        super().clean()
        self.code = self.code.upper()
        errors = {}
        if self.kind == self.Kind.PERCENT and self.value is not None and self.value > 100:
            errors["value"] = "At most 100 per cent."
        if self.minimum_price_paise and self.minimum_price_paise < LOWEST_PRICE_PAISE:
            errors["minimum_price_paise"] = "0, or at least ₹1 (100 paise): nothing can be sold for less."
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors["ends_at"] = "It ends after it starts."
        if errors:
            raise ValidationError(errors)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.code = self.code.upper()
        super().save(*args, **kwargs)

    def check_for(self, user: Any, product: Course | Bundle, product_key: str) -> None:
        """Raises CouponError unless `user` may use it for this product now. Takes no place yet: `CouponUse.take` does.

        The place of the user's own unpaid order for this product counts as free: that order is used or replaced.
        """
        now = timezone.now()
        if self.starts_at and self.starts_at > now:
            raise CouponError(f"This coupon is good from {date_format(self.starts_at, 'j F Y, H:i')} UTC on.")
        if self.ends_at and self.ends_at <= now:
            raise CouponError(f"This coupon expired on {date_format(self.ends_at, 'j F Y')}.")
        if not self._is_good_for(product):
            raise CouponError("This coupon is not for this product.")
        own = Q(order__user=user, order__product_key=product_key, order__status="created")
        if not self._has_place(user, own):
            self._release_abandoned()
            self._require_place(user, own)

    def _is_good_for(self, product: Course | Bundle) -> bool:
        is_bundle = isinstance(product, Bundle)
        if self.applies_to == self.AppliesTo.LISTED:
            return self.products.filter(**{"bundle" if is_bundle else "course": product}).exists()
        return self.applies_to in (self.AppliesTo.ALL, self.AppliesTo.BUNDLES if is_bundle else self.AppliesTo.COURSES)

    def _has_place(self, user: Any, own: Q) -> bool:
        try:
            self._require_place(user, own)
        except CouponError:
            return False
        return True

    def _require_place(self, user: Any, own: Q | None = None) -> tuple[int, int]:
        """(place among the user's uses, place among all uses), both free a moment ago. Raises CouponError."""
        uses = self.uses.exclude(own) if own else self.uses.all()
        mine = uses.filter(user=user)
        of_user = free_place(mine.values_list("nth_of_user", flat=True), self.uses_per_user)
        if of_user is None:
            waiting = mine.filter(order__status="created").select_related("order").first()
            raise CouponError(_used_by_you(waiting.order.number if waiting else ""))
        held = () if self.uses_in_total is None else uses.values_list("nth_in_total", flat=True)
        in_total = free_place(held, self.uses_in_total)
        if in_total is None:
            raise CouponError("This coupon has been used up.")
        return of_user, in_total

    def _release_abandoned(self) -> None:
        """Orders that nobody paid for a day give their places back."""
        since = timezone.now() - ABANDONED_AFTER
        for order in self.orders.filter(status="created", created_at__lt=since)[:50]:
            if not order.is_awaited:
                order.cancel()


def _used_by_you(waiting_number: str) -> str:
    if not waiting_number:
        return "You have used this coupon already."
    return (
        f"You use this coupon in your order {waiting_number}, which is not paid yet. Pay that one, or open its "
        "checkout again without the coupon."
    )


def place_beyond(limit: int) -> int:
    return random.randint(limit + 1, LARGEST_PLACE)  # noqa: S311  nothing secret


def free_place(held: Iterable[int], limit: int | None) -> int | None:
    """A place that is not held, or None if there is none: of 1 … limit, or any number where nothing is limited.

    By chance among the first free ones, so that those who come at the same time seldom want the same. Places beyond the
    limit, taken before there was one or when it was higher, take as many of those within it away.
    """
    if limit is None:
        return place_beyond(0)
    taken, room = set(held), limit
    while room != (fewer := max(0, limit - sum(place > room for place in taken))):
        room = fewer
    free = list(islice((place for place in range(1, room + 1) if place not in taken), 20))
    return random.choice(free) if free else None  # noqa: S311  nothing secret


class CouponProduct(UUIDModel):
    """A course or a bundle that a coupon of the kind “listed” is good for."""

    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="products")
    course = models.ForeignKey(Course, models.PROTECT, null=True, blank=True)
    bundle = models.ForeignKey(Bundle, models.PROTECT, null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(course__isnull=False, bundle__isnull=True) | Q(course__isnull=True, bundle__isnull=False),
                name="coupon_product_is_one",
                violation_error_message="Choose either a course or a bundle.",
            )
        ]

    def __str__(self) -> str:
        return str(self.course or self.bundle)


class CouponUse(UUIDModel):
    """One use of a coupon by an order. The two numbers are places that a unique key gives to one taker each, so that
    no limit can be overrun, whoever comes at the same time."""

    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="uses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="coupon_uses")
    order = models.OneToOneField("payments.Order", models.PROTECT, related_name="coupon_use")
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

    @classmethod
    def take(cls, coupon: Coupon, order: Any) -> "CouponUse":
        """A place for the order, in the transaction that makes it. Raises CouponError if none is left, and
        IntegrityError if somebody else took it this moment: the transaction is to be tried again."""
        of_user, in_total = coupon._require_place(order.user)
        return cls.objects.create(
            coupon=coupon, user=order.user, order=order, nth_of_user=of_user, nth_in_total=in_total
        )

    @classmethod
    def keep(cls, order: Any) -> None:
        """The place of a paid order, beyond the limit if it was given back meanwhile: a cancelled order that is paid
        after all did use the coupon, and nobody else gets that use. Safe to repeat."""
        if order.coupon and not cls.objects.filter(order=order).exists():
            cls.objects.create(
                coupon=order.coupon,
                user=order.user,
                order=order,
                nth_of_user=place_beyond(order.coupon.uses_per_user),
                nth_in_total=place_beyond(order.coupon.uses_in_total or 0),
            )
