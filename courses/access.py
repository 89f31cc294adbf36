"""May this person watch this? One answer for pages, media, API and admin, from grants alone, and it says why."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from courses.models import Course, Grant, Lecture

if TYPE_CHECKING:
    from users.models import User


@dataclass(frozen=True)
class Access:
    """An answer with its reason. `grant` is the one that opens the course, or the one that used to."""

    is_allowed: bool
    reason: str
    explanation: str
    grant: Grant | None = None
    next_step_label: str = ""
    next_step_url: str = ""


def explain_access(user: "User | AnonymousUser", course: Course, lecture: Lecture | None = None) -> Access:
    """Why `user` may or may not watch `course`, or one `lecture` of it. One query; none for anonymous visitors."""
    grants = list(Grant.objects.filter(user=user).covering(course)) if user.is_authenticated else []
    now = timezone.now()
    if active := [grant for grant in grants if grant.is_active(now)]:
        best = max(active, key=lambda grant: (grant.ends_at is None, grant.ends_at, grant.created_at))
        best.course = course if best.course_id else None  # the same row, so it need not be fetched
        return explain_grant(best, now)
    if lecture is not None and lecture.is_preview and course.is_published:
        return Access(is_allowed=True, reason="preview", explanation="This lecture is a free preview.")
    if not user.is_authenticated:
        return _refused("not_logged_in", "Log in to watch what you own.", "Log in", reverse("account_login"))
    return _refused_for(course, grants, now)


def explain_grant(grant: Grant, now: datetime) -> Access:
    """What one grant gives today, from where it comes, until when, and what to do next. No query, if its course is
    loaded; the lists of /my/access and every answer of `explain_access` about a grant are made of this.
    """
    if grant.is_active(now):
        return _allowed_by(grant)
    if grant.revoked_at:
        text = f"Your access was taken back on {_day(grant.revoked_at)}. You had it from {grant.source}. {grant.note}"
        return _refused("revoked", text.strip(), "Ask us why", reverse("users:contact"), grant)
    if grant.starts_at > now:
        text = f"Your access begins on {_day(grant.starts_at)}. You have it from {grant.source}."
        return _refused("not_started", text, "My courses", reverse("courses:my_courses"), grant)
    text = f"Your access ended on {_day(grant.ends_at or now)}. You had it from {grant.source}."
    return _refused("ended", text, *_renewal(grant), grant)


def _allowed_by(grant: Grant) -> Access:
    until = f", until {_day(grant.ends_at)}" if grant.ends_at else ""
    if grant.course:
        next_step = "Watch", reverse("courses:course_resume", args=[grant.course.slug])
    else:
        next_step = "See all courses", reverse("courses:course_list")
    return Access(True, "grant", f"You have this from {grant.source}{until}.", grant, *next_step)


def _renewal(grant: Grant) -> tuple[str, str]:
    """(label, address) of where somebody whose access has ended gets it again."""
    if grant.source_kind == Grant.Source.SUBSCRIPTION:
        return "Subscribe again", reverse("payments:subscribe")
    if grant.course and grant.course.is_published:
        return "See the course", grant.course.get_absolute_url()
    return "Ask us", reverse("users:contact")


def _refused_for(course: Course, grants: list[Grant], now: datetime) -> Access:
    latest = max(grants, key=lambda grant: grant.created_at, default=None)
    if latest is None:
        text = f"You do not own “{course.title}” yet."
        return _refused("no_grant", text, "See the course", course.get_absolute_url())
    if latest.course_id:
        latest.course = course  # the same row, so it need not be fetched
    return explain_grant(latest, now)


def _day(moment: datetime) -> str:
    return date_format(moment, "j F Y")


def _refused(reason: str, explanation: str, label: str, url: str, grant: Grant | None = None) -> Access:
    return Access(False, reason, explanation, grant, next_step_label=label, next_step_url=url)
