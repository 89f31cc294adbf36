"""Puts the written courses into the catalogue."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from coursebundler.db import atomic
from courses.models import Category, Course, Grant, Lecture, Section
from payments.demo import assets
from payments.demo.texts import CATEGORIES, COURSES
from payments.demo.texts.shapes import CourseText, LectureText, SectionText
from users.models import User


def create_catalogue() -> int:
    """Make the courses whose slug is not taken yet, and say how many. Safe to repeat; no course is changed."""
    held = set(Course.objects.filter(slug__in=[text.slug for text in COURSES]).values_list("slug", flat=True))
    missing = [text for text in COURSES if text.slug not in held]
    for text in missing:
        _create_course(text)
    return len(missing)


def category_of(name: str) -> Category:
    """The category, made if neither its name nor its slug is there."""
    slug = CATEGORIES[name]
    return Category.objects.filter(Q(slug=slug) | Q(name=name)).first() or Category.objects.create(name=name, slug=slug)


def _create_course(text: CourseText) -> None:
    """A course with everything in it, or nothing: its files are stored first, then its rows together."""
    began_at = timezone.now() - timedelta(days=text.days_ago)
    course = Course(
        slug=text.slug,
        title=text.title,
        promise=text.promise,
        description=text.description.strip(),
        outcomes="\n".join(text.outcomes),
        category=category_of(text.category),
        instructor=User.objects.get(email=text.instructor),
        level=text.level,
        price_paise=text.price_rupees * 100,
        status=text.status,
        poster_key=assets.store_poster(text.slug),
        published_at=None if text.status == Course.Status.DRAFT else began_at,
        created_at=began_at - timedelta(days=20),
    )
    sections = [(section, [_with_files(lecture) for lecture in section.lectures]) for section in text.sections]
    with atomic():
        course.save()
        for position, (section, lectures) in enumerate(sections):
            _create_section(course, position, section, lectures)
        course.recount()
        Grant.objects.give(course.instructor, course, Grant.Source.TEACHING, course.pk)


def _create_section(course: Course, position: int, text: SectionText, lectures: list[Lecture]) -> None:
    section = Section.objects.create(course=course, title=text.title, position=position)
    for number, lecture in enumerate(lectures):
        lecture.course, lecture.section, lecture.position = course, section, number
    Lecture.objects.bulk_create(lectures)


def _with_files(text: LectureText) -> Lecture:
    """The lecture, not saved yet, with its files in the storage."""
    return Lecture(
        title=text.title,
        kind=text.kind,
        text=text.text,
        video_key=assets.store_video(text.video) if text.video else "",
        captions_key=assets.store_captions(text.video) if text.video else "",
        file_key=assets.store_download(text.file) if text.file else "",
        duration_seconds=assets.video_seconds()[text.video] if text.video else 0,
        is_preview=text.is_preview,
    )
