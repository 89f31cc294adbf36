"""The page for the mailed code: allauth's, with a word to those who come too late."""

import time

from allauth.account import app_settings
from allauth.account.internal.flows.email_verification_by_code import EMAIL_VERIFICATION_CODE_SESSION_KEY
from allauth.account.views import email_verification_sent
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse


@login_not_required
def verify(request: HttpRequest) -> HttpResponse:
    """Without a code that is still good allauth leads to the login; say why."""
    state = request.session.get(EMAIL_VERIFICATION_CODE_SESSION_KEY)
    if state and time.time() - state["at"] > app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT:
        messages.info(request, "This code is too old. Log in, and we send you a new one.")
    return email_verification_sent(request)
