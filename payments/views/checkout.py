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
    sale = Sale(request, product, seat_count, fields)
    if not sale.quote.lines:
        whole = "all of this bundle" if sale.quote.edition else "this course"
        messages.info(request, f"You already have {whole}.")
        return redirect(product)
    if request.method != "POST" or "apply" in request.POST:
        return sale.summary(status=400 if sale.coupon_error else 200)
    if not sale.is_valid():
        return sale.summary(status=400)
    if not sale.is_what_was_shown():
        return sale.summary(status=409, has_new_price=True)
    try:
        order = Order.objects.open_for(request.user, sale.quote.product_key, sale.quote.lines, **sale.terms)
    except CouponError as error:
        sale.coupon_error = str(error)
        return sale.summary(status=409)
    return pay(request, order, product)


class Sale:
    """What the page of a checkout is about: a product for somebody, at a price, on terms."""

    def __init__(
        self, request: UserRequest, product: Course | Bundle, seat_count: int, fields: forms.Form | None
    ) -> None:
        is_post = request.method == "POST"
        self.request, self.product, self.seat_count, self.fields = request, product, seat_count, fields
        self.billing = BillingForm(request.POST if is_post else None, user=request.user)
        self.policy = RefundPolicy.objects.current()
        self.coupon_code = (request.POST if is_post else request.GET).get("coupon", "").strip()
        self.coupon_error = ""
        self.quote = pricing.quote(request.user, product, self._find_coupon(), seat_count=seat_count)

    def _find_coupon(self) -> Coupon | None:
        """The coupon that was typed; if it is not good here, none, and `coupon_error` says why."""
        if not self.coupon_code:
            return None
        try:
            coupon = Coupon.objects.named(self.coupon_code)
            key = pricing.product_key(self.product, seat_count=self.seat_count)
            coupon.check_for(self.request.user, self.product, key)
        except CouponError as error:
            self.coupon_error = str(error)
            return None
        return coupon

    def is_valid(self) -> bool:
        forms_are_valid = [form.is_valid() for form in (self.fields, self.billing) if form]
        return all(forms_are_valid) and not self.coupon_error

    def is_what_was_shown(self) -> bool:
        """Nobody pays another sum, gets other courses or has other terms than they saw."""
        now = {
            "amount_paise": str(self.quote.amount_paise),
            "edition": str(self.quote.edition.number) if self.quote.edition else "",
            "policy": str(self.policy.version),
        }
        must_match = {"amount_paise"} | (now.keys() & self.request.POST.keys())
        return all(self.request.POST.get(name) == now[name] for name in must_match)

    @property
    def terms(self) -> dict[str, Any]:
        """Columns of the order, once everything is valid."""
        own = getattr(self.fields, "terms", {})
        return {**self.quote.terms, "refund_policy": self.policy, "billing": self.billing.billing, **own}

    def summary(self, *, status: int, has_new_price: bool = False) -> HttpResponse:
        context = {
            "product": self.product,
            "quote": self.quote,
            "policy": self.policy,
            "fields": self.fields,
            "billing": self.billing,
            "coupon_code": self.coupon_code[:30],
            "coupon_error": self.coupon_error,
            "has_new_price": has_new_price,
        }
        return render(self.request, "payments/checkout.html", context, status=status)


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
