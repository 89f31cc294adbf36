"""What the demonstration students did: bought, began, finished, tried to pay, kept for later."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.utils import timezone

from courses.models import Course, Grant, Lecture
from payments.demo.past import Past
from payments.demo.people import STUDENT, STUDENTS
from payments.demo.texts import COURSES
from users.models import User

Curriculum = tuple[Course, list[Lecture]]


@dataclass(frozen=True)
class Taken:
    """A course that was bought (or enrolled in, if it is free) and how far the student is, in per cent of lectures."""

    slug: str
    days_ago: int
    done_percent: int
    method: str = "upi"


@dataclass(frozen=True)
class Tried:
    """An order that was not paid. Each reason is one attempt that failed."""

    slug: str
    days_ago: int
    reasons: tuple[str, ...] = ()
    is_cancelled: bool = False


@dataclass(frozen=True)
class Life:
    taken: tuple[Taken, ...]
    tried: tuple[Tried, ...] = ()
    saved: tuple[str, ...] = ()


DECLINED = "The card was declined by the bank that issued it."
NO_ANSWER = "The UPI app did not answer in time."
METHODS = {DECLINED: "card", NO_ANSWER: "upi"}

ASHA = Life(
    taken=(
        Taken("big-o-without-tears", 96, 100, "card"),
        Taken("django-for-real-projects", 38, 55),
        Taken("how-neural-networks-learn", 9, 20, "netbanking"),
        Taken("a-paddle-game-in-an-afternoon", 4, 0),
    ),
    tried=(
        Tried("honest-charts", 41, is_cancelled=True),
        Tried("language-models-at-work", 3, (NO_ANSWER, DECLINED)),
        Tried("game-feel", 1),
    ),
    saved=("apps-that-work-offline", "game-feel"),
)


def create_activity() -> int:
    """Give every demonstration student a past, and say to how many.

    Safe to repeat: whoever holds a grant has a past, and is left alone.
    """
    emails = [person.email for person in STUDENTS]
    begun = set(Grant.objects.filter(user__email__in=emails).values_list("user_id", flat=True))
    waiting = list(User.objects.filter(email__in=emails).exclude(pk__in=begun))
    courses = _curricula() if waiting else {}
    for user in waiting:
        _live(user, ASHA if user.email == STUDENT else _some_life(user.email), courses)
    return len(waiting)


def _curricula() -> dict[str, Curriculum]:
    courses = Course.objects.filter(slug__in=[text.slug for text in COURSES])
    return {course.slug: (course, list(course.lectures.in_course_order())) for course in courses}


@cache
def _slugs(*statuses: str) -> list[str]:
    return sorted(text.slug for text in COURSES if text.status in statuses)


def _some_life(email: str) -> Life:
    """The same for the same address, however often it is asked for."""
    dice = random.Random(email)  # noqa: S311  nothing secret hangs on it
    slugs = dice.sample(_slugs("published", "archived"), dice.randint(3, 6))
    number = dice.randint(1, len(slugs) - 1)
    taken = tuple(
        Taken(slug, dice.randint(2, 30) * 3, dice.choice((0, 15, 40, 70, 100)), dice.choice(("upi", "upi", "card")))
        for slug in slugs[:number]
    )
    others = [slug for slug in slugs[number:] if slug in _slugs("published")]
    return Life(taken, tuple(_some_try(dice, slug) for slug in others[:2]), tuple(others))


def _some_try(dice: random.Random, slug: str) -> Tried:
    reasons = dice.choice(((), (), (NO_ANSWER,), (DECLINED, NO_ANSWER)))
    return Tried(slug, dice.randint(1, 25), reasons, is_cancelled=dice.random() < 0.4)


def _live(user: User, life: Life, courses: dict[str, Curriculum]) -> None:
    past = Past()
    for taken in life.taken:
        course, lectures = courses[taken.slug]
        since = course.published_at or course.created_at
        at = max(_moment(taken.days_ago, user.email, taken.slug), since + timedelta(hours=5))
        past.take(user, course, at, taken.method)
        past.watch(user, course, lectures, taken.done_percent, at)
    for tried in life.tried:
        course, at = courses[tried.slug][0], _moment(tried.days_ago, user.email, tried.slug)
        past.try_to_buy(
            user, course, at, [(METHODS[reason], reason) for reason in tried.reasons], is_cancelled=tried.is_cancelled
        )
    for number, slug in enumerate(life.saved):
        past.keep(user, courses[slug][0], _moment(2 + number, user.email, slug))
    past.store()


def _moment(days_ago: int, *names: str) -> datetime:
    """That many days ago, at an hour at which people learn; the same for the same names on the same day."""
    dice = random.Random(" ".join(names))  # noqa: S311  nothing secret hangs on it
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days_ago) + timedelta(seconds=dice.randint(6 * 3600, 22 * 3600))
