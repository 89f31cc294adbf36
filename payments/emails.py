"""One function for each e-mail about money."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from payments.models import Order, Refund, Seat, Subscription


def send_receipt(order: Order) -> None:
    """Tell the buyer what was paid and where to watch, unless they have left. Raises what the mail server raises."""
    if not order.user.is_active:
        return
    context = {"order": order, "lines": order.lines.select_related("course"), "site_url": settings.SITE_URL}
    message = EmailMultiAlternatives(
        subject=f"Your receipt for order {order.number}",
        body=render_to_string("payments/email/receipt.txt", context),
        to=[order.user.email],
    )
    message.attach_alternative(render_to_string("payments/email/receipt.html", context), "text/html")
    message.send()


def send_refund_processed(refund: Refund) -> None:
    """Tell the buyer that the money is on its way to them, and what closes. Raises what the mail server raises."""
    _send(refund.order, f"Your refund for order {refund.order.number}", "refund_processed", {"refund": refund})


def send_refund_declined(refund: Refund, reason: str) -> None:
    """Tell the buyer that staff said no, and why. Raises what the mail server raises."""
    context = {"refund": refund, "reason": reason}
    _send(refund.order, f"About your refund for order {refund.order.number}", "refund_declined", context)


def send_renewal_failed(subscription: Subscription) -> None:
    """Tell the subscriber how to pay after all, and until when. Raises what the mail server raises."""
    days = timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)
    context = {"ends_at": subscription.period_ends_at + days if subscription.period_ends_at else None}
    _send_about(subscription, "Your subscription could not be renewed", "renewal_failed", context)


def send_subscription_halted(subscription: Subscription) -> None:
    """Tell the subscriber that it is over and how to begin again. Raises what the mail server raises."""
    _send_about(subscription, "Your subscription has ended", "subscription_halted", {})


def send_subscription_cancelled(subscription: Subscription) -> None:
    """Tell the subscriber that nothing is charged any more. Raises what the mail server raises."""
    context = {"is_paid_now": subscription.is_paid_now}
    _send_about(subscription, "Your subscription is cancelled", "subscription_cancelled", context)


def send_seat(seat: Seat) -> None:
    """Give somebody the link of a gift or of a team seat. Raises what the mail server raises."""
    context = {"seat": seat, "order": seat.order, "lines": seat.lines.all(), "site_url": settings.SITE_URL}
    what = "has a gift for you" if seat.is_gift else "has a seat for you"
    message = EmailMultiAlternatives(
        subject=f"{seat.giver} {what}", body=render_to_string("payments/email/seat.txt", context), to=[seat.email]
    )
    message.attach_alternative(render_to_string("payments/email/seat.html", context), "text/html")
    message.send()


def _send_about(subscription: Subscription, subject: str, template: str, context: dict[str, Any]) -> None:
    context |= {"subscription": subscription, "site_url": settings.SITE_URL}
    body = render_to_string(f"payments/email/{template}.txt", context)
    message = EmailMultiAlternatives(subject=subject, body=body, to=[subscription.user.email])
    message.attach_alternative(render_to_string(f"payments/email/{template}.html", context), "text/html")
    message.send()


def _send(order: Order, subject: str, template: str, context: dict[str, Any]) -> None:
    """To the buyer, unless they have left."""
    if not order.user.is_active:
        return
    context |= {"order": order, "site_url": settings.SITE_URL}
    body = render_to_string(f"payments/email/{template}.txt", context)
    message = EmailMultiAlternatives(subject=subject, body=body, to=[order.user.email])
    message.attach_alternative(render_to_string(f"payments/email/{template}.html", context), "text/html")
    message.send()
