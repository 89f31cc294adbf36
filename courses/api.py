"""The catalogue in JSON. Shapes follow the predecessor's where they were sound; prices are integer paise."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status

from coursebundler.api import ApiError
from courses import storage
from courses.access import explain_access
from courses.creation import create_course
from courses.forms import CourseApiForm
from courses.models import Course, Lecture
from courses.views.catalogue import find_courses

router = Router(tags=["courses"])


class CourseOut(Schema):
    id: UUID
    slug: str
    url: str
    title: str
    promise: str
    category: str
    createdBy: str  # the predecessor’s spelling, as below
    level: str
    price_paise: int
    current_price_paise: int
    currency: str
    numOfVideos: int
    duration_seconds: int
    poster: str | None
    createdAt: datetime


class CourseDetailOut(CourseOut):
    description: str


class LectureOut(Schema):
    id: UUID
    section: str
    title: str
    kind: str
    text: str
    duration_seconds: int
    video: str | None
    file: str | None


class CoursesOut(Schema):
    success: bool = True
    page: int
    pages: int
    total: int
    courses: list[CourseOut]


class CourseWithLecturesOut(Schema):
    success: bool = True
    course: CourseDetailOut
    lectures: list[LectureOut]


class CourseCreatedOut(Schema):
    success: bool = True
    message: str
    course: CourseOut


@router.get("/courses", auth=None, response=CoursesOut, summary="Search the catalogue")
def courses(request: HttpRequest, keyword: str = "", category: str = "", sort: str = "newest", page: str = "1") -> Any:
    """The published courses, 24 a page. `sort`: newest, title, price or -price; an unknown one is 404, as is a page
    that is not there."""
    found = find_courses(keyword, category, sort, page, may_lag=True)
    return {
        "page": found["page"].number,
        "pages": found["page"].paginator.num_pages,
        "total": found["total"],
        "courses": [_course_out(course) for course in found["page"]],
    }


@router.get("/course/{uuid:course_id}", response=CourseWithLecturesOut, summary="A course with its lectures")
def course(request: HttpRequest, course_id: UUID) -> Any:
    """For those whom a grant lets in; others get 403 with the reason. Media addresses are signed and expire."""
    found = get_object_or_404(Course.objects.select_related("category", "instructor"), pk=course_id)
    access = explain_access(request.user, found)
    if not access.is_allowed:
        if not found.is_published:
            raise ApiError(404, "There is no such course.")
        raise ApiError(403, access.explanation)
    return {
        "course": _course_out(found) | {"description": found.description},
        "lectures": [_lecture_out(lecture) for lecture in found.lectures.in_course_order()],
    }


@router.post("/createcourse", response={201: CourseCreatedOut}, summary="Create a course with its poster")
def createcourse(request: HttpRequest) -> Any:
    """For staff who may add courses. Multipart: title, description, category (name or slug), `file` (the poster);
    also promise, level, price in rupees, status, createdBy (the instructor's e-mail). A course without lectures is
    a draft."""
    if not request.user.has_perm("courses.add_course"):
        raise ApiError(403, "Only staff who may add courses can do this.")
    form = CourseApiForm(_course_fields(request), _course_files(request), user=request.user)
    try:
        created = create_course(request.user, form) if form.is_valid() else None
    except ValidationError:
        created = None  # said at the field
    if created is None:
        raise ApiError(400, "Please correct the marked fields.", _named_as_sent(form.errors))
    body = {"message": "Course created. You can add lectures now.", "course": _course_out(created)}
    return Status(201, body)


# The predecessor's names for two of the form's fields.
SENT_AS = {"poster": "file", "instructor_email": "createdBy"}


def _course_fields(request: HttpRequest) -> dict[str, str]:
    fields = request.POST.dict()
    return fields | {name: fields[sent] for name, sent in SENT_AS.items() if sent in fields}


def _course_files(request: HttpRequest) -> dict[str, Any]:
    return {name: request.FILES[sent] for name, sent in SENT_AS.items() if sent in request.FILES}


def _named_as_sent(errors: Any) -> dict[str, list[str]]:
    return {SENT_AS.get(name, name): list(texts) for name, texts in errors.items()}


def _course_out(course: Course) -> dict[str, Any]:
    return {
        "id": course.pk,
        "slug": course.slug,
        "url": course.get_absolute_url(),
        "title": course.title,
        "promise": course.promise,
        "category": course.category.name,
        "createdBy": course.instructor.name,
        "level": course.level,
        "price_paise": course.price_paise,
        "current_price_paise": course.current_price_paise,
        "currency": course.currency,
        "numOfVideos": course.lecture_count,
        "duration_seconds": course.duration_seconds,
        "poster": storages["public"].url(f"{course.poster_key}-640.webp") if course.poster_key else None,
        "createdAt": course.created_at,
    }


def _lecture_out(lecture: Lecture) -> dict[str, Any]:
    """Only for those who may watch: it hands out addresses."""
    return {
        "id": lecture.pk,
        "section": lecture.section.title,
        "title": lecture.title,
        "kind": lecture.kind,
        "text": lecture.text,
        "duration_seconds": lecture.duration_seconds,
        "video": storage.signed_url(lecture.video_key) if lecture.video_key else None,
        "file": storage.signed_url(lecture.file_key) if lecture.file_key else None,
    }
