"""Forms whose answers arrive as mail at settings.CONTACT_EMAIL."""

import logging
from collections.abc import Callable
from smtplib import SMTPException

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from users.emails import send_contact_message, send_course_request
from users.forms import ContactForm, CourseRequestForm, MailForm

logger = logging.getLogger(__name__)

MAILS_PER_HOUR = 5


@login_not_required
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Write to the school."""
    form = ContactForm(_posted(request), initial=_sender(request))
    if form.is_valid() and _send(request, form, send_contact_message):
        messages.success(request, "Thank you. Your message has arrived; we answer by e-mail.")
        return redirect("users:contact")
    return render(request, "users/contact.html", {"form": form}, status=400 if form.errors else 200)


@login_not_required
@require_http_methods(["GET", "POST"])
def course_request(request: HttpRequest) -> HttpResponse:
    """Ask for a course that the school does not have yet."""
    form = CourseRequestForm(_posted(request), initial=_sender(request))
    if form.is_valid() and _send(request, form, send_course_request):
        messages.success(request, "Thank you. We read every request, and write to you when there is such a course.")
        return redirect("users:course_request")
    return render(request, "users/course_request.html", {"form": form}, status=400 if form.errors else 200)


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _sender(request: HttpRequest) -> dict[str, str]:
    return {"name": request.user.name, "email": request.user.email} if request.user.is_authenticated else {}


def _send(request: HttpRequest, form: MailForm, send: Callable[..., None]) -> bool:
    """Whether the mail went out, or only seems so to a robot; if not, the form says why."""
    if form.is_from_robot:
        return True
    if _is_too_much(request):
        form.add_error(None, "You have sent several messages already. Please wait an hour before the next one.")
        return False
    try:
        send(**form.cleaned_data)
    except (OSError, SMTPException):
        logger.exception("A message to the school was not sent.")
        form.add_error(None, "We could not send your message just now. Please try again in a few minutes.")
        return False
    return True


def _is_too_much(request: HttpRequest) -> bool:
    """Counts messages by address, per hour and per process as long as the cache is the process's own."""
    key = f"mail-to-school:{get_adapter(request).get_client_ip(request)}"
    cache.add(key, 0, 3600)
    try:
        return cache.incr(key) > MAILS_PER_HOUR
    except ValueError:  # The hour ended between the two lines.
        return False
