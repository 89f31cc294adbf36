"""One's own profile."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def profile(request: HttpRequest) -> HttpResponse:
    """Who one is to the site, and where the rest of the account lives."""
    return render(request, "users/profile.html")


def update_profile(request: HttpRequest) -> HttpResponse:
    """Change one's name and, for instructors, headline and bio."""
    return render(request, "users/update_profile.html")


def update_photo(request: HttpRequest) -> HttpResponse:
    """Change one's photo."""
    return render(request, "users/update_photo.html")
