"""A student's own orders."""

import logging
import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from courses.views.catalogue import page_of
from payments.checkout import confirm_now_and_then
from payments.models import Order, Refund
from payments.razorpay import GatewayError
from payments.views.refunds import ask_about_refunds
from users.requests import UserRequest

logger = logging.getLogger(__name__)


@require_safe
def order_list(request: UserRequest) -> HttpResponse:
    orders = Order.objects.filter(user=request.user)
    page = page_of(orders, request.GET.get("page", "1"), orders.count())
    refunds = Refund.objects.filter(order__in=list(page), status=Refund.Status.PROCESSED)
    context = {"page": page, "refunded": set(refunds.order_by().values_list("order_id", flat=True))}
    return render(request, "payments/order_list.html", context)


@require_safe
def order_detail(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    order = get_object_or_404(Order, pk=order_id, user=request.user)
    _confirm_while_waiting(order)
    ask_about_refunds(order)
    return render(
        request, "payments/order_detail.html", {"order": order, "lines": order.lines.select_related("course")}
    )


@require_safe
def order_status(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """The piece of the order page that says how it stands; the page asks for it while we are confirming."""
    order = get_object_or_404(Order, pk=order_id, user=request.user)
    _confirm_while_waiting(order)
    return render(request, "payments/_order_status.html", {"order": order})


@require_POST
def order_check(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """“Check my payment”: ask the gateway now. Safe to press any number of times."""
    order = get_object_or_404(Order, pk=order_id, user=request.user)
    try:
        confirm_now_and_then(order, every_seconds=2)
    except GatewayError as error:
        logger.warning("Order %s could not be checked: %s", order.pk, error)
        messages.error(request, "Razorpay does not answer at the moment. Your order is safe; please try again soon.")
    else:
        messages.info(request, "We have asked Razorpay. This page shows what it said.")
    return redirect(order)


def _confirm_while_waiting(order: Order) -> None:
    """So that a lost webhook delays the student by seconds only."""
    if order.state != "confirming":
        return
    try:
        confirm_now_and_then(order, every_seconds=10)
    except GatewayError as error:
        logger.warning("Order %s is not confirmed yet: %s", order.pk, error)
