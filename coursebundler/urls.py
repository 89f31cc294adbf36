"""Every address of the site, by app."""

from django.conf import settings
from django.contrib import admin
from django.contrib.contenttypes.views import shortcut
from django.http import Http404
from django.urls import include, path, re_path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

from coursebundler.api import api, api_not_found

api.add_router("", "users.api.router")
api.add_router("", "courses.api.router")
api.add_router("", "payments.api.router")
api.add_router("", "payments.refund_api.router")

handler500 = "coursebundler.outage.server_error"
urlpatterns = [
    path("api/v1/", api.urls),
    path("api/v1/<path:rest>", api_not_found),
    path("", include("users.account_urls")),
    path("", include("users.urls")),
    path("", include("courses.urls")),
    # The predecessor's admin pages, at Django's.
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/dashboard", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/courses", RedirectView.as_view(pattern_name="admin:courses_course_changelist")),
    path("admin/users", RedirectView.as_view(pattern_name="admin:users_user_changelist")),
    # “View on site”; the admin's own would look a row up by whatever is in the address, and crash.
    path("admin/r/<uuid:content_type_id>/<uuid:object_id>/", admin.site.admin_view(shortcut)),
    re_path("^admin/r/", page_not_found, {"exception": Http404()}),
    # After /admin/createcourse, which the admin would answer with 404.
    path("admin/", admin.site.urls),
    path("", include("payments.urls")),
]
if settings.DEV_MAIL:
    urlpatterns.append(path("dev/mail", include("coursebundler.devmail")))
