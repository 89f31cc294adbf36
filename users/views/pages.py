"""Pages that say the same to everyone."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def about(request: HttpRequest) -> HttpResponse:
    """What the platform is, its terms, and how payments are secured."""
    return render(request, "users/about.html")
