"""Deleting an account: nothing is charged any more, nothing tells who it was, and the books stay."""

from coursebundler.db import on_commit, run_in_transaction
from coursebundler.images import PHOTO_WIDTHS, delete_image
from coursebundler.logs import log_event
from courses.models import Course, Progress, Saved
from payments.models import Order, Subscription
from payments.subscribing import NotNow, end_all_of
from users.admin import LAST_ADMINISTRATOR, LastAdministrator
from users.models import User


def refusal(user: User) -> str:
    """Why this account cannot be deleted; an empty text if it can."""
    if user.is_superuser and not User.objects.administrators().exclude(pk=user.pk).exists():
        return LAST_ADMINISTRATOR
    if Course.objects.filter(instructor=user).exists():
        return "You teach courses here, and your name stands on them. Write to us, so that somebody takes them on."
    return ""


def close_account(user: User) -> None:
    """End what is charged at the gateway, and only then forget the person; orders and invoices stay, as the law wants.

    Raises GatewayError or NotNow if a subscription goes on, LastAdministrator; then nothing is deleted. Safe to repeat.
    """
    end_all_of(user)
    run_in_transaction(lambda: _forget(User.objects.get(pk=user.pk)))
    log_event("account_deleted", user=user.pk)


def _forget(user: User) -> None:
    if Subscription.objects.unended().filter(user=user).exists():
        raise NotNow("A subscription was begun at this moment. Please try again.")
    for order in Order.objects.unpaid().filter(user=user):
        order.cancel()
    for model in (Progress, Saved):
        model.objects.filter(user=user).delete()
    photo_key, was_administrator = user.photo_key, user.is_superuser
    user.anonymise()
    if was_administrator and not User.objects.administrators().exists():
        raise LastAdministrator
    if photo_key:
        on_commit(lambda: delete_image(photo_key, PHOTO_WIDTHS))
