"""One function for each e-mail about money."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from payments.models import Order


def send_receipt(order: Order) -> None:
    """Tell the buyer what was paid and where to watch. Raises what the mail server raises."""
    context = {"order": order, "lines": order.lines.select_related("course"), "site_url": settings.SITE_URL}
    message = EmailMultiAlternatives(
        subject=f"Your receipt for order {order.number}",
        body=render_to_string("payments/email/receipt.txt", context),
        to=[order.user.email],
    )
    message.attach_alternative(render_to_string("payments/email/receipt.html", context), "text/html")
    message.send()
