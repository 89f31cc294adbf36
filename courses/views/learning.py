"""Studying: a lecture with its media, progress, and the lists of one's own courses."""

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from courses import storage
from courses.access import Access, explain_access
from courses.models import Course, Grant, Lecture, Progress, Saved
from courses.progress import TooManyWriters, course_progress, mark_done, record
from courses.progress_form import ProgressForm
from courses.views.catalogue import learning_context, page_of, sections_of

logger = logging.getLogger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)


def get_lecture(request: HttpRequest, slug: str, lecture_id: UUID) -> tuple[Lecture, Access]:
    """The lecture and whether this visitor may watch it: every view of a lecture starts here."""
    lectures = Lecture.objects.select_related("course", "section")
    lecture = get_object_or_404(lectures, pk=lecture_id, course__slug=slug)
    access = explain_access(request.user, lecture.course, lecture)
    if not (access.is_allowed or lecture.course.is_published or access.grant):
        raise Http404("This course is not published.")
    return lecture, access


def locked(request: HttpRequest, lecture: Lecture, access: Access) -> HttpResponse:
    context = {"course": lecture.course, "lecture": lecture, "access": access}
    return render(request, "courses/lecture_detail_locked.html", context, status=403)


@require_safe
@login_not_required
def lecture_detail(request: HttpRequest, slug: str, lecture_id: UUID) -> HttpResponse:
    lecture, access = get_lecture(request, slug, lecture_id)
    if not access.is_allowed:
        return locked(request, lecture, access)
    course = lecture.course
    lectures = list(course.lectures.in_course_order().defer("text"))
    index = next(i for i, other in enumerate(lectures) if other.pk == lecture.pk)
    context = learning_context(request, course, lectures, access)
    return render(
        request,
        "courses/lecture_detail.html",
        {
            "course": course,
            "lecture": lecture,
            "access": access,
            "sections": sections_of(lectures),
            "previous_lecture": lectures[index - 1] if index else None,
            "next_lecture": lectures[index + 1] if index + 1 < len(lectures) else None,
            "position_seconds": context["positions"].get(lecture.pk, 0),
            "is_done": lecture.pk in context["done_ids"],
            **media_urls(lecture),
            **context,
        },
    )


def media_urls(lecture: Lecture) -> dict[str, str]:
    """Our own addresses for what the lecture has; each of them asks for access again before it gives a file away."""
    args = [lecture.course.slug, lecture.pk]
    return {
        "video_url": reverse("courses:lecture_video", args=args) if lecture.video_key else "",
        "captions_url": reverse("courses:lecture_captions", args=args) if lecture.captions_key else "",
        "file_url": reverse("courses:lecture_file", args=args) if lecture.file_key else "",
        "progress_url": reverse("courses:lecture_progress", args=args),
    }


@require_safe
@login_not_required
def lecture_video(request: HttpRequest, slug: str, lecture_id: UUID) -> HttpResponse:
    """302 to a signed address of the video that expires; asked again for each play, so a revoked grant ends it."""
    lecture, access = get_lecture(request, slug, lecture_id)
    return _to_file(lecture.video_key, access)


@require_safe
@login_not_required
def lecture_file(request: HttpRequest, slug: str, lecture_id: UUID) -> HttpResponse:
    lecture, access = get_lecture(request, slug, lecture_id)
    suffix = lecture.file_key.rpartition(".")[2]
    return _to_file(lecture.file_key, access, download_name=f"{lecture.title}.{suffix}")


def _to_file(key: str, access: Access, **options: Any) -> HttpResponse:
    if not access.is_allowed:
        return HttpResponse(access.explanation, status=403, content_type="text/plain; charset=utf-8")
    if not key:
        raise Http404("This lecture has no such file.")
    return HttpResponse(
        status=302, headers={"Location": storage.signed_url(key, **options), "Cache-Control": "no-store"}
    )


@require_safe
@login_not_required
def lecture_captions(request: HttpRequest, slug: str, lecture_id: UUID) -> HttpResponse:
    """Captions come from our own address: a <track> from another one would need CORS."""
    lecture, access = get_lecture(request, slug, lecture_id)
    if not access.is_allowed:
        return HttpResponse(access.explanation, status=403, content_type="text/plain; charset=utf-8")
    if not lecture.captions_key:
        raise Http404("This lecture has no captions.")
    try:
        return HttpResponse(storage.read(lecture.captions_key), content_type="text/vtt; charset=utf-8")
    except FileNotFoundError as error:
        logger.error("The captions of lecture %s have vanished.", lecture.pk)
        raise Http404("The captions are not there.") from error
    except storage.MediaUnavailable:
        return HttpResponse("The captions cannot be read at the moment.", status=503, content_type="text/plain")


@require_POST
def lecture_progress(request: HttpRequest, slug: str, lecture_id: UUID) -> JsonResponse:
    """The player reports; JSON while it plays, form fields from a beacon when the page goes away."""
    lecture, access = get_lecture(request, slug, lecture_id)
    if not access.is_allowed:
        return JsonResponse({"message": access.explanation}, status=403)
    form = ProgressForm(_progress_fields(request))
    if not form.is_valid():
        return JsonResponse({"message": "This is not progress.", "errors": form.errors}, status=400)
    try:
        progress = record(request.user, lecture, **form.cleaned_data)
    except TooManyWriters:
        return JsonResponse({"message": "Busy; send it again."}, status=503)
    return JsonResponse(
        {
            "position": progress.position_seconds,
            "watched_seconds": progress.watched_seconds,
            "is_done": progress.done_at is not None,
            "percent": percent_done(request, lecture.course),
        }
    )


def _progress_fields(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        return {"position_seconds": request.POST.get("position"), "ranges": request.POST.get("ranges")}
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {"position_seconds": data.get("position"), "ranges": data.get("ranges")}


def percent_done(request: HttpRequest, course: Course) -> int:
    """Lectures done of those there are, in whole percent, never rounded up."""
    done_ids, _ = course_progress(request.user, course)
    return min(100, len(done_ids) * 100 // course.lecture_count) if course.lecture_count else 0


@require_POST
def lecture_done(request: HttpRequest, slug: str, lecture_id: UUID) -> HttpResponse:
    lecture, access = get_lecture(request, slug, lecture_id)
    if not access.is_allowed:
        return locked(request, lecture, access)
    mark_done(request.user, lecture)
    if not request.htmx:
        return redirect(lecture)
    lectures = list(lecture.course.lectures.in_course_order().defer("text"))
    context = learning_context(request, lecture.course, lectures, access)
    return render(
        request, "courses/_done.html", {"lecture": lecture, "course": lecture.course, "is_done": True, **context}
    )


@require_POST
def course_save(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep a course for later, or no longer: the form says which, so that a double click does not undo itself."""
    course = get_object_or_404(Course.objects.published(), slug=slug)
    is_saved = request.POST.get("saved") != "no"
    if is_saved:
        Saved.objects.get_or_create(user=request.user, course=course)
    else:
        Saved.objects.filter(user=request.user, course=course).delete()
    if request.htmx:
        return render(request, "courses/_save_button.html", {"course": course, "is_saved": is_saved})
    messages.success(request, f"“{course.title}” is {'saved for later' if is_saved else 'no longer saved'}.")
    return redirect(course)


@require_POST
def course_enrol(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a free course. Safe to repeat: there is one grant."""
    course = get_object_or_404(Course.objects.published(), slug=slug)
    if not course.is_free:
        messages.error(request, f"“{course.title}” is not free.")
        return redirect(course)
    Grant.objects.give(request.user, course, Grant.Source.FREE, course.pk)
    messages.success(request, f"Welcome to “{course.title}”.")
    return redirect(course)


@require_safe
def course_resume(request: HttpRequest, slug: str) -> HttpResponse:
    """On to the lecture where this student left off."""
    course = get_object_or_404(Course, slug=slug)
    access = explain_access(request.user, course)
    lectures = list(course.lectures.in_course_order().defer("text"))
    return redirect(learning_context(request, course, lectures, access)["resume_lecture"] or course)


@require_safe
def my_courses(request: HttpRequest) -> HttpResponse:
    """Every course that an active grant opens, last studied first. Four queries, however many there are."""
    studied = _studied(request)
    ids = sorted(
        _open_course_ids(request, studied), key=lambda pk: studied[pk]["last"] if pk in studied else NEVER, reverse=True
    )
    page = page_of(ids, request.GET.get("page", "1"), len(ids))
    courses = Course.objects.for_cards().in_bulk(list(page))
    page.object_list = [_my_course(courses[pk], studied.get(pk, {}).get("done", 0)) for pk in page]
    return render(request, "courses/my_courses.html", {"page": page})


def _studied(request: HttpRequest) -> dict[Any, dict[str, Any]]:
    """{course id: {"done": lectures done, "last": when something was last watched}}."""
    rows = Progress.objects.filter(user=request.user).order_by().values("course_id")
    rows = rows.annotate(done=Count("done_at"), last=Max("updated_at"))
    return {row["course_id"]: row for row in rows}


def _open_course_ids(request: HttpRequest, studied: Iterable[Any]) -> list[Any]:
    """Courses granted one by one; a grant of the whole catalogue adds those that were begun."""
    granted = set(Grant.objects.filter(user=request.user).active().values_list("course_id", flat=True))
    return sorted(granted - {None} | (set(studied) if None in granted else set()))


def _my_course(course: Course, done: int) -> dict[str, Any]:
    total = course.lecture_count
    return {
        "course": course,
        "done": done,
        "total": total,
        "percent": min(100, done * 100 // total) if total else 0,
        "resume_url": reverse("courses:course_resume", args=[course.slug]),
    }


@require_safe
def saved_courses(request: HttpRequest) -> HttpResponse:
    saved = Saved.objects.filter(user=request.user, course__status=Course.Status.PUBLISHED)
    rows = saved.select_related("course__category", "course__instructor")
    page = page_of(rows, request.GET.get("page", "1"), saved.count())
    page.object_list = [row.course for row in page]
    context = {"page": page, "saved_ids": {course.pk for course in page.object_list}}
    return render(request, "courses/saved_courses.html", context)
