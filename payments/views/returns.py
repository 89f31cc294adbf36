"""Coming back from the gateway. The browser's word counts for nothing here; the signature and the gateway's do."""

import json
import logging
import uuid

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from payments.checkout import confirm_now_and_then
from payments.confirmation import confirm_payment
from payments.models import Order, Payment
from payments.razorpay import GatewayError, verify_return_signature
from users.requests import UserRequest

logger = logging.getLogger(__name__)


class SeeOther(HttpResponseRedirect):
    """303: whatever the method was, go on with GET."""

    status_code = 303


@csrf_exempt  # It comes from the gateway's site, so without our cookies; the signature stands in for them.
@login_not_required
@require_POST
def callback(request: HttpRequest) -> HttpResponse:
    """Success as Razorpay posts it, or `error[…]`: 303 to the order or to /paymentfail; 400 if it is not genuine."""
    if any(name.startswith("error[") for name in request.POST):
        return _returned_with_failure(request.POST.get("error[metadata]", ""))
    order_id, payment_id = request.POST.get("razorpay_order_id", ""), request.POST.get("razorpay_payment_id", "")
    if not verify_return_signature(order_id, payment_id, request.POST.get("razorpay_signature", "")):
        logger.warning("A return for gateway order %.40r was not signed by the gateway.", order_id)
        return render(request, "payments/callback_refused.html", status=400)
    return _returned_with_payment(get_object_or_404(Order, gateway_order_id=order_id), payment_id)


def _returned_with_payment(order: Order, payment_id: str) -> HttpResponse:
    Order.objects.unpaid().filter(pk=order.pk).update(returned_at=timezone.now())
    try:
        confirm_payment(payment_id)
    except GatewayError as error:
        logger.warning("Payment %s of order %s is not confirmed yet: %s", payment_id, order.pk, error)
    return SeeOther(order.get_absolute_url())


def _returned_with_failure(metadata: str) -> HttpResponse:
    """Unsigned, so it only makes us ask the gateway, and not too often."""
    order = Order.objects.filter(gateway_order_id=_order_id_in(metadata)).first()
    if order is None:
        return SeeOther(reverse("payments:payment_fail"))
    try:
        confirm_now_and_then(order, every_seconds=2)
    except GatewayError as error:
        logger.warning("The failed payment of order %s is not recorded yet: %s", order.pk, error)
    return SeeOther(f"{reverse('payments:payment_fail')}?{urlencode({'order': str(order.pk)})}")


def _order_id_in(metadata: str) -> str:
    """The gateway's order id from `{"payment_id": …, "order_id": …}`, or an empty text."""
    try:
        return str(json.loads(metadata)["order_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


@require_safe
def payment_success(request: UserRequest) -> HttpResponse:
    """What we know of the payment `?reference=`, for the person who made it; 404 for everybody else."""
    reference = request.GET.get("reference", "")
    mine = Payment.objects.filter(order__user=request.user, gateway_payment_id=reference).select_related("order")
    payment = mine.first()
    context = {"order": payment.order if payment else None}
    return render(request, "payments/payment_success.html", context, status=200 if payment else 404)


@require_safe
def payment_fail(request: UserRequest) -> HttpResponse:
    """What became of the order `?order=`, for its owner; without one of theirs, only what to do next."""
    try:
        order_id = uuid.UUID(request.GET.get("order", ""))
    except ValueError:
        order_id = None
    order = Order.objects.filter(user=request.user, pk=order_id).first() if order_id else None
    return render(request, "payments/payment_fail.html", {"order": order})
