"""Subscribing, and what the owner of a subscription can do with it: cancel, pause, resume.

Each of these asks the gateway first and then takes over what it says (payments/subscriptions.py). Everything is safe to
repeat and to race.
"""

import logging
from collections.abc import Callable

from django.db import IntegrityError
from django.utils import timezone
from django.utils.formats import date_format

from coursebundler.logs import log_event
from payments import entitlements
from payments import razorpay_subscriptions as gateway
from payments.models import Plan, Subscription
from payments.razorpay import GatewayRefused, GatewayUnknownId
from payments.razorpay_subscriptions import GatewaySubscription
from payments.subscriptions import lines_of, sync, tell
from users.models import User

logger = logging.getLogger(__name__)

Status = Subscription.Status
TRIES = 5
STAFF_REASON = (
    "Your account belongs to staff, and staff cannot buy a plan: what staff may watch is given to them in the admin. "
    "To try what students see, use an account of its own."
)


class NotNow(Exception):
    """It cannot be done in the subscription's present state; the text says why, for the person."""


def refusal(user: User) -> str:
    """Why `user` cannot subscribe now; an empty text if nothing is in the way."""
    if user.is_staff:
        return STAFF_REASON
    live = Subscription.objects.live_of(user)
    return _refusal_because_of(live) if live else ""


def _refusal_because_of(live: Subscription) -> str:
    if live.state == "confirming":
        return "We are still confirming your payment. Please wait some minutes before you try again."
    if live.status in (Status.CREATED, Status.HALTED):
        return ""  # the one waits to be paid, the other makes room for a new one
    if live.status == Status.PENDING:
        return f"The last payment of your subscription “{live.plan}” failed. Pay it, or cancel that subscription first."
    if live.status == Status.PAUSED:
        return f"Your subscription “{live.plan}” is paused. Resume it, or cancel it first."
    if live.ends_with_period and live.period_ends_at:
        until = date_format(live.period_ends_at, "j F Y")
        return f"Your subscription “{live.plan}” runs until {until}. After that you can choose again."
    return f"You have a subscription already: “{live.plan}”. Cancel it before you choose another plan."


def open_for(user: User, plan: Plan, billing: dict[str, str] | None = None) -> Subscription:
    """A subscription of `user` to `plan` that can be paid at the gateway: the one that waits, or a new one.

    Safe to repeat and to race: nobody ever has two (a database constraint), and a second gateway subscription that lost
    a race was never shown. One that waits on other terms, or that was halted, is cancelled at the gateway first. Raises
    NotNow, or GatewayError, after which a later try goes on.
    """
    if user.is_staff:
        raise NotNow(STAFF_REASON)
    for _ in range(TRIES):
        waiting = _waiting_one(user, plan) or _create_or_lose(user, plan)
        if waiting and _open_at_gateway(waiting):
            Subscription.objects.filter(pk=waiting.pk).update(billing=billing or {})
            return waiting
    raise NotNow("Something else happened to your subscription at the same moment. Please try again.")


def _waiting_one(user: User, plan: Plan) -> Subscription | None:
    """The one that can be paid already. What is in the way is ended, or the reason why it cannot be is raised."""
    live = Subscription.objects.live_of(user)
    if live is None:
        return None
    try:
        sync(live)
    except GatewayUnknownId:
        if live.status != Status.CREATED:
            raise
        logger.warning(
            "The gateway has forgotten %s; subscription %s is closed.", live.gateway_subscription_id, live.pk
        )
        _close(live, Status.EXPIRED)
    if live.has_ended:
        return None
    if reason := _refusal_because_of(live):
        raise NotNow(reason)
    if live.status == Status.CREATED and (live.plan_id, live.price_paise) == (plan.pk, plan.price_paise):
        return live
    end(live)
    return None


def _create_or_lose(user: User, plan: Plan) -> Subscription | None:
    """None if another request made one first."""
    try:
        return Subscription.objects.create(user=user, plan=plan, live_key=str(user.pk), price_paise=plan.price_paise)
    except IntegrityError:
        return None


def _open_at_gateway(subscription: Subscription) -> bool:
    """Give it a gateway subscription, or keep the one it has; the first id that is written stays. Says whether it can
    be paid now."""
    if not subscription.gateway_subscription_id:
        waiting = Subscription.objects.filter(
            pk=subscription.pk, status=Status.CREATED, gateway_subscription_id__isnull=True
        )
        waiting.update(gateway_subscription_id=_create_at_gateway(subscription))
        subscription.refresh_from_db()
    return subscription.status == Status.CREATED and bool(subscription.gateway_subscription_id)


def _create_at_gateway(subscription: Subscription) -> str:
    """The gateway may have forgotten the plan (another account's keys, a fresh sandbox); then it gets a new one."""
    plan_id = _gateway_plan_id(subscription)
    try:
        return gateway.create_subscription(subscription, plan_id)
    except GatewayUnknownId:
        logger.warning("The gateway has forgotten plan %s.", plan_id)
        Plan.objects.filter(pk=subscription.plan_id, gateway_plan_id=plan_id).update(gateway_plan_id=None)
        return gateway.create_subscription(subscription, _gateway_plan_id(subscription))


def _gateway_plan_id(subscription: Subscription) -> str:
    """The gateway's plan at the agreed price, made when it is first needed. Of two made at once the first is kept."""
    plan = Plan.objects.get(pk=subscription.plan_id)
    if plan.price_paise != subscription.price_paise:
        raise NotNow("The price has changed at this moment. Please look again.")
    if plan.gateway_plan_id:
        return plan.gateway_plan_id
    made = gateway.create_plan(plan)
    unchanged = Plan.objects.filter(pk=plan.pk, price_paise=plan.price_paise, period=plan.period)
    unchanged.filter(gateway_plan_id__isnull=True).update(gateway_plan_id=made)
    return unchanged.values_list("gateway_plan_id", flat=True).first() or made


# --- Changing and ending it ---
def cancel(subscription: Subscription, *, now: bool) -> None:
    """No further charges. With `now` access ends at once, too; else at the end of what was paid for. Safe to repeat.

    Raises GatewayError, after which nothing has changed here, or NotNow.
    """
    if now or subscription.status != Status.ACTIVE:
        end(subscription)
    else:
        _cancel_at_period_end(subscription)
    if now:
        entitlements.revoke(lines_of(subscription), "You ended your subscription.")
    log_event("subscription_cancelled", subscription=subscription.pk, now=now)


def _cancel_at_period_end(subscription: Subscription) -> None:
    if _ask_for(subscription, lambda key: gateway.cancel(key, at_period_end=True)):
        Subscription.objects.filter(pk=subscription.pk).update(ends_with_period=True)
        sync(subscription)
        tell(subscription, Status.CANCELLED)
        return
    sync(subscription)
    if subscription.status == Status.ACTIVE:
        raise NotNow("Razorpay has not cancelled your subscription. Please try again in some minutes.")
    if not subscription.has_ended:  # it was not active any more, so nothing is left to wait for
        end(subscription)


def end(subscription: Subscription) -> None:
    """Cancel it at the gateway at once; what was paid for stays. Raises GatewayError, or NotNow if it goes on there."""
    if not subscription.gateway_subscription_id and _close(subscription, Status.CANCELLED):
        return
    _ask_for(subscription, lambda key: gateway.cancel(key, at_period_end=False))
    sync(subscription)
    if not subscription.has_ended:
        raise NotNow("Razorpay has not ended your subscription. Please try again in some minutes.")


def pause(subscription: Subscription) -> None:
    """No charges until it is resumed; what was paid for stays. Raises GatewayError or NotNow."""
    if subscription.status != Status.ACTIVE or subscription.ends_with_period:
        raise NotNow("Only a subscription that goes on can be paused.")
    _ask_for(subscription, gateway.pause)
    sync(subscription)
    _require(subscription, Status.PAUSED, "paused")


def resume(subscription: Subscription) -> None:
    """Charges go on; one that is due by now is made at once. Raises GatewayError or NotNow."""
    if subscription.status != Status.PAUSED:
        raise NotNow("Your subscription is not paused.")
    _ask_for(subscription, gateway.resume)
    sync(subscription)
    if subscription.status == Status.PAUSED:
        raise NotNow("Razorpay has not resumed your subscription. Please try again in some minutes.")


def _require(subscription: Subscription, status: str, word: str) -> None:
    if subscription.status != status:
        raise NotNow(f"Razorpay has not {word} your subscription. Please try again in some minutes.")


def _ask_for(subscription: Subscription, change: Callable[[str], GatewaySubscription]) -> bool:
    """Whether the gateway did it. A refusal may mean that it has happened already; `sync` finds out."""
    try:
        change(subscription.gateway_subscription_id or "")
    except GatewayRefused as error:
        logger.warning("Razorpay refused a change of subscription %s: %s", subscription.pk, error)
        return False
    return True


def _close(subscription: Subscription, status: str) -> bool:
    """End one here that the gateway does not know; says whether it was one."""
    unpaid = Subscription.objects.filter(pk=subscription.pk, status=Status.CREATED)
    unpaid = unpaid.filter(gateway_subscription_id=subscription.gateway_subscription_id)
    closed = unpaid.update(status=status, live_key=None, ended_at=timezone.now())
    subscription.refresh_from_db()
    return bool(closed)


def end_all_of(user: User) -> None:
    """Before an account is deleted: nothing of it is charged any more. Raises GatewayError or NotNow."""
    for subscription in user.subscriptions.unended().select_related("plan", "user"):
        end(subscription)
