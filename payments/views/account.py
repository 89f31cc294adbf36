"""Leaving for good."""

import logging
from smtplib import SMTPException

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from payments import leaving
from payments.models import Subscription
from payments.razorpay import GatewayError
from payments.subscribing import NotNow
from users.account_forms import DeleteAccountForm
from users.admin import LAST_ADMINISTRATOR, LastAdministrator
from users.emails import send_account_deleted
from users.requests import UserRequest

logger = logging.getLogger(__name__)

STILL_RUNS = (
    "Razorpay does not answer, so we cannot be sure that your subscription is not charged again. Nothing was deleted. "
    "Please try again in some minutes."
)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: UserRequest) -> HttpResponse:
    """GET says what goes and what stays. POST, with the password and the address typed out, deletes."""
    if reason := leaving.refusal(request.user):
        return _page(request, None, 409 if request.method == "POST" else 200, reason)
    if request.method == "POST" and not ratelimit.consume(request, action="reauthenticate", user=request.user):
        return _page(request, None, 429, "Too many attempts. Please wait a few minutes and try again.")
    form = DeleteAccountForm(request.POST if request.method == "POST" else None, user=request.user)
    if not form.is_valid():
        return _page(request, form, 400 if form.errors else 200)
    try:
        leaving.close_account(request.user)
    except GatewayError as error:
        logger.error("Account %s is not deleted: %s", request.user.pk, error)
        return _page(request, form, 503, STILL_RUNS)
    except NotNow as error:
        return _page(request, form, 409, str(error))
    except LastAdministrator:
        return _page(request, form, 409, LAST_ADMINISTRATOR)
    return _gone(request, form.user_email)


def _page(request: UserRequest, form: DeleteAccountForm | None, status: int, problem: str = "") -> HttpResponse:
    live = Subscription.objects.live_of(request.user)
    context = {"form": form, "problem": problem, "live": live}
    return render(request, "payments/delete_account.html", context, status=status)


def _gone(request: UserRequest, email: str) -> HttpResponse:
    logout(request)
    try:
        send_account_deleted(email)
    except (OSError, SMTPException):
        logger.exception("The mail about a deleted account was not sent.")
    messages.success(request, "Your account is deleted. Thank you for having been here.")
    return redirect("courses:home")
