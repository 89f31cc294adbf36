"""Writing down how far somebody is. Nothing goes down, whatever arrives late, twice, or from two tabs at once."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from courses.models import Course, Lecture, Progress

if TYPE_CHECKING:
    from users.models import User

MAX_RANGES = 200
DONE_SHARE_PERCENT = 90

Ranges = list[list[int]]


class TooManyWriters(RuntimeError):
    """The row changed under every attempt; the browser keeps what it has and sends it again."""


def record(user: "User", lecture: Lecture, *, position_seconds: int, ranges: Ranges) -> Progress:
    """Add what was watched: [from, to] pairs in whole seconds. Safe to repeat, safe from several processes.

    What lies beyond the lecture's length is cut off. From 90 % watched the lecture is done.
    """
    position = min(max(position_seconds, 0), lecture.duration_seconds)
    new = [[max(0, a), min(b, lecture.duration_seconds)] for a, b in ranges]

    def advance(progress: Progress) -> dict[str, Any]:
        merged = merge_ranges(progress.watched_ranges + new)
        watched = sum(b - a for a, b in merged)
        is_done = lecture.duration_seconds and watched * 100 >= lecture.duration_seconds * DONE_SHARE_PERCENT
        return {
            "position_seconds": max(progress.position_seconds, position),
            "watched_ranges": merged,
            "watched_seconds": watched,
            "done_at": progress.done_at or (timezone.now() if is_done else None),
        }

    return _change(user, lecture, advance)


def mark_done(user: "User", lecture: Lecture) -> Progress:
    """The student says so. Safe to repeat: the first time counts."""
    return _change(user, lecture, lambda progress: {"done_at": progress.done_at or timezone.now()})


def _change(user: "User", lecture: Lecture, advance: Any, attempts: int = 50) -> Progress:
    """Compare-and-swap on `version`: neither engine has row locks."""
    progress, _ = Progress.objects.get_or_create(user=user, lecture=lecture, defaults={"course_id": lecture.course_id})
    for _ in range(attempts):
        values = advance(progress)
        if all(getattr(progress, name) == value for name, value in values.items()):
            return progress
        values |= {"version": progress.version + 1, "updated_at": timezone.now()}
        if Progress.objects.filter(pk=progress.pk, version=progress.version).update(**values):
            for name, value in values.items():
                setattr(progress, name, value)
            return progress
        progress.refresh_from_db()
    raise TooManyWriters(f"progress {progress.pk}")


def merge_ranges(ranges: Ranges) -> Ranges:
    """Sorted, non-overlapping ranges that cover the same seconds; empty and backward ones are dropped."""
    merged: Ranges = []
    for start, end in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def course_progress(user: "User", course: Course) -> tuple[set[Any], dict[Any, int]]:
    """The ids of the lectures done, and the position in each lecture begun. One query."""
    found = Progress.objects.filter(user=user, course=course)
    rows = list(found.values_list("lecture_id", "position_seconds", "done_at"))
    return {lecture for lecture, _, done_at in rows if done_at}, {lecture: position for lecture, position, _ in rows}
