"""The catalogue in the admin. Instructors see and change their own courses; `manage_any_course` opens all of them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from coursebundler.atomic_admin import AtomicMixin
from coursebundler.autocomplete import AutocompleteMixin
from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from courses.forms import CourseAdminForm, LectureAdminForm
from courses.models import Category, Course, Grant, Lecture, Progress, Saved, Section

# Keys are ordered by time, and need no index of their own to be walked along.
NEWEST_FIRST = ("-pk",)


class OwnCoursesMixin:
    """Limits rows, and what they may point to, to the courses that the member of staff may manage."""

    course_path = "course__"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.has_perm("courses.manage_any_course"):
            return rows
        return rows.filter(**{f"{self.course_path}instructor": request.user})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if not request.user.has_perm("courses.manage_any_course"):
            if db_field.name == "course":
                kwargs["queryset"] = Course.objects.filter(instructor=request.user)
            elif db_field.name == "section":
                kwargs["queryset"] = Section.objects.filter(course__instructor=request.user)
            elif db_field.name == "instructor":
                kwargs["queryset"] = request.user.__class__.objects.filter(pk=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class UploadsMixin:
    """Tells the form, whose class is made anew for each request, who uploads."""

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        form.user = request.user
        return form


@admin.register(Category)
class CategoryAdmin(ExportMixin, AtomicMixin, admin.ModelAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}


class SectionInline(admin.TabularInline):
    model = Section
    extra = 0
    show_change_link = True


@admin.register(Course)
class CourseAdmin(UploadsMixin, OwnCoursesMixin, ExportMixin, AtomicMixin, admin.ModelAdmin):
    form = CourseAdminForm
    course_path = ""
    ordering = NEWEST_FIRST
    list_display = ["title", "category", "instructor", "status", "price", "lecture_count", "updated_at"]
    list_filter = ["status", "level", "category"]
    search_fields = ["title", "slug", "promise", "instructor__name", "instructor__email"]
    list_select_related = ["category", "instructor"]
    prepopulated_fields = {"slug": ["title"]}
    readonly_fields = ["published_at", "lecture_count", "duration_seconds", "created_at", "updated_at"]
    actions = ["publish", "archive"]
    inlines = [SectionInline]
    list_per_page = 50

    @admin.display(description="price", ordering="price_paise")
    def price(self, course: Course) -> str:
        return rupees(course.price_paise)

    @admin.action(description="Publish the selected courses", permissions=["change"])
    def publish(self, request: HttpRequest, courses: QuerySet[Course]) -> None:
        courses.filter(published_at__isnull=True).update(published_at=timezone.now())
        changed = courses.exclude(status="published").update(status=Course.Status.PUBLISHED)
        self.message_user(request, f"{changed} published.", messages.SUCCESS)

    @admin.action(description="Archive the selected courses (owners keep access)", permissions=["change"])
    def archive(self, request: HttpRequest, courses: QuerySet[Course]) -> None:
        changed = courses.exclude(status="archived").update(status=Course.Status.ARCHIVED)
        self.message_user(request, f"{changed} archived.", messages.SUCCESS)


class LectureInline(admin.TabularInline):
    """The order of a section's lectures; the lecture's own page has its files and text."""

    model = Lecture
    fields = ["title", "position", "kind", "is_preview"]
    extra = 0
    show_change_link = True


@admin.register(Section)
class SectionAdmin(OwnCoursesMixin, ExportMixin, AtomicMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["title", "course", "position"]
    search_fields = ["title", "course__title"]
    list_select_related = ["course"]
    inlines = [LectureInline]


@admin.register(Lecture)
class LectureAdmin(UploadsMixin, OwnCoursesMixin, ExportMixin, AtomicMixin, admin.ModelAdmin):
    form = LectureAdminForm
    ordering = NEWEST_FIRST
    list_display = ["title", "course", "section", "kind", "duration_seconds", "is_preview"]
    list_filter = ["kind", "is_preview"]
    search_fields = ["title", "course__title"]
    list_select_related = ["course", "section"]


@admin.register(Grant)
class GrantAdmin(AutocompleteMixin, ExportMixin, AtomicMixin, admin.ModelAdmin):
    """Grants are given and taken back here; they are never deleted, so that access can be explained later."""

    ordering = NEWEST_FIRST
    list_display = ["user", "course", "source_kind", "starts_at", "ends_at", "revoked_at"]
    list_filter = ["source_kind", ("revoked_at", admin.EmptyFieldListFilter), ("ends_at", admin.EmptyFieldListFilter)]
    search_fields = ["user__email", "user__name", "course__title"]
    list_select_related = ["user", "course"]
    autocomplete_fields = ["user", "course"]
    fields = ["user", "course", "starts_at", "ends_at", "revoked_at", "note", "source_kind", "source_id", "created_at"]
    readonly_fields = ["source_kind", "source_id", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, grant: Grant | None = None) -> list[str]:
        fixed = ["user", "course", "starts_at"] if grant else []
        return [*self.readonly_fields, *fixed]

    def save_model(self, request: HttpRequest, grant: Grant, form: Any, change: bool) -> None:
        """A grant made here comes from staff: the source is the row itself, so that each one counts."""
        if not change:
            grant.source_kind, grant.source_id = Grant.Source.STAFF, grant.pk
        grant.save()

    def has_delete_permission(self, request: HttpRequest, grant: Grant | None = None) -> bool:
        return False


@admin.register(Progress)
class ProgressAdmin(ExportMixin, admin.ModelAdmin):
    """To look at, not to change: what a student did is the student's."""

    ordering = NEWEST_FIRST
    list_display = ["user", "lecture", "watched_seconds", "position_seconds", "done_at", "updated_at"]
    list_filter = [("done_at", admin.EmptyFieldListFilter)]
    search_fields = ["user__email", "lecture__title", "course__title"]
    list_select_related = ["user", "lecture"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, progress: Progress | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, progress: Progress | None = None) -> bool:
        return False


@admin.register(Saved)
class SavedAdmin(AutocompleteMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["user", "course", "created_at"]
    search_fields = ["user__email", "course__title"]
    list_select_related = ["user", "course"]
    autocomplete_fields = ["user", "course"]
