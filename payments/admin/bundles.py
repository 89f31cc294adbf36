"""Bundles: what they hold is changed like the rows of an inline, and kept as editions."""

import logging
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.checks import InlineModelAdminChecks
from django.db.models import QuerySet
from django.forms.models import BaseModelFormSet, modelformset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from coursebundler.atomic_admin import AtomicMixin
from coursebundler.autocomplete import AutocompleteMixin
from coursebundler.db import on_commit
from coursebundler.exports import ExportMixin
from coursebundler.formatting import rupees
from coursebundler.logs import log_event
from courses.admin import NEWEST_FIRST
from courses.models import Course
from payments import additions
from payments.admin.base import LookOnlyMixin
from payments.models import Bundle, BundleEdition, EditionConflict, EditionCourse

logger = logging.getLogger(__name__)

CONFLICT = "Somebody else has published another edition meanwhile. Please look at it and change it again."


class BundleForm(forms.ModelForm):
    additions_included = forms.BooleanField(
        required=False,
        help_text="Whoever buys the bundle gets later additions at once and for nothing. It is shown before paying, "
        "and kept towards those who bought it, also if you change it.",
    )
    edition_number = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Bundle
        fields = [
            "title",
            "slug",
            "promise",
            "description",
            "price_paise",
            "sale_price_paise",
            "sale_starts_at",
            "sale_ends_at",
            "status",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if edition := self.instance.current_edition:
            self.initial["additions_included"] = edition.additions_included
            self.initial["edition_number"] = edition.number

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        edition = self.instance.current_edition
        if cleaned.get("edition_number") != (edition.number if edition else None):
            raise forms.ValidationError(CONFLICT, "conflict")
        return cleaned


class ContentFormSet(BaseModelFormSet):
    """The courses of the current edition. Saving changes none of these rows: it publishes the next edition."""

    def __init__(self, data: Any = None, files: Any = None, instance: Any = None, **kwargs: Any) -> None:
        self.instance: Bundle = instance
        kwargs.pop("save_as_new", None)
        edition_id = instance.current_edition_id if instance else None
        rows = EditionCourse.objects.filter(edition=edition_id) if edition_id else EditionCourse.objects.none()
        super().__init__(data, files, **kwargs | {"queryset": rows.select_related("course").order_by("position", "pk")})

    @classmethod
    def get_default_prefix(cls) -> str:
        return "contents"

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        courses = self.courses()
        if not courses:
            raise forms.ValidationError("A bundle holds at least one course.", "empty")
        if len(set(courses)) < len(courses):
            raise forms.ValidationError("Each course can be in it once.", "twice")
        drafts = [course.title for course in courses if not course.is_published]
        if drafts:
            raise forms.ValidationError(f"Not published: {', '.join(drafts)}.", "unpublished")

    def courses(self) -> list[Course]:
        """As filled in, in order; those that share a number stay as they stand on the page."""
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        rows.sort(key=lambda row: row.get("position") or 0)
        return [row["course"] for row in rows if row.get("course")]

    def publish(self, *, additions_included: bool) -> BundleEdition | None:
        """Raises EditionConflict. The admin's history tells about what is in the three lists."""
        edition = self.instance.publish_edition(self.courses(), additions_included=additions_included)
        self.new_objects: list[Any] = [edition] if edition else []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []
        return edition


def _may(request: Any, permission: str) -> bool:
    return bool(request.user.has_perm(f"payments.{permission}"))


class NoForeignKeyChecks(InlineModelAdminChecks):
    """The rows belong to an edition of the bundle, not to the bundle."""

    def _check_exclude_of_parent_model(self, obj: Any, parent_model: Any) -> list[Any]:
        return []

    def _check_relation(self, obj: Any, parent_model: Any) -> list[Any]:
        return []


class ContentInline(AutocompleteMixin, admin.TabularInline):
    model = EditionCourse
    checks_class = NoForeignKeyChecks
    formset = ContentFormSet  # type: ignore[assignment]  # no foreign key, see above
    fields = ["course", "position"]
    autocomplete_fields = ["course"]
    verbose_name = "course"
    verbose_name_plural = "courses; saving a change here publishes a new edition"
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return modelformset_factory(
            EditionCourse,
            formset=ContentFormSet,
            fields=["course", "position"],
            formfield_callback=partial(self.formfield_for_dbfield, request=request),
            extra=0 if obj else 3,
            max_num=100,
            validate_max=True,
            absolute_max=200,
            can_delete=True,
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "view_bundle")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change_bundle")

    has_add_permission = has_delete_permission = has_change_permission


class EditionInline(LookOnlyMixin, admin.TabularInline):
    """What was sold before."""

    model = BundleEdition
    fk_name = "bundle"
    fields = ["number", "additions_included", "created_at"]
    readonly_fields = ["created_at"]
    show_change_link = True
    ordering = ["-number"]


@admin.register(Bundle)
class BundleAdmin(ExportMixin, AtomicMixin, admin.ModelAdmin):
    form = BundleForm
    ordering = NEWEST_FIRST
    list_display = ["title", "status", "price", "edition", "published_at"]
    list_filter = ["status", "published_at"]
    list_select_related = ["current_edition"]
    search_fields = ["title", "slug", "promise"]
    prepopulated_fields = {"slug": ["title"]}
    inlines = [ContentInline, EditionInline]
    actions = ["publish", "archive"]
    list_per_page = 50

    @admin.display(description="price", ordering="price_paise")
    def price(self, bundle: Bundle) -> str:
        return rupees(bundle.price_paise)

    @admin.display(description="edition")
    def edition(self, bundle: Bundle) -> str:
        if bundle.current_edition is None:
            return "none"
        return f"{bundle.current_edition.number}{', grows' if bundle.current_edition.additions_included else ''}"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Somebody may have bought it: it is archived instead."""
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except EditionConflict:
            self.message_user(request, CONFLICT, messages.ERROR)
            return redirect(request.path)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if not isinstance(formset, ContentFormSet):
            super().save_formset(request, form, formset, change)
            return
        edition = formset.publish(additions_included=form.cleaned_data["additions_included"])
        if edition:
            log_event("bundle_edition", bundle=edition.bundle_id, edition=edition.number, staff=request.user.pk)
            on_commit(lambda: self._give_additions(request, edition.bundle))

    def _give_additions(self, request: HttpRequest, bundle: Bundle) -> None:
        try:
            given = additions.give_to_buyers(bundle)
        except Exception:
            logger.exception("The additions to bundle %s were not given; the reconciler tries again.", bundle.pk)
            self.message_user(request, "Buyers get what is new within some minutes.", messages.WARNING)
            return
        if given:
            self.message_user(request, f"Buyers got what is new: {given} courses opened.", messages.SUCCESS)

    @admin.action(description="Publish the selected bundles", permissions=["change"])
    def publish(self, request: HttpRequest, bundles: QuerySet[Bundle]) -> None:
        ready = bundles.filter(current_edition__isnull=False)
        ready.filter(published_at__isnull=True).update(published_at=timezone.now())
        changed = ready.exclude(status="published").update(status=Bundle.Status.PUBLISHED)
        self.message_user(request, f"{changed} published.", messages.SUCCESS)

    @admin.action(description="Archive the selected bundles (buyers keep access)", permissions=["change"])
    def archive(self, request: HttpRequest, bundles: QuerySet[Bundle]) -> None:
        changed = bundles.exclude(status="archived").update(status=Bundle.Status.ARCHIVED)
        self.message_user(request, f"{changed} archived.", messages.SUCCESS)


class EntryInline(LookOnlyMixin, admin.TabularInline):
    model = EditionCourse
    fields = ["position", "course"]
    ordering = ["position", "pk"]


@admin.register(BundleEdition)
class BundleEditionAdmin(LookOnlyMixin, ExportMixin, admin.ModelAdmin):
    ordering = NEWEST_FIRST
    list_display = ["bundle", "number", "additions_included", "created_at"]
    list_filter = ["additions_included", "created_at"]
    list_select_related = ["bundle"]
    search_fields = ["bundle__title", "bundle__slug"]
    inlines = [EntryInline]
    list_per_page = 50
