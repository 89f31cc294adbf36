"""Buying a course or a bundle: what it costs this person, then over to the gateway's page."""

import logging
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from courses.models import Course
from payments import pricing, razorpay
from payments.billing_form import BillingForm
from payments.checkout import open_at_gateway
from payments.models import Bundle, Coupon, CouponError, Order, RefundPolicy
from payments.pricing import Quote
from payments.razorpay import GatewayError
from users.requests import UserRequest

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: UserRequest, slug: str) -> HttpResponse:
    course = get_object_or_404(Course.objects.published().select_related("instructor"), slug=slug)
    return redirect(course) if course.is_free else sell(request, course)


@require_http_methods(["GET", "HEAD", "POST"])
def bundle_checkout(request: UserRequest, slug: str) -> HttpResponse:
    return sell(request, get_object_or_404(Bundle.objects.published(), slug=slug))


def sell(
    request: UserRequest, product: Course | Bundle, *, seat_count: int = 0, fields: forms.Form | None = None
) -> HttpResponse:
    """GET shows what is bought. POST opens the order and shows the form that leads to the gateway; safe to repeat.

    With `seat_count` it is for others. `fields` is a form that goes into the page; its `terms` are columns of the
    order. A POST with `apply` only looks at the price with a coupon. 400: something is filled in wrongly. 409: it costs
    something else now, or the coupon's last place has just gone; nothing was ordered.
    """
    code = (request.POST if request.method == "POST" else request.GET).get("coupon", "").strip()
    coupon, coupon_error = _find_coupon(request, product, code, seat_count)
    quote = pricing.quote(request.user, product, coupon, seat_count=seat_count)
    if not quote.lines:
        messages.info(
            request, "You already have everything in this bundle." if quote.edition else "You already have this course."
        )
        return redirect(product)
    page: dict[str, Any] = {
        "product": product,
        "quote": quote,
        "policy": RefundPolicy.objects.current(),
        "fields": fields,
        "billing": BillingForm(request.POST if request.method == "POST" else None, user=request.user),
        "coupon_code": code[:30],
        "coupon_error": coupon_error,
    }
    if request.method != "POST" or "apply" in request.POST:
        return _summary(request, page, status=400 if coupon_error else 200)
    if coupon_error or not all(form.is_valid() for form in (fields, page["billing"]) if form):
        return _summary(request, page, status=400)
    if not _is_what_was_shown(request, page):
        return _summary(request, page | {"has_new_price": True}, status=409)
    terms = quote.terms | {"refund_policy": page["policy"], "billing": page["billing"].billing}
    terms |= fields.terms if fields else {}  # type: ignore[attr-defined]
    try:
        order = Order.objects.open_for(request.user, quote.product_key, quote.lines, **terms)
    except CouponError as error:
        return _summary(request, page | {"coupon_error": str(error)}, status=409)
    return pay(request, order, product)


def _find_coupon(
    request: UserRequest, product: Course | Bundle, code: str, seat_count: int
) -> tuple[Coupon | None, str]:
    """(the coupon, nothing) or (None, what is wrong with it)."""
    if not code:
        return None, ""
    try:
        coupon = Coupon.objects.named(code)
        coupon.check_for(request.user, product, pricing.product_key(product, seat_count=seat_count))
    except CouponError as error:
        return None, str(error)
    return coupon, ""


def _is_what_was_shown(request: UserRequest, page: dict[str, Any]) -> bool:
    """Nobody pays another sum, gets other courses or has other terms than they saw."""
    quote: Quote = page["quote"]
    now = {
        "amount_paise": str(quote.amount_paise),
        "edition": str(quote.edition.number) if quote.edition else "",
        "policy": str(page["policy"].version),
    }
    must_match = {"amount_paise"} | (now.keys() & request.POST.keys())
    return all(request.POST.get(name) == now[name] for name in must_match)


def _summary(request: UserRequest, page: dict[str, Any], *, status: int) -> HttpResponse:
    return render(request, "payments/checkout.html", page, status=status)


def pay(request: UserRequest, order: Order, product: Course | Bundle) -> HttpResponse:
    """The form that leads to the gateway; for an order that is paid or costs nothing, its page."""
    try:
        open_at_gateway(order)
    except GatewayError as error:
        logger.error("Order %s cannot be opened at the gateway: %s", order.pk, error)
        return render(request, "payments/checkout_gateway_down.html", {"order": order, "product": product}, status=503)
    if order.status != Order.Status.CREATED:
        return redirect(order)
    fields = razorpay.checkout_fields(
        order,
        description=product.title,
        callback_url=request.build_absolute_uri(reverse("payments:callback")),
        cancel_url=request.build_absolute_uri(order.get_absolute_url()),
    )
    return render(
        request,
        "payments/checkout_pay.html",
        {"order": order, "gateway_url": razorpay.checkout_url(), "fields": fields},
    )
