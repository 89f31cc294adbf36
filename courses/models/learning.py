"""What a student did: progress through lectures, and courses kept for later."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coursebundler.models import UUIDModel
from courses.models.catalogue import Course
from courses.models.curriculum import Lecture


class ProgressQuerySet(models.QuerySet["Progress"]):
    def done(self) -> "ProgressQuerySet":
        return self.filter(done_at__isnull=False)


class Progress(UUIDModel):
    """How far `user` is in `lecture`. Nothing here ever goes down (courses/progress.py writes it)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="progress")
    # What students did outlives a teacher's tidying up: a lecture that somebody began cannot be deleted.
    lecture = models.ForeignKey(Lecture, models.PROTECT, related_name="progress")
    course = models.ForeignKey(Course, models.PROTECT, related_name="progress")
    position_seconds = models.PositiveIntegerField(default=0, help_text="The furthest point; playing resumes here.")
    watched_ranges = models.JSONField(default=list, help_text="Merged [from, to] pairs in whole seconds.")
    watched_seconds = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0, help_text="Goes up with every change; a stale writer retries.")
    updated_at = models.DateTimeField(default=timezone.now)

    objects = ProgressQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        verbose_name_plural = "progress"
        indexes = [
            models.Index(fields=["user", "course"], name="progress_user_course"),
            models.Index(fields=["user", "-updated_at"], name="progress_user_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["user", "lecture"], name="progress_once_per_lecture"),
            models.CheckConstraint(condition=Q(watched_seconds__gte=0), name="progress_watched_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.lecture}"


class Saved(UUIDModel):
    """A course kept for later (the predecessor's playlist)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_courses")
    course = models.ForeignKey(Course, models.CASCADE, related_name="saved_by")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "saved course"
        constraints = [models.UniqueConstraint(fields=["user", "course"], name="saved_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.course}"
