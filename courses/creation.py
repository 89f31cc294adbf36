"""A course comes into being (sequence diagram 2): files stored, rows saved, event logged, or nothing of it."""

import contextlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils.text import slugify

from coursebundler.db import run_in_transaction
from coursebundler.logs import log_event
from courses import uploads
from courses.forms import CourseForm, LectureForm
from courses.models import Course, Grant, Lecture, Section
from courses.storage import MediaUnavailable
from users.models import User

SLUG_ATTEMPTS = 10


class Claims:
    """The files of one new course: all of them stay, or none does."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.tokens: list[str] = []
        self.stored: list[tuple[str, str]] = []  # kind, key

    def take(self, form: Any, name: str) -> str:
        """The key of the form's file, "" without one. What is wrong with it is said at the field."""
        token, kind = form.cleaned_data.get(name), form.fields[name].kind
        if not token:
            return ""
        try:
            key = uploads.claim(token, self.user, kind)
        except ValidationError as error:
            form.add_error(name, error)
            form.forget(name)
            raise
        except MediaUnavailable as error:
            form.add_error(name, "The file store does not answer. Please try again in a moment.")
            raise ValidationError("The file store does not answer.") from error
        self.tokens.append(token)
        self.stored.append((kind, key))
        return key

    def discard(self) -> None:
        for kind, key in self.stored:
            with contextlib.suppress(MediaUnavailable):  # logged there
                uploads.discard(kind, key)

    def release(self) -> None:
        for token in self.tokens:
            with contextlib.suppress(MediaUnavailable):  # logged there; deleted after a day
                uploads.release(token, self.user)


def create_course(creator: User, form: CourseForm) -> Course:
    """Save the valid form as a course with its files, sections and lectures, for the page and for the API.

    Raises ValidationError, with the errors in `form`, if a file has vanished since it was validated; then, and if the
    database refuses, no rows and no files are left, and what was uploaded can be sent again. Safe to call twice at once
    with the same `new_id`: both return the one course.
    """
    claims = Claims(creator)
    try:
        form.instance.poster_key = claims.take(form, "poster")
        sections = [
            (section.section_title, _lectures(section.filled_lectures(), claims)) for section in form.filled_sections()
        ]
        course = _saved(creator, form.instance, sections)
    except BaseException:
        claims.discard()
        raise
    if course is not form.instance:
        claims.discard()
        return course
    claims.release()
    log_event("course_created", course=course.pk, creator=creator.pk, instructor=course.instructor_id)
    return course


def course_made_before(creator: User, new_id: UUID) -> Course | None:
    """The course that this person's form with this id has made already; never another person's."""
    made = Grant.objects.filter(user=creator, course_id=new_id, source_kind=Grant.Source.TEACHING, source_id=new_id)
    grant = made.select_related("course").first()
    return grant.course if grant else None


def _lectures(forms: Iterable[LectureForm], claims: Claims) -> list[dict[str, Any]]:
    """The fields of each lecture, its files claimed."""
    return [
        {
            "title": form.cleaned_data["title"],
            "video_key": claims.take(form, "video"),
            "captions_key": claims.take(form, "captions"),
            "duration_seconds": form.cleaned_data["duration_seconds"],
            "is_preview": form.cleaned_data["is_preview"],
            "position": position,
        }
        for position, form in enumerate(forms)
    ]


def _saved(creator: User, course: Course, sections: list[tuple[str, list[dict[str, Any]]]]) -> Course:
    """Save under a free slug; if another process takes that slug meanwhile, under the next."""
    for _ in range(SLUG_ATTEMPTS):
        course.slug = _free_slug(course.title)
        try:
            run_in_transaction(lambda: _insert(creator, course, sections))
        except IntegrityError:
            if existing := course_made_before(creator, course.pk):
                return existing  # the same form, sent twice at once
        else:
            return course
    raise IntegrityError(f"No free slug for a course after {SLUG_ATTEMPTS} attempts.")


def _insert(creator: User, course: Course, sections: list[tuple[str, list[dict[str, Any]]]]) -> None:
    course.save(force_insert=True)
    for position, (title, lectures) in enumerate(sections):
        section = Section.objects.create(course=course, title=title, position=position)
        for fields in lectures:
            Lecture.objects.create(section=section, **fields)
    for user in {creator, course.instructor}:
        Grant.objects.give(user, course, Grant.Source.TEACHING, course.pk)


def _free_slug(title: str) -> str:
    base = slugify(title)[:70].strip("-") or "course"
    taken = set(Course.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)
