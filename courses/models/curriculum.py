"""What a course consists of: ordered sections of ordered lectures."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse

from courses.models.catalogue import BumpingQuerySet, CatalogueModel, Course


class Section(CatalogueModel):
    """Positions order, they do not number: gaps and equal positions are fine, so that reordering needs no swap."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="sections")
    title = models.CharField(max_length=80)
    position = models.PositiveIntegerField(default=0)

    objects = BumpingQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["course", "position"], name="section_order")]

    def __str__(self) -> str:
        return self.title

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        self.course.recount()
        return deleted


class LectureQuerySet(BumpingQuerySet):
    def in_course_order(self) -> "LectureQuerySet":
        return self.select_related("section").order_by("section__position", "section_id", "position", "pk")


class Lecture(CatalogueModel):
    """A video, a text or a file. It carries its course as well as its section: access and progress ask by course."""

    class Kind(models.TextChoices):
        VIDEO = "video", "Video"
        TEXT = "text", "Text"
        FILE = "file", "File"

    course = models.ForeignKey(Course, models.CASCADE, related_name="lectures", editable=False)
    section = models.ForeignKey(Section, models.CASCADE, related_name="lectures")
    title = models.CharField(max_length=80)
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.VIDEO)
    video_key = models.CharField(max_length=200, blank=True, help_text="Private storage key.")
    captions_key = models.CharField(max_length=200, blank=True, help_text="Private storage key of a WebVTT file.")
    file_key = models.CharField(max_length=200, blank=True, help_text="Private storage key.")
    text = models.TextField(blank=True, help_text="Markdown; the lecture itself or notes below a video.")
    duration_seconds = models.PositiveIntegerField(default=0, help_text="0 for texts and files.")
    is_preview = models.BooleanField("free preview", default=False)

    objects = LectureQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["course", "position"], name="lecture_order")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["video", "text", "file"]), name="lecture_kind_known"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:lecture_detail", args=[self.course.slug, self.pk])

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.course_id = self.section.course_id
        super().save(*args, **kwargs)
        self.course.recount()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        self.course.recount()
        return deleted
