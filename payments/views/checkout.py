"""Buying one course: what it costs, then over to the gateway's page."""

import logging

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from courses.access import explain_access
from courses.models import Course
from payments import razorpay
from payments.checkout import open_at_gateway
from payments.models import Order, OrderLine
from payments.razorpay import GatewayError
from users.requests import UserRequest

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: UserRequest, slug: str) -> HttpResponse:
    """GET shows what is bought. POST opens the order and shows the form that leads to the gateway; safe to repeat."""
    course = get_object_or_404(Course.objects.published().select_related("instructor"), slug=slug)
    if explain_access(request.user, course).is_allowed:
        messages.info(request, "You already have this course.")
        return redirect(course)
    if course.is_free:
        return redirect(course)
    lines = [OrderLine.for_course(course)]
    if request.method != "POST":
        return _summary(request, course, lines)
    if request.POST.get("amount_paise") != str(course.price_paise):
        return _summary(request, course, lines, has_new_price=True)
    return _pay(request, Order.objects.open_for(request.user, f"course:{course.pk}", lines), course)


def _summary(
    request: UserRequest, course: Course, lines: list[OrderLine], *, has_new_price: bool = False
) -> HttpResponse:
    total_paise = sum(line.amount_paise for line in lines)
    context = {"course": course, "lines": lines, "total_paise": total_paise, "has_new_price": has_new_price}
    return render(request, "payments/checkout.html", context, status=409 if has_new_price else 200)


def _pay(request: UserRequest, order: Order, course: Course) -> HttpResponse:
    try:
        open_at_gateway(order)
    except GatewayError as error:
        logger.error("Order %s cannot be opened at the gateway: %s", order.pk, error)
        return render(request, "payments/checkout_gateway_down.html", {"order": order, "course": course}, status=503)
    if order.status != Order.Status.CREATED:
        return redirect(order)
    fields = razorpay.checkout_fields(
        order,
        description=course.title,
        callback_url=request.build_absolute_uri(reverse("payments:callback")),
        cancel_url=request.build_absolute_uri(order.get_absolute_url()),
    )
    return render(
        request,
        "payments/checkout_pay.html",
        {"order": order, "gateway_url": razorpay.checkout_url(), "fields": fields},
    )
