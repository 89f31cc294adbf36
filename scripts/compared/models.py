"""A few tables with one of each kind of column, as any site might have them. Plain Django, 3.1 and later."""

import uuid

from django.db import models


class Teacher(models.Model):
    name = models.CharField(max_length=80)
    # Unique, and most have none.
    badge = models.CharField(max_length=20, null=True, unique=True)  # noqa: DJ001

    class Meta:
        app_label = "compared"

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        app_label = "compared"

    def __str__(self) -> str:
        return self.name


class Course(models.Model):
    title = models.CharField(max_length=80)
    teacher = models.ForeignKey(Teacher, models.CASCADE, related_name="courses")
    topics = models.ManyToManyField(Topic)
    places = models.IntegerField(default=0)
    taken = models.IntegerField(default=0)
    is_open = models.BooleanField(default=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    starts_at = models.DateTimeField(null=True)
    public_id = models.UUIDField(default=uuid.uuid4)

    class Meta:
        app_label = "compared"

    def __str__(self) -> str:
        return self.title


class Booking(models.Model):
    course = models.ForeignKey(Course, models.CASCADE, related_name="bookings")
    name = models.CharField(max_length=80)
    status = models.CharField(max_length=10, default="open")

    class Meta:
        app_label = "compared"
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name"], condition=models.Q(status="open"), name="one_open_booking"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    data = models.JSONField()

    class Meta:
        app_label = "compared"

    def __str__(self) -> str:
        return str(self.data)
