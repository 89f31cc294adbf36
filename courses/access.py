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
        return _allowed_by(max(active, key=lambda grant: (grant.ends_at is None, grant.ends_at, grant.created_at)))
    if lecture is not None and lecture.is_preview and course.is_published:
        return Access(is_allowed=True, reason="preview", explanation="This lecture is a free preview.")
    if not user.is_authenticated:
        return _refused("not_logged_in", "Log in to watch what you own.", "Log in", reverse("account_login"))
    return _refused_for(course, grants, now)


def _allowed_by(grant: Grant) -> Access:
    until = f", until {date_format(grant.ends_at, 'j F Y')}" if grant.ends_at else ""
    explanation = f"You have this from: {grant.get_source_kind_display().lower()}{until}."
    return Access(is_allowed=True, reason="grant", explanation=explanation, grant=grant)


def _refused_for(course: Course, grants: list[Grant], now: datetime) -> Access:
    page = course.get_absolute_url()
    latest = max(grants, key=lambda grant: grant.created_at, default=None)
    if latest is None:
        return _refused("no_grant", f"You do not own “{course.title}” yet.", "See the course", page)
    if latest.revoked_at:
        text = f"Your access was taken back on {date_format(latest.revoked_at, 'j F Y')}. {latest.note}".strip()
        return _refused("revoked", text, "Ask us why", reverse("users:contact"), latest)
    if latest.starts_at > now:
        text = f"Your access begins on {date_format(latest.starts_at, 'j F Y')}."
        return _refused("not_started", text, "My courses", reverse("courses:my_courses"), latest)
    ended = date_format(latest.ends_at or now, "j F Y")
    return _refused("ended", f"Your access ended on {ended}.", "See the course", page, latest)


def _refused(reason: str, explanation: str, label: str, url: str, grant: Grant | None = None) -> Access:
    return Access(False, reason, explanation, grant, next_step_label=label, next_step_url=url)
