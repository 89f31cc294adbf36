"""Subscribing to a plan, and one's own subscription: how it stands, paying, cancelling, pausing, resuming."""

import logging
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.models import Course
from payments import razorpay, subscribing
from payments import razorpay_subscriptions as gateway
from payments.billing_form import BillingForm
from payments.models import Plan, RefundPolicy, Subscription
from payments.razorpay import GatewayError
from payments.subscribing import NotNow
from payments.subscriptions import grace_ends_at, sync
from payments.views.returns import SeeOther
from users.models import User
from users.requests import UserRequest

logger = logging.getLogger(__name__)

Status = Subscription.Status
NO_ANSWER = "Razorpay does not answer at the moment, so nothing was changed. Please try again soon."


class CancelForm(forms.Form):
    when = forms.ChoiceField(
        label="When shall it end?",
        choices=[
            ("later", "At the end of what I have paid for"),
            ("now", "Now; I give up the rest of it"),
        ],
        widget=forms.RadioSelect,
        initial="later",
        error_messages={
            "required": "Please say when it shall end.",
            "invalid_choice": "Please choose one of the two.",
        },
    )


# --- Subscribing ---
@login_not_required
@require_safe
def subscribe(request: HttpRequest) -> HttpResponse:
    """The plans, what a year saves, and whether the visitor can have one."""
    user = request.user if isinstance(request.user, User) else None
    context = {
        "plans": _with_savings(list(Plan.objects.filter(is_offered=True))),
        "course_count": Course.objects.published().count(),
        "reason": subscribing.refusal(user) if user else "",
        "live": Subscription.objects.live_of(user) if user else None,
    }
    return render(request, "payments/subscribe.html", context)


def _with_savings(plans: list[Plan]) -> list[tuple[Plan, int]]:
    """Each plan with the paise that it saves in a year beside the cheapest one by the month; 0 if nothing."""
    monthly = [plan.price_per_year_paise for plan in plans if plan.period == Plan.Period.MONTHLY]
    return [
        (plan, max(0, min(monthly, default=0) - plan.price_paise) if plan.period == Plan.Period.YEARLY else 0)
        for plan in plans
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def subscribe_to(request: UserRequest, slug: str) -> HttpResponse:
    """GET shows what will be charged and when. POST leads to the gateway; safe to repeat. 409 with the reason if the
    person cannot have it, or if the price is not the one they saw."""
    plan = get_object_or_404(Plan, slug=slug, is_offered=True)
    if request.method != "POST":
        reason = subscribing.refusal(request.user)
        return _refused(request, plan, reason) if reason else _terms(request, plan)
    if request.POST.get("price_paise") != str(plan.price_paise):
        return _terms(request, plan, has_new_price=True)
    form = BillingForm(request.POST, user=request.user)
    if not form.is_valid():
        return _terms(request, plan, form)
    try:
        return _pay(request, subscribing.open_for(request.user, plan, form.billing))
    except NotNow as error:
        return _refused(request, plan, str(error))
    except GatewayError as error:
        logger.error("User %s cannot subscribe to plan %s: %s", request.user.pk, plan.pk, error)
        return render(request, "payments/subscribe_to_gateway_down.html", {"plan": plan}, status=503)


def _terms(
    request: UserRequest, plan: Plan, form: BillingForm | None = None, *, has_new_price: bool = False
) -> HttpResponse:
    context = {
        "billing": form or BillingForm(user=request.user),
        "plan": plan,
        "course_count": Course.objects.published().count(),
        "policy": RefundPolicy.objects.current(),
        "has_new_price": has_new_price,
    }
    status = 409 if has_new_price else 400 if form else 200
    return render(request, "payments/subscribe_to.html", context, status=status)


def _refused(request: UserRequest, plan: Plan, reason: str) -> HttpResponse:
    context = {"plan": plan, "reason": reason, "live": Subscription.objects.live_of(request.user)}
    return render(request, "payments/subscribe_to_refused.html", context, status=409)


def _pay(request: UserRequest, subscription: Subscription) -> HttpResponse:
    """The form that leads to the gateway."""
    fields = gateway.checkout_fields(
        subscription,
        callback_url=request.build_absolute_uri(reverse("payments:subscription_callback")),
        cancel_url=request.build_absolute_uri(reverse("payments:subscription_detail")),
    )
    context = {"subscription": subscription, "gateway_url": razorpay.checkout_url(), "fields": fields}
    return render(request, "payments/subscribe_to_pay.html", context)


@csrf_exempt  # It comes from the gateway's site, so without our cookies; the signature stands in for them.
@login_not_required
@require_POST
def subscription_callback(request: HttpRequest) -> HttpResponse:
    """Success as Razorpay posts it, or `error[…]`: 303 to the subscription's page, which says how it stands; 400 if it
    is not genuine."""
    if any(name.startswith("error[") for name in request.POST):
        return SeeOther(reverse("payments:subscription_detail"))
    payment_id, subscription_id = (request.POST.get(f"razorpay_{name}_id", "") for name in ("payment", "subscription"))
    if not gateway.verify_return_signature(payment_id, subscription_id, request.POST.get("razorpay_signature", "")):
        logger.warning("A return for subscription %.40r was not signed by the gateway.", subscription_id)
        return render(request, "payments/callback_refused.html", status=400)
    subscription = get_object_or_404(
        Subscription.objects.select_related("plan", "user"), gateway_subscription_id=subscription_id
    )
    Subscription.objects.unended().filter(pk=subscription.pk).update(returned_at=timezone.now())
    try:
        sync(subscription)
    except GatewayError as error:
        logger.warning("Payment %s of subscription %s is not confirmed yet: %s", payment_id, subscription.pk, error)
    return SeeOther(reverse("payments:subscription_detail"))


# --- One's own ---
@require_safe
def subscription_detail(request: UserRequest) -> HttpResponse:
    """The newest subscription: how it stands, what was charged, what can be done with it."""
    subscription = _newest(request)
    if subscription is None:
        return render(request, "payments/subscription_detail_none.html")
    _sync_while_waiting(subscription)
    context = _context(subscription) | {
        "charges": subscription.orders.paid()[:12],
        "has_earlier": request.user.subscriptions.exclude(pk=subscription.pk).exists(),
    }
    return render(request, "payments/subscription_detail.html", context)


@require_safe
def subscription_status(request: UserRequest) -> HttpResponse:
    """The piece of the page that says how it stands, while we are confirming; then the whole page comes again."""
    subscription = _newest(request)
    if subscription is None:
        raise Http404
    _sync_while_waiting(subscription)
    response = render(request, "payments/_subscription_status.html", _context(subscription))
    if subscription.state != "confirming":
        response["HX-Refresh"] = "true"
    return response


@require_POST
def subscription_check(request: UserRequest) -> HttpResponse:
    """“Check with Razorpay”: ask the gateway now. Safe to press any number of times."""
    subscription = _newest(request)
    try:
        if subscription and _may_ask(subscription, every_seconds=2):
            sync(subscription)
    except GatewayError as error:
        logger.warning("A subscription could not be checked: %s", error)
        messages.error(request, "Razorpay does not answer at the moment. Please try again soon.")
    else:
        messages.info(request, "We have asked Razorpay. This page shows what it said.")
    return redirect("payments:subscription_detail")


@require_POST
def subscription_pay(request: UserRequest) -> HttpResponse:
    """Over to the gateway to pay what is pending, with another card or UPI."""
    subscription = _live_or_404(request)
    try:
        sync(subscription)
    except GatewayError as error:
        logger.warning("Subscription %s cannot be paid now: %s", subscription.pk, error)
        messages.error(request, NO_ANSWER)
        return redirect("payments:subscription_detail")
    if subscription.status != Status.PENDING:
        messages.info(request, "There is nothing to pay at the moment.")
        return redirect("payments:subscription_detail")
    return _pay(request, subscription)


@require_http_methods(["GET", "HEAD", "POST"])
def subscription_cancel(request: UserRequest) -> HttpResponse:
    """GET asks when it shall end. POST cancels at the gateway; safe to repeat."""
    subscription = _live_or_404(request)
    has_choice = subscription.status == Status.ACTIVE and subscription.is_paid_now
    form = CancelForm(request.POST if request.method == "POST" else None) if has_choice else None
    if request.method == "POST" and (form is None or form.is_valid()):
        is_now = form is not None and form.cleaned_data["when"] == "now"
        return _change(request, lambda: subscribing.cancel(subscription, now=is_now), "Nothing more is charged.")
    context = _context(subscription) | {"form": form}
    return render(request, "payments/subscription_cancel.html", context, status=400 if form and form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def subscription_pause(request: UserRequest) -> HttpResponse:
    """GET says what a pause means. POST pauses at the gateway; safe to repeat."""
    subscription = _live_or_404(request)
    if request.method == "POST":
        return _change(request, lambda: subscribing.pause(subscription), "Your subscription is paused.")
    return render(request, "payments/subscription_pause.html", _context(subscription))


@require_http_methods(["GET", "HEAD", "POST"])
def subscription_resume(request: UserRequest) -> HttpResponse:
    """GET says when is charged next. POST resumes at the gateway; safe to repeat."""
    subscription = _live_or_404(request)
    if request.method == "POST":
        return _change(request, lambda: subscribing.resume(subscription), "Your subscription goes on.")
    return render(request, "payments/subscription_resume.html", _context(subscription))


def _change(request: UserRequest, change: Callable[[], None], done: str) -> HttpResponse:
    try:
        change()
    except NotNow as error:
        messages.error(request, str(error))
    except GatewayError as error:
        logger.error("The subscription of user %s could not be changed: %s", request.user.pk, error)
        messages.error(request, NO_ANSWER)
    else:
        messages.success(request, done)
    return redirect("payments:subscription_detail")


def _newest(request: UserRequest) -> Subscription | None:
    """The one that runs; else the last one that was ever paid, or the last one."""
    mine = Subscription.objects.filter(user=request.user).select_related("plan", "user")
    return (
        mine.filter(live_key=str(request.user.pk)).first()
        or mine.filter(period_ends_at__isnull=False).first()
        or mine.first()
    )


def _live_or_404(request: UserRequest) -> Subscription:
    return get_object_or_404(Subscription.objects.select_related("plan", "user"), live_key=str(request.user.pk))


def _context(subscription: Subscription) -> dict[str, Any]:
    return {"subscription": subscription, "plan": subscription.plan, "grace_ends_at": grace_ends_at(subscription)}


def _may_ask(subscription: Subscription, *, every_seconds: int) -> bool:
    """The button and the page have their own patience."""
    return cache.add(f"gateway-asked:{subscription.pk}:{every_seconds}", 1, every_seconds)


def _sync_while_waiting(subscription: Subscription) -> None:
    """So that a lost webhook delays the student by seconds only."""
    is_waiting = subscription.state == "confirming" or subscription.status == Status.PENDING
    if not is_waiting or not _may_ask(subscription, every_seconds=10):
        return
    try:
        sync(subscription)
    except GatewayError as error:
        logger.warning("Subscription %s is not confirmed yet: %s", subscription.pk, error)
