"""One function for each e-mail of ours about people. allauth's are templates in templates/account/email."""

from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


def send_contact_message(*, name: str, email: str, message: str) -> None:
    """To the school; an answer goes to who wrote. Raises what the mail server raises."""
    _send_to_school("contact", f"Message from {name}", name, email, message)


def send_course_request(*, name: str, email: str, course: str) -> None:
    """To the school; an answer goes to who asked. Raises what the mail server raises."""
    _send_to_school("course_request", f"Course request from {name}", name, email, course)


def send_account_deleted(email: str) -> None:
    """To somebody who has left, at the address that they had. Raises what the mail server raises."""
    message = EmailMultiAlternatives(
        subject="Your account is deleted",
        body=render_to_string("users/email/account_deleted.txt"),
        to=[email],
        reply_to=[settings.CONTACT_EMAIL],
    )
    message.attach_alternative(render_to_string("users/email/account_deleted.html"), "text/html")
    message.send()


def _send_to_school(template: str, subject: str, name: str, email: str, text: str) -> None:
    context = {"name": name, "email": email, "text": text, "site_url": settings.SITE_URL}
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"users/email/{template}.txt", context),
        to=[settings.CONTACT_EMAIL],
        reply_to=[formataddr((name, email))],
    )
    message.attach_alternative(render_to_string(f"users/email/{template}.html", context), "text/html")
    message.send()
