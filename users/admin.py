"""People and groups in the admin. The last administrator can be neither removed nor demoted, by nobody."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from import_export.resources import ModelResource

from coursebundler.atomic_admin import AtomicMixin
from coursebundler.db import atomic
from coursebundler.exports import ExportMixin
from users.models import User

LAST_ADMINISTRATOR = "This would leave the site without an administrator. Make somebody else one first."

# One way in, with rate limits and a verified address: the admin's own login form has neither.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "CourseBundler"
admin.site.index_title = "Administration"


class LastAdministrator(Exception):
    """Raised inside `atomic` to undo what would have removed the last administrator."""


class UserCreateForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "name"]


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, Any] = {}

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        stays = all(data.get(name, getattr(self.instance, name)) for name in ("is_superuser", "is_active"))
        others = User.objects.administrators().exclude(pk=self.instance.pk)
        if self.instance.is_superuser and self.instance.is_active and not stays and not others.exists():
            raise ValidationError(LAST_ADMINISTRATOR)
        return data


class UserResource(ModelResource):
    """What an export holds: never the password's hash."""

    class Meta:
        model = User
        fields = ["id", "email", "name", "is_staff", "is_superuser", "is_active", "date_joined", "last_login"]
        export_order = fields


@admin.register(User)
class UserAdmin(ExportMixin, AtomicMixin, DjangoUserAdmin):
    add_form = UserCreateForm
    form = UserForm
    resource_classes = [UserResource]
    actions = ["delete_selected"]
    list_display = ["email", "name", "is_staff", "is_active", "date_joined", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active", "groups", "date_joined"]
    search_fields = ["email", "name"]
    ordering = ["-date_joined"]
    date_hierarchy = "date_joined"
    readonly_fields = ["photo_key", "date_joined", "last_login"]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        ("Person", {"fields": ["name", "headline", "bio", "photo_key"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only administrators hand out rights; others could make themselves one."""
        rights = ["is_staff", "is_superuser", "groups", "user_permissions"]
        return [*self.readonly_fields, *([] if request.user.is_superuser else rights)]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, obj: User | None) -> bool:
        """Only administrators change administrators; others could set their password and log in as one."""
        return request.user.is_superuser or obj is None or not obj.is_superuser

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            # What the old address proved is void; the new one is proved by code at the next login.
            obj.emailaddress_set.all().delete()
            obj.emailaddress_set.create(email=obj.email, primary=True, verified=False)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            with atomic():
                return super().delete_view(request, object_id, extra_context)
        except LastAdministrator:
            messages.error(request, LAST_ADMINISTRATOR)
            return HttpResponseRedirect(reverse("admin:users_user_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        super().delete_model(request, obj)
        self._require_administrator()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        super().delete_queryset(request, queryset)
        self._require_administrator()

    def _require_administrator(self) -> None:
        """Counted after the deletion and inside its transaction, so two administrators cannot remove each other."""
        if not User.objects.administrators().exists():
            raise LastAdministrator

    @admin.action(permissions=["delete"], description="Delete selected users")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """In place of the action of the same name that the admin brings."""
        try:
            with atomic():
                return delete_selected(self, request, queryset)
        except LastAdministrator:
            messages.error(request, LAST_ADMINISTRATOR)
            return None
