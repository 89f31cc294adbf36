"""Forms whose answers arrive as mail at settings.CONTACT_EMAIL."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def contact(request: HttpRequest) -> HttpResponse:
    """Write to the school."""
    return render(request, "users/contact.html")


@login_not_required
def course_request(request: HttpRequest) -> HttpResponse:
    """Ask for a course that the school does not have yet."""
    return render(request, "users/course_request.html")
