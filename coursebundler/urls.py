"""Every address of the site, by app."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("users.account_urls")),
    path("", include("users.urls")),
    path("", include("courses.urls")),
    path("", include("payments.urls")),
]
