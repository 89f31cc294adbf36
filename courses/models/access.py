"""Grants: the only source of access (docs/access.md)."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from courses.models.catalogue import Course


class GrantQuerySet(models.QuerySet["Grant"]):
    def active(self, at: datetime | None = None) -> "GrantQuerySet":
        at = at or timezone.now()
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), revoked_at__isnull=True, starts_at__lte=at)

    def covering(self, course: Course) -> "GrantQuerySet":
        """Grants of this course and grants of the whole catalogue."""
        return self.of_any([course.pk])

    def of_any(self, course_ids: Collection[uuid.UUID]) -> "GrantQuerySet":
        """Grants of one of these courses and grants of the whole catalogue."""
        return self.filter(Q(course__in=list(course_ids)) | Q(course__isnull=True))

    def give(self, user: Any, course: Course | None, source_kind: str, source_id: uuid.UUID, **fields: Any) -> "Grant":
        """The grant from this source, made if it is not there yet. Safe to call any number of times, concurrently.

        A revoked grant stays revoked: giving again from the same source does not undo a refund.
        """
        grant, _ = self.get_or_create(
            user=user, course=course, source_kind=source_kind, source_id=source_id, defaults=fields
        )
        return grant


class Grant(UUIDModel):
    """`user` may watch `course` (or everything, if there is none) from `starts_at` until `ends_at` or `revoked_at`."""

    class Source(models.TextChoices):
        ORDER_LINE = "order_line", "Order"
        FREE = "free", "Free course"
        TEACHING = "teaching", "Teaches the course"
        STAFF = "staff", "Given by staff"
        BUNDLE_EDITION = "bundle_edition", "Bundle"
        SUBSCRIPTION = "subscription", "Subscription"
        GIFT = "gift", "Gift"
        SEAT = "seat", "Team seat"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="grants")
    course = models.ForeignKey(
        Course, models.PROTECT, null=True, blank=True, related_name="grants", help_text="Empty: the whole catalogue."
    )
    source_kind = models.CharField(max_length=16, choices=Source.choices, default=Source.STAFF)
    source_id = models.UUIDField(help_text="The row that gave it: an order line, a course, a member of staff …")
    source_text = models.CharField(
        max_length=160, blank=True, help_text="The source in words for the student, as it was called when it gave this."
    )
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="Why; the student can read it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "course"], name="grant_user_course"),
            models.Index(fields=["source_id", "source_kind"], name="grant_source"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "course", "source_kind", "source_id"], name="grant_once_per_source"
            ),
            models.UniqueConstraint(
                fields=["user", "source_kind", "source_id"],
                condition=Q(course__isnull=True),
                name="grant_catalogue_once_per_source",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")), name="grant_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} → {self.course or 'whole catalogue'} ({self.get_source_kind_display()})"

    @property
    def source(self) -> str:
        """What gave it, to go on “You have this from …”."""
        return self.source_text or SOURCE_WORDS[self.Source(self.source_kind)]

    def is_active(self, at: datetime) -> bool:
        """The same rule as GrantQuerySet.active, for a row that is already here."""
        return self.revoked_at is None and self.starts_at <= at and (self.ends_at is None or self.ends_at > at)


SOURCE_WORDS = {
    Grant.Source.ORDER_LINE: "an order",
    Grant.Source.FREE: "enrolling in a free course",
    Grant.Source.TEACHING: "teaching it",
    Grant.Source.STAFF: "our staff",
    Grant.Source.BUNDLE_EDITION: "a bundle that has grown",
    Grant.Source.SUBSCRIPTION: "a subscription",
    Grant.Source.GIFT: "a gift",
    Grant.Source.SEAT: "a team seat",
}
