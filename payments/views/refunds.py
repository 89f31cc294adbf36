"""The refund policy, and the refund calculator of a student's own order."""

import logging
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from coursebundler.formatting import rupees
from payments import refund_settling, refunds
from payments.models import Order, Refund, RefundPolicy
from payments.razorpay import GatewayError
from payments.refund_forms import RefundForm, selected
from payments.refund_rules import Share, calculate, needs_approval, policy_of, why_not_at_all
from payments.refunds import RefundRefused
from users.requests import UserRequest

logger = logging.getLogger(__name__)


@login_not_required
@require_safe
def refund_policy(request: HttpRequest, version: int | None = None) -> HttpResponse:
    """The newest version, or the one in the address: orders keep the one that they were sold under."""
    current = RefundPolicy.objects.current()
    policy = get_object_or_404(RefundPolicy, version=version) if version else current
    return render(request, "payments/refund_policy.html", {"policy": policy, "current": current})


@require_http_methods(["GET", "HEAD", "POST"])
def order_refund(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """GET shows what would come back, and why the rest would not. POST asks for it; a second time it is refused."""
    order = get_object_or_404(Order.objects.select_related("refund_policy", "user"), pk=order_id, user=request.user)
    shares = calculate(order)
    if request.method != "POST":
        return _page(request, order, shares, selected(shares, request.GET))
    form = RefundForm(shares, request.POST)
    if form.is_valid():
        try:
            refund = refunds.request_refund(
                order, [share.line for share in form.chosen], form.cleaned_data["reason"], request.user
            )
        except RefundRefused as error:
            form.add_error(None, str(error))
        else:
            _send_and_tell(request, refund)
            return redirect(order)
    shares = calculate(order)
    chosen = {share.line.pk for share in form.chosen}
    still = [share for share in shares if share.line.pk in chosen and not share.reason]
    return _page(request, order, shares, still, form)


def _page(
    request: UserRequest, order: Order, shares: list[Share], chosen: list[Share], form: RefundForm | None = None
) -> HttpResponse:
    sum_paise = sum(share.amount_paise for share in chosen)
    context = {
        "order": order,
        "policy": policy_of(order),
        "why_not": why_not_at_all(order),
        "shares": shares,
        "chosen": {share.line.pk for share in chosen},
        "can_choose": sum(not share.reason for share in shares) > 1,
        "sum_paise": sum_paise,
        "needs_approval": needs_approval(order, sum_paise),
        "form": form,
    }
    return render(request, "payments/order_refund.html", context, status=409 if form else 200)


def _send_and_tell(request: UserRequest, refund: Refund) -> None:
    amount = rupees(refund.amount_paise)
    if refund.status == Refund.Status.WAITING:
        messages.info(request, f"Your refund of {amount} is noted. A second person looks at sums of this size first.")
        return
    try:
        refunds.send(refund)
    except GatewayError as error:
        logger.warning("Refund %s is not sent yet: %s", refund.pk, error)
        messages.info(request, f"Your refund of {amount} is noted, and goes to Razorpay as soon as it can be reached.")
    else:
        messages.success(request, f"Your refund of {amount} is on its way.")


def ask_about_refunds(order: Order) -> None:
    """So that a lost webhook about a refund delays the page by a minute only."""
    is_open = order.refunds.filter(status=Refund.Status.SENT).exists()
    if not is_open or not cache.add(f"refunds-asked:{order.pk}", 1, 60):
        return
    try:
        refund_settling.confirm_refunds(order)
    except GatewayError as error:
        logger.warning("The refunds of order %s are not confirmed yet: %s", order.pk, error)
