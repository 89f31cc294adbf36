"""A large school of generated courses and students, for measuring and for looking at long lists.

Everything about number 17 follows from the number 17, so a second run finds what is there and adds what is missing.
Rows go in by the thousand and past `save()`; what `save()` would have kept in step is set here.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from courses.models import CatalogueRevision, Category, Course, Grant, Lecture, SearchToken, Section
from payments.demo import assets
from payments.demo.activity import Curriculum
from payments.demo.catalogue import category_of
from payments.demo.past import Past, store_rows
from payments.demo.progress_bar import ProgressBar, Stream
from payments.demo.texts import CATEGORIES, COURSES
from users.models import User

MAX_COURSES = 1000
STUDENTS_PER_COURSE = 10
COURSES_AT_ONCE, STUDENTS_AT_ONCE = 100, 500

TITLES = ("A first look at {}", "Practical {}", "{} explained", "Ten exercises in {}", "{} at work", "More about {}")
SUBJECTS = {
    "Web Development": ("forms", "caching", "accessibility", "sessions", "templates", "web security", "search pages"),
    "Artificial Intelligence": ("classifiers", "embeddings", "evaluation", "vision models", "speech", "planning"),
    "Data Structures & Algorithms": ("hashing", "heaps", "recursion", "sorting", "strings", "trees", "backtracking"),
    "App Development": ("navigation", "notifications", "app storage", "gestures", "app releases", "background work"),
    "Data Science": ("sampling", "joins", "time series", "dashboards", "forecasts", "clean data", "surveys"),
    "Game Development": ("collisions", "level design", "particles", "game sound", "cameras", "save games"),
}
PROMISES = (
    "Learn {} by doing it, in lectures short enough for a bus ride.",
    "Go from copying examples of {} to writing your own.",
    "Everything about {} that a working week asks for, and nothing that it does not.",
)
SECTIONS = ("Beginning", "Going on", "Finishing", "Looking back")
LECTURES = ("What it is for", "The smallest example", "A closer look", "When it goes wrong")
PRICES_RUPEES = (0, 299, 499, 799, 999, 1299, 1499, 1999, 2499, 2999, 3999, 4999)


def create_scale(courses: int, stream: Stream) -> None:
    """Courses number 1 to `courses` and ten times as many students, with a bar for each on `stream`. Safe to repeat."""
    numbers = range(1, courses + 1)
    models = [_model_of(category) for category in CATEGORIES]
    if _in_chunks("Courses", numbers, COURSES_AT_ONCE, lambda chunk: _create_courses(chunk, models), stream):
        CatalogueRevision.bump()
    curricula = _curricula(courses)
    students = range(1, courses * STUDENTS_PER_COURSE + 1)
    _in_chunks("Students", students, STUDENTS_AT_ONCE, lambda chunk: _create_students(chunk, curricula), stream)


def _in_chunks(label: str, numbers: range, size: int, create: Callable[[range], int], stream: Stream) -> int:
    """How many were made, of the ones that `create` was asked for."""
    made = 0
    with ProgressBar(label, len(numbers), stream) as bar:
        for start in range(0, len(numbers), size):
            chunk = numbers[start : start + size]
            made += create(chunk)
            bar.advance(len(chunk))
    return made


# --- Courses ---


@dataclass(frozen=True)
class _Model:
    """What the generated courses of one category take from its written ones. Videos are shared; so are posters."""

    category: Category
    teachers: list[User]
    poster_keys: list[str]
    videos: list[tuple[str, str, int]]
    subjects: tuple[str, ...]


def _model_of(category: str) -> _Model:
    texts = [text for text in COURSES if text.category == category]
    names = {lecture.video for text in texts for section in text.sections for lecture in section.lectures}
    written = Course.objects.filter(slug__in=[text.slug for text in texts]).exclude(poster_key="")
    return _Model(
        category_of(category),
        list(User.objects.filter(email__in=[text.instructor for text in texts]).order_by("email")),
        list(written.order_by("slug").values_list("poster_key", flat=True)) or [""],
        [
            (assets.store_video(name), assets.store_captions(name), assets.video_seconds()[name])
            for name in sorted(names - {""})
        ],
        SUBJECTS[category],
    )


def _slug(number: int) -> str:
    return f"generated-course-{number:04}"


def _create_courses(numbers: range, models: list[_Model]) -> int:
    held = set(Course.objects.filter(slug__in=[_slug(number) for number in numbers]).values_list("slug", flat=True))
    courses: list[Course] = []
    sections: list[Section] = []
    lectures: list[Lecture] = []
    for number in numbers:
        if _slug(number) not in held:
            dice = random.Random(number)  # noqa: S311  nothing secret hangs on it
            model = models[number % len(models)]
            course = _course(number, model, dice)
            courses.append(course)
            _add_contents(course, model, dice, sections, lectures)
    words = [SearchToken(course=course, word=word) for course in courses for word in SearchToken.words_of(course)]
    grants = [
        Grant(user=course.instructor, course=course, source_kind=Grant.Source.TEACHING, source_id=course.pk)
        for course in courses
    ]
    store_rows(courses, sections, lectures, words, grants)
    return len(courses)


def _course(number: int, model: _Model, dice: random.Random) -> Course:
    subject = dice.choice(model.subjects)
    published_at = timezone.now() - timedelta(minutes=dice.randint(30 * 24 * 60, 3 * 365 * 24 * 60))
    return Course(
        slug=_slug(number),
        title=dice.choice(TITLES).format(subject).capitalize() + f", part {number}",
        promise=dice.choice(PROMISES).format(subject),
        description=f"A generated course about **{subject}**, for measuring. Its videos are borrowed from the others.",
        outcomes=f"Say what {subject} are for\nBuild a small example\nFind out what went wrong",
        category=model.category,
        instructor=dice.choice(model.teachers),
        level=dice.choice(Course.Level.values),
        price_paise=dice.choice(PRICES_RUPEES) * 100,
        poster_key=dice.choice(model.poster_keys),
        status=Course.Status.PUBLISHED,
        published_at=published_at,
        created_at=published_at - timedelta(days=9),
    )


def _add_contents(
    course: Course, model: _Model, dice: random.Random, sections: list[Section], lectures: list[Lecture]
) -> None:
    """Adds to both lists, and counts as `recount` would."""
    for position, title in enumerate(SECTIONS[: dice.randint(2, 4)]):
        section = Section(course=course, title=title, position=position)
        sections.append(section)
        for number, lecture_title in enumerate(LECTURES[: dice.randint(2, 4)]):
            lecture = _lecture(section, number, lecture_title, dice.choice(model.videos))
            lecture.is_preview = position == number == 0
            lectures.append(lecture)
            course.lecture_count += 1
            course.duration_seconds += lecture.duration_seconds


def _lecture(section: Section, position: int, title: str, video: tuple[str, str, int]) -> Lecture:
    video_key, captions_key, seconds = video
    return Lecture(
        course=section.course,
        section=section,
        title=title,
        position=position,
        video_key=video_key,
        captions_key=captions_key,
        duration_seconds=seconds,
    )


# --- Students ---


def _curricula(courses: int) -> list[Curriculum]:
    """The generated courses there are, cheapest columns only, each with its lectures in order."""
    slugs = {_slug(number) for number in range(1, courses + 1)}
    rows = Course.objects.filter(slug__startswith="generated-course-").order_by("slug")
    by_id: dict[Any, Curriculum] = {
        course.pk: (course, []) for course in rows.defer("description", "outcomes") if course.slug in slugs
    }
    lectures = Lecture.objects.filter(course__slug__startswith="generated-course-").in_course_order()
    for lecture in lectures.defer("text"):
        if lecture.course_id in by_id:
            by_id[lecture.course_id][1].append(lecture)
    return list(by_id.values())


def _email(number: int) -> str:
    return f"generated.student.{number:05}@example.org"


def _create_students(numbers: range, curricula: list[Curriculum]) -> int:
    """Students who are not there yet, each with what they bought and watched, in one transaction."""
    emails = [_email(number) for number in numbers]
    held = set(User.objects.filter(email__in=emails).values_list("email", flat=True))
    users, past = [], Past()
    for number in numbers:
        if _email(number) not in held:
            users.append(_student(number, curricula, past))
    addresses = [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users]
    past.store(users, addresses)
    return len(users)


def _student(number: int, curricula: list[Curriculum], past: Past) -> User:
    """A student who cannot log in: there is no password, and 10,000 hashes would take an hour."""
    dice = random.Random(f"student {number}")  # noqa: S311
    joined_at = timezone.now() - timedelta(minutes=dice.randint(60, 2 * 365 * 24 * 60))
    user = User(email=_email(number), name=f"Student {number}", password=make_password(None), date_joined=joined_at)
    chosen = dice.sample(curricula, min(dice.randint(1, 4), len(curricula)))
    for course, lectures in chosen[:2]:
        since = max(joined_at, course.published_at or course.created_at)
        at = since + (timezone.now() - since) * dice.random()
        past.take(user, course, at, dice.choice(("upi", "card", "netbanking")))
        past.watch(user, course, lectures, dice.choice((0, 0, 10, 10, 30, 60, 100)), at)
    for course, _ in chosen[2:3]:
        past.keep(user, course, joined_at)
    for course, _ in chosen[3:]:
        past.try_to_buy(user, course, joined_at, is_cancelled=dice.random() < 0.5)
    return user
