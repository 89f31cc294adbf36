"""Bundles: courses sold together. What a bundle holds is an edition; an order pins the edition that it bought."""

from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from django.core.validators import MinLengthValidator, MinValueValidator
from django.db import IntegrityError, models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from coursebundler.db import run_in_transaction
from courses.models import Course
from courses.models.catalogue import BumpingQuerySet, CatalogueModel
from courses.models.sales import LOWEST_PRICE_PAISE, SaleMixin


class EditionConflict(Exception):
    """Somebody else published an edition meanwhile; look at theirs first."""


class BundleQuerySet(BumpingQuerySet):
    def published(self) -> "BundleQuerySet":
        """Those that can be bought; what shows them shows their edition, too."""
        return self.filter(status=Bundle.Status.PUBLISHED, current_edition__isnull=False).select_related(
            "current_edition"
        )

    def holding(self, course_ids: Collection[Any]) -> "BundleQuerySet":
        """Published ones with at least one of these courses in the current edition. One query of its own."""
        entries = EditionCourse.objects.filter(course__in=list(course_ids)).order_by()
        return self.published().filter(current_edition__in=list(entries.values_list("edition_id", flat=True)))


class Bundle(SaleMixin, CatalogueModel):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    title = models.CharField(max_length=80, validators=[MinLengthValidator(4)])
    slug = models.SlugField(max_length=80, unique=True)
    promise = models.CharField(max_length=160, help_text="What the student can do afterwards, in one sentence.")
    description = models.TextField(blank=True, help_text="Markdown.")
    price_paise = models.PositiveIntegerField(
        "price (paise)", validators=[MinValueValidator(LOWEST_PRICE_PAISE)], help_text="For all of it. ₹499 is 49900."
    )
    sale_price_paise = models.PositiveIntegerField("sale price (paise)", null=True, blank=True)
    sale_starts_at = models.DateTimeField(null=True, blank=True)
    sale_ends_at = models.DateTimeField(null=True, blank=True)
    current_edition = models.ForeignKey(
        "payments.BundleEdition", models.PROTECT, null=True, blank=True, editable=False, related_name="+"
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
            models.CheckConstraint(
                condition=Q(sale_price_paise__isnull=True) | Q(sale_price_paise__lt=F("price_paise")),
                name="bundle_sale_below_price",
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_at__isnull=False), name="bundle_published_has_date"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("payments:bundle_detail", args=[self.slug])

    @property
    def is_published(self) -> bool:
        return self.status == self.Status.PUBLISHED

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also dates the first publication."""
        if self.is_published and self.published_at is None:
            self.published_at = timezone.now()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "published_at"}
        super().save(*args, **kwargs)

    def publish_edition(self, courses: Sequence[Course], *, additions_included: bool) -> "BundleEdition | None":
        """Make the next edition, with these courses in this order, unless it would be the same as this one (None).

        All or nothing. Raises EditionConflict if this object has not seen the newest edition: its number is taken then.
        Whoever calls this then gives buyers of growing editions what is new: payments.additions.
        """
        if self.current_edition and self.current_edition.is_same(courses, additions_included=additions_included):
            return None
        try:
            edition = run_in_transaction(lambda: self._make_edition(courses, additions_included))
        except IntegrityError as error:
            raise EditionConflict from error
        self.current_edition = edition
        return edition

    def _make_edition(self, courses: Sequence[Course], additions_included: bool) -> "BundleEdition":
        number = self.current_edition.number + 1 if self.current_edition else 1
        edition = BundleEdition.objects.create(bundle=self, number=number, additions_included=additions_included)
        EditionCourse.objects.bulk_create(
            [EditionCourse(edition=edition, course=course, position=n) for n, course in enumerate(courses)]
        )
        Bundle.objects.filter(pk=self.pk).update(current_edition=edition)
        return edition


class EditionQuerySet(BumpingQuerySet):
    def update(self, **values: Any) -> NoReturn:
        raise TypeError("Editions are never changed; publish the next one.")

    def delete(self) -> NoReturn:
        raise TypeError("Editions are never deleted: orders pin them.")


class EditionModel(CatalogueModel):
    """Written once: an order pins what it was sold."""

    objects = EditionQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Editions are never changed; publish the next one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Editions are never deleted: orders pin them.")


class BundleEdition(EditionModel):
    """What a bundle holds from `created_at` on. Never changed: other contents make the next edition."""

    bundle = models.ForeignKey(Bundle, models.PROTECT, related_name="editions")
    number = models.PositiveIntegerField()
    additions_included = models.BooleanField(
        default=False, help_text="Whoever buys this edition gets later additions at once and for nothing."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["bundle", "number"], name="bundle_edition_number_once")]

    def __str__(self) -> str:
        return f"{self.bundle}, edition {self.number}"

    def is_same(self, courses: Sequence[Course], *, additions_included: bool) -> bool:
        held = list(self.entries.order_by("position").values_list("course_id", flat=True))
        return (held, self.additions_included) == ([course.pk for course in courses], additions_included)


class EditionCourseQuerySet(EditionQuerySet):
    def on_sale(self, editions: Collection[Any]) -> "EditionCourseQuerySet":
        """The published courses of these editions, in their order."""
        entries = self.filter(edition__in=list(editions), course__status=Course.Status.PUBLISHED)
        return entries.select_related("course__instructor", "course__category").order_by("position", "pk")


class EditionCourse(EditionModel):
    """A course of an edition, in its place."""

    edition = models.ForeignKey(BundleEdition, models.PROTECT, related_name="entries")
    course = models.ForeignKey(Course, models.PROTECT, related_name="bundle_entries")
    position = models.PositiveIntegerField(default=0)

    objects = EditionCourseQuerySet.as_manager()  # type: ignore[misc]  # the plugin takes one for an instance variable

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["edition", "course"], name="edition_course_once")]

    def __str__(self) -> str:
        return str(self.course)
