"""Types of requests, for the type checker."""

from django.http import HttpRequest

from users.models import User


class UserRequest(HttpRequest):
    """A request to a view that requires a login: LoginRequiredMiddleware has seen to it that there is a user."""

    user: User
