"""Finding a course: the home page, the catalogue, and the page of one course."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from coursebundler.db import allow_lag
from courses.access import Access, explain_access
from courses.models import CatalogueRevision, Category, Course, Lecture, Saved
from courses.models.catalogue import CourseQuerySet, search_words
from courses.page_cache import MAX_AGE_SECONDS, cached_for_anonymous, is_kept
from courses.progress import course_progress

PAGE_SIZE = 24
# Each is the end of an index of Course, forwards or backwards throughout.
SORTS = {
    "newest": ("Newest first", ["-published_at", "-pk"]),
    "title": ("Title A–Z", ["title", "pk"]),
    "price": ("Price, low to high", ["price_paise", "pk"]),
    "-price": ("Price, high to low", ["-price_paise", "-pk"]),
}
SORT_LABELS = [(name, label) for name, (label, _) in SORTS.items()]
ASKED = {"q": "", "category": "", "sort": "newest", "page": "1"}


@require_safe
@login_not_required
@cached_for_anonymous
def home(request: HttpRequest) -> HttpResponse:
    courses = list(published_courses(may_lag=not is_kept(request)).for_cards()[:6])
    context = {"courses": courses, "categories": published_categories(), "saved_ids": saved_ids(request, courses)}
    return render(request, "courses/home.html", context)


@require_safe
@login_not_required
@cached_for_anonymous
def course_list(request: HttpRequest) -> HttpResponse:
    """The catalogue. What is searched, chosen and sorted by is in the URL; anything unknown there is a 404."""
    asked = {name: request.GET.get(name, default) for name, default in ASKED.items()}
    context = find_courses(asked["q"], asked["category"], asked["sort"], asked["page"], may_lag=not is_kept(request))
    context |= {"sorts": SORT_LABELS, "saved_ids": saved_ids(request, context["page"])}
    wants_piece = request.htmx and (request.htmx.target or "").endswith("results")
    return render(request, "courses/_results.html" if wants_piece else "courses/course_list.html", context)


@require_safe
@login_not_required
@cached_for_anonymous
def course_detail(request: HttpRequest, slug: str) -> HttpResponse:
    course = get_object_or_404(Course.objects.select_related("category", "instructor"), slug=slug)
    access = explain_access(request.user, course)
    if not (course.is_published or access.is_allowed):
        raise Http404("This course is not published.")
    lectures = list(course.lectures.in_course_order().defer("text"))
    return render(
        request,
        "courses/course_detail.html",
        {
            "course": course,
            "access": access,
            "sections": sections_of(lectures),
            "preview_lecture": next((lecture for lecture in lectures if lecture.is_preview), None),
            "is_saved": course.pk in saved_ids(request, [course]),
            **learning_context(request, course, lectures, access),
        },
    )


@require_safe
@login_not_required
def course_by_id(request: HttpRequest, course_id: UUID) -> HttpResponse:
    """The predecessor's address of a course."""
    return redirect(get_object_or_404(Course.objects.published(), pk=course_id), permanent=True)


def published_courses(*, may_lag: bool) -> CourseQuerySet:
    courses = Course.objects.published()
    return allow_lag(courses) if may_lag else courses


def find_courses(query: str, category: str, sort: str, page: str, *, may_lag: bool = False) -> dict[str, Any]:
    """One page of the published courses that match, with the categories and the total of all that match.

    Three queries with search words; without, two while the catalogue stays as it is, and four after a change.
    Raises Http404 for an unknown order and for a page that is not there.
    `may_lag` lets a secondary answer, if the settings do (coursebundler.db.allow_lag).
    """
    if sort not in SORTS:
        raise Http404("There is no such order of courses.")
    query = query.strip()[:100]
    found = published_courses(may_lag=may_lag).matching(query)
    categories = _categories_of_few(found) if search_words(query) else published_categories()
    chosen = found.filter(category=_id_of(category, categories)) if category else found
    total = sum(row["count"] for row in categories if category in ("", row["slug"]))
    return {
        "page": page_of(chosen.for_cards().order_by(*SORTS[sort][1]), page, total),
        "query": query,
        "category": category,
        "sort": sort,
        "categories": categories,
        "total": total,
    }


def _id_of(slug: str, categories: list[dict[str, Any]]) -> Any:
    """By its id an index finds a category's courses in order; by its slug DocumentDB would join every course first."""
    return next((row["id"] for row in categories if row["slug"] == slug), None)


def published_categories() -> list[dict[str, Any]]:
    """`categories_of` what is published, kept in this process until the catalogue changes: counting reads it all.

    From the primary: a secondary might not have what the revision counts yet, and it would be kept.
    """
    key = f"categories:{CatalogueRevision.current()}"
    rows: list[dict[str, Any]] = caches["local"].get(key)
    if rows is None:
        rows = categories_of(Course.objects.published())
        caches["local"].set(key, rows, MAX_AGE_SECONDS)
    return rows


def categories_of(courses: CourseQuerySet) -> list[dict[str, Any]]:
    """[{"id", "name", "slug", "count"}] of the categories that have courses, by name; gives the total too. Two queries.

    Counted without a join: DocumentDB would look up the category of every course, one by one.
    """
    counts = dict(courses.order_by().values_list("category_id").annotate(count=Count("pk")))
    categories = sorted(Category.objects.in_bulk(list(counts)).values(), key=lambda category: category.name)
    return [{"id": each.pk, "name": each.name, "slug": each.slug, "count": counts[each.pk]} for each in categories]


def _categories_of_few(courses: CourseQuerySet) -> list[dict[str, Any]]:
    """The same in one query, for courses that a search has found: a join of few."""
    rows = courses.order_by("category__name").values("category_id", "category__name", "category__slug")
    return [
        {"id": row["category_id"], "name": row["category__name"], "slug": row["category__slug"], "count": row["count"]}
        for row in rows.annotate(count=Count("pk"))
    ]


class CountedPaginator(Paginator):
    """A paginator that is told the count instead of asking the database again."""

    def __init__(self, rows: Any, per_page: int, count: int) -> None:
        super().__init__(rows, per_page)
        self.count = count


def page_of(rows: Any, number: str, count: int) -> Page:
    """The page of that number; 404 for one that is not there."""
    paginator = CountedPaginator(rows, PAGE_SIZE, count)
    if not number.isascii() or not number.isdecimal() or len(number) > 6 or not 1 <= int(number) <= paginator.num_pages:
        raise Http404("There is no such page.")
    return paginator.page(int(number))


def saved_ids(request: HttpRequest, courses: Iterable[Course]) -> set[Any]:
    """The ids of those of `courses` that the visitor keeps for later."""
    if not request.user.is_authenticated:
        return set()
    saved = Saved.objects.filter(user=request.user, course_id__in=[course.pk for course in courses])
    return set(saved.values_list("course_id", flat=True))


def sections_of(lectures: list[Lecture]) -> list[dict[str, Any]]:
    """[{"section", "lectures"}] from lectures in course order."""
    sections: dict[Any, dict[str, Any]] = {}
    for lecture in lectures:
        sections.setdefault(lecture.section_id, {"section": lecture.section, "lectures": []})["lectures"].append(
            lecture
        )
    return list(sections.values())


def learning_context(request: HttpRequest, course: Course, lectures: list[Lecture], access: Access) -> dict[str, Any]:
    """What a course's pages show to somebody who studies it: ticks, percentage, where to go on."""
    done_ids, positions = course_progress(request.user, course) if request.user.is_authenticated else (set(), {})
    done_ids &= {lecture.pk for lecture in lectures}
    undone = [lecture for lecture in lectures if lecture.pk not in done_ids]
    begun = [lecture for lecture in undone if lecture.pk in positions]
    done, total = len(done_ids), len(lectures)
    return {
        "done_ids": done_ids,
        "positions": positions,
        "progress": {"done": done, "total": total, "percent": done * 100 // total if total else 0},
        "resume_lecture": next(iter(begun or undone or lectures), None) if access.is_allowed else None,
    }
