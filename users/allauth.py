"""Where allauth meets our user model, our mail and our addresses."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.urls import reverse

from coursebundler.db import on_commit, run_in_transaction
from users.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The e-mail address or the password is not right.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "incorrect_code": "This is not the code that we sent. Please check it.",
        "duplicate_email": "This is your address already.",
        "email_taken": "This address belongs to another account.",
        "too_many_login_attempts": "Too many attempts. Please wait five minutes and try again.",
        "rate_limited": "Please wait a moment before you ask for another code.",
    }

    def is_ajax(self, request: HttpRequest) -> bool:
        """Pages answer with pages, whatever the headers say; the API is at /api/v1."""
        return False

    def clean_email(self, email: str) -> str:
        if len(email) > 254:
            raise ValidationError("This e-mail address is too long.")
        return email

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Store what users.account_forms.SignupForm holds; it has hashed the password already."""
        user.email, user.name = form.cleaned_data["email"], form.cleaned_data["name"]
        user.password = form.password_hash
        user.save()
        return user

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        user.save(update_fields=["password"])

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """All of a change of address or nothing of it. False if somebody else confirmed the address first."""
        confirm_email = super().confirm_email
        try:
            return run_in_transaction(lambda: confirm_email(request, email_address))
        except IntegrityError:
            self.add_message(
                request,
                messages.ERROR,
                "account/messages/email_confirmation_failed.txt",
                {"email": email_address.email},
            )
            return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("users:profile")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """On SITE_URL, so that a forged Host header cannot choose where the key goes."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", key)

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """A message for the next page; the API says in its answers what there is to say."""
        if not request.path.startswith("/api/"):
            super().add_message(request, *args, **kwargs)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """After the change is stored: nothing slow inside a transaction, and no mail about what was rolled back."""
        request = self.request

        def send() -> None:
            with context.request_context(request):
                super(AccountAdapter, self).send_notification_mail(*args, **kwargs)

        on_commit(send)

    def send_mail(self, template_prefix: str, email: str, values: dict[str, Any]) -> None:
        """Send, or say that it did not work: a mail server that is away must not break the page."""
        try:
            super().send_mail(template_prefix, email, {"site_url": settings.SITE_URL} | values)
        except (OSError, SMTPException):
            logger.exception("Mail %s was not sent.", template_prefix)
            text = "We could not send you an e-mail just now. Please try again in a few minutes."
            self.add_message(self.request, messages.ERROR, message=text)
