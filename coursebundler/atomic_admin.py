"""A form of the admin is stored as a whole or not at all, on DocumentDB too: there Django's own transaction is none."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from coursebundler.db import atomic


class AtomicMixin:
    """Stands before ModelAdmin. What forms do with on_commit() then waits for the row on both engines."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        with atomic():
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().delete_view(request, *args, **kwargs)  # type: ignore[misc]
        with atomic():
            return super().delete_view(request, *args, **kwargs)  # type: ignore[misc]
