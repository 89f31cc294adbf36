"""What is on offer: categories, courses, the words they are found by, and when any of it last changed."""

import re
import unicodedata
from typing import Any

from django.conf import settings
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from coursebundler.db import run_in_transaction
from coursebundler.models import UUIDModel
from courses.models.sales import SaleMixin


class CatalogueRevision(UUIDModel):
    """One counter that goes up with every change of the catalogue; cached pages are keyed by it."""

    name = models.CharField(max_length=20, unique=True, default="catalogue")
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.number}"

    @classmethod
    def current(cls) -> int:
        return cls.objects.filter(name="catalogue").values_list("number", flat=True).first() or 0

    @classmethod
    def bump(cls) -> None:
        """Make every cached page stale. Safe to call any number of times, from any number of processes."""
        if not cls.objects.filter(name="catalogue").update(number=F("number") + 1):
            cls.objects.get_or_create(name="catalogue", defaults={"number": 1})


class BumpingQuerySet(models.QuerySet[Any]):
    """A bulk change of catalogue rows makes cached pages stale too."""

    def update(self, **values: Any) -> int:
        changed = super().update(**values)
        CatalogueRevision.bump()
        return changed

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        created = super().bulk_create(*args, **kwargs)
        CatalogueRevision.bump()
        return created

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        CatalogueRevision.bump()
        return deleted


class CatalogueModel(UUIDModel):
    """A row that shows on cached pages."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        CatalogueRevision.bump()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        CatalogueRevision.bump()
        return deleted


class Category(CatalogueModel):
    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=60, unique=True)

    objects = BumpingQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class CourseQuerySet(BumpingQuerySet):
    def published(self) -> "CourseQuerySet":
        return self.filter(status=Course.Status.PUBLISHED)

    def for_cards(self) -> "CourseQuerySet":
        """With what a card shows, and without the long texts it does not."""
        return self.select_related("category", "instructor").defer("description", "outcomes", "instructor__bio")

    def matching(self, text: str) -> "CourseQuerySet":
        """Courses that have, for every word of `text`, a word that begins with it. One query of its own."""
        words = search_words(text)[:6]
        if not words:
            return self
        return self.filter(pk__in=SearchToken.course_ids_matching(words))


class Course(SaleMixin, CatalogueModel):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    class Level(models.TextChoices):
        BEGINNER = "beginner", "Beginner"
        INTERMEDIATE = "intermediate", "Intermediate"
        ADVANCED = "advanced", "Advanced"

    title = models.CharField(max_length=80, validators=[MinLengthValidator(4)])
    slug = models.SlugField(max_length=80, unique=True)
    promise = models.CharField(max_length=160, help_text="What the student can do afterwards, in one sentence.")
    description = models.TextField(validators=[MinLengthValidator(20)], help_text="Markdown.")
    outcomes = models.TextField(blank=True, help_text="What you will learn: one line each.")
    category = models.ForeignKey(Category, models.PROTECT, related_name="courses")
    instructor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="courses_taught")
    level = models.CharField(max_length=12, choices=Level.choices, default=Level.BEGINNER)
    price_paise = models.PositiveIntegerField("price (paise)", help_text="0 for a free course. ₹499 is 49900.")
    sale_price_paise = models.PositiveIntegerField("sale price (paise)", null=True, blank=True)
    sale_starts_at = models.DateTimeField(null=True, blank=True)
    sale_ends_at = models.DateTimeField(null=True, blank=True)
    instructor_share_bp = models.PositiveIntegerField(
        "instructor's share (basis points)", default=7000, help_text="Of sales without tax; 7000 is 70 %."
    )
    currency = models.CharField(max_length=3, default="INR", editable=False)
    poster_key = models.CharField(max_length=200, blank=True, help_text="Public storage key without size and suffix.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    lecture_count = models.PositiveIntegerField(default=0, editable=False)
    duration_seconds = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CourseQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-id"]
        indexes = [
            models.Index(fields=["status", "-published_at", "-id"], name="course_newest"),
            models.Index(fields=["status", "category", "-published_at", "-id"], name="course_category_newest"),
            models.Index(fields=["status", "price_paise", "id"], name="course_price"),
            models.Index(fields=["status", "title", "id"], name="course_title"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "archived"]), name="course_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_at__isnull=False), name="course_published_has_date"
            ),
            models.CheckConstraint(condition=Q(price_paise__gte=0), name="course_price_not_negative"),
            models.CheckConstraint(condition=Q(currency="INR"), name="course_currency_inr"),
            models.CheckConstraint(
                condition=Q(sale_price_paise__isnull=True) | Q(sale_price_paise__lt=F("price_paise")),
                name="course_sale_below_price",
            ),
        ]
        permissions = [("manage_any_course", "Can manage courses of other instructors")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:course_detail", args=[self.slug])

    @property
    def is_published(self) -> bool:
        return self.status == self.Status.PUBLISHED

    @property
    def is_free(self) -> bool:
        return self.price_paise == 0

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also dates the first publication and keeps the search words in step with the texts."""
        if self.is_published and self.published_at is None:
            self.published_at = timezone.now()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "published_at"}

        def save_with_words() -> None:
            super(Course, self).save(*args, **kwargs)
            SearchToken.replace_for(self)

        run_in_transaction(save_with_words)

    def recount(self) -> None:
        """Set the lecture count and the length from the lectures there are now."""
        totals = self.lectures.aggregate(n=models.Count("pk"), seconds=models.Sum("duration_seconds"))
        Course.objects.filter(pk=self.pk).update(lecture_count=totals["n"], duration_seconds=totals["seconds"] or 0)


def search_words(text: str) -> list[str]:
    """The distinct words of a text, folded: lower case, no accents, at most 30 characters each."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return list(dict.fromkeys(word[:30] for word in re.findall(r"[^\W_]+", plain)))


class SearchToken(UUIDModel):
    """A word of a course's title, promise, category or instructor: `icontains` can use no index, this can."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="search_tokens")
    word = models.CharField(max_length=30)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["word", "course"], name="search_token_once_per_course")]

    def __str__(self) -> str:
        return self.word

    @classmethod
    def words_of(cls, course: Course) -> set[str]:
        """The words that `course` is found by."""
        texts = (course.title, course.promise, course.category.name, course.instructor.name)
        return set(search_words(" ".join(texts)))

    @classmethod
    def replace_for(cls, course: Course) -> None:
        wanted = cls.words_of(course)
        held = set(cls.objects.filter(course=course).values_list("word", flat=True))
        if held - wanted:
            cls.objects.filter(course=course, word__in=held - wanted).delete()
        SearchToken.objects.bulk_create(
            [SearchToken(course=course, word=word) for word in wanted - held], ignore_conflicts=True
        )

    @classmethod
    def course_ids_matching(cls, words: list[str]) -> list[Any]:
        """Ids of the courses that have for each of `words` a token beginning with it: index ranges, one query."""
        ranges = Q()
        for word in words:
            ranges |= Q(word__gte=word, word__lt=word + "\U0010ffff")
        found: dict[Any, set[str]] = {}
        for course_id, token in cls.objects.filter(ranges).values_list("course_id", "word"):
            found.setdefault(course_id, set()).update(word for word in words if token.startswith(word))
        return [course_id for course_id, hits in found.items() if len(hits) == len(words)]
