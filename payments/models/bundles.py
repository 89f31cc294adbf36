"""Bundles: courses sold together. What a bundle holds is an edition; an order pins the edition that it bought."""

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from courses.models import Course
from courses.models.catalogue import BumpingQuerySet, CatalogueModel


class BundleQuerySet(BumpingQuerySet):
    def published(self) -> "BundleQuerySet":
        return self.filter(status=Bundle.Status.PUBLISHED)


class Bundle(CatalogueModel):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    title = models.CharField(max_length=80, validators=[MinLengthValidator(4)])
    slug = models.SlugField(max_length=80, unique=True)
    promise = models.CharField(max_length=160, help_text="What the student can do afterwards, in one sentence.")
    description = models.TextField(blank=True, help_text="Markdown.")
    price_paise = models.PositiveIntegerField("price (paise)", help_text="For all of it. ₹499 is 49900.")
    sale_price_paise = models.PositiveIntegerField("sale price (paise)", null=True, blank=True)
    sale_starts_at = models.DateTimeField(null=True, blank=True)
    sale_ends_at = models.DateTimeField(null=True, blank=True)
    additions_included = models.BooleanField(
        default=False, help_text="Whoever bought it gets later additions at once and for nothing; shown before paying."
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = BundleQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-id"]
        indexes = [models.Index(fields=["status", "-published_at", "-id"], name="bundle_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "archived"]), name="bundle_status_known"
            ),
            models.CheckConstraint(condition=Q(price_paise__gt=0), name="bundle_price_positive"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("payments:bundle_detail", args=[self.slug])


class BundleEdition(CatalogueModel):
    """What a bundle holds from `created_at` on. Never changed: other contents make the next edition."""

    bundle = models.ForeignKey(Bundle, models.PROTECT, related_name="editions")
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["bundle", "number"], name="bundle_edition_number_once")]

    def __str__(self) -> str:
        return f"{self.bundle}, edition {self.number}"


class EditionCourse(CatalogueModel):
    """A course of an edition, in its place."""

    edition = models.ForeignKey(BundleEdition, models.PROTECT, related_name="entries")
    course = models.ForeignKey(Course, models.PROTECT, related_name="bundle_entries")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["edition", "course"], name="edition_course_once")]

    def __str__(self) -> str:
        return str(self.course)
