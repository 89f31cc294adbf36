"""What Razorpay tells us by itself. Its documentation: “Webhooks: Validate and Test”, “Webhooks: Best Practices”."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from coursebundler import metrics
from payments import disputes, refund_settling, subscriptions
from payments.confirmation import Outcome, confirm_payment
from payments.models import WebhookEvent
from payments.razorpay import GatewayError, verify_webhook_signature

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024


class MalformedEvent(ValueError):
    """Signed, but not in the shape that Razorpay documents."""


@csrf_exempt  # Razorpay has no cookies of ours; the signature over the raw body stands in for them.
@login_not_required
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Statuses, as Razorpay reads them: 200 done or of no interest; anything else is sent again for 24 hours.

    400 for what no repetition makes right: a bad signature, no event id, a malformed body; 413 too large; 503 if we
    could not ask the gateway. The event is remembered last, so a crash half-way means that it is handled again.
    """
    if len(request.body) > MAX_BODY_BYTES:  # Django itself has refused what is over a megabyte
        return HttpResponse("Too large.", status=413)
    if not verify_webhook_signature(request.body, request.headers.get("X-Razorpay-Signature", "")):
        logger.warning("A webhook was refused: its signature is missing or wrong.")
        return HttpResponse("Bad signature.", status=400)
    event_id = request.headers.get("X-Razorpay-Event-Id", "")
    if not 0 < len(event_id) <= 80:
        return HttpResponse("No usable x-razorpay-event-id.", status=400)
    if _was_seen(event_id):
        return HttpResponse("Seen before.")
    try:
        kind, outcome, happened_at = _handle(request.body)
    except MalformedEvent as error:
        logger.error("Webhook event %s is malformed: %s", event_id, error)
        return HttpResponse("Malformed.", status=400)
    except GatewayError as error:
        logger.warning("Webhook event %s waits for its repetition: %s", event_id, error)
        return HttpResponse("Try again.", status=503)
    _, is_new = WebhookEvent.objects.get_or_create(event_id=event_id, defaults={"kind": kind[:60], "outcome": outcome})
    if is_new and happened_at:  # twice at once, it counts once; their clock may be ahead of ours
        metrics.put(WebhookAge=round(max(time.time() - happened_at, 0), 1))
    return HttpResponse("OK")


def _was_seen(event_id: str) -> bool:
    return bool(WebhookEvent.objects.filter(event_id=event_id).exists())


def _handle(body: bytes) -> tuple[str, str, int]:
    """(kind, outcome, Razorpay's time or 0) of the event, after its effect."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("not JSON") from error
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str):
        raise MalformedEvent("no event name")
    handler = HANDLERS.get(kind)
    if handler is None:
        logger.warning("Webhook event of a kind that we do not know: %.60r", kind)
        return kind, "unknown", 0
    happened_at = event.get("created_at")
    return kind, handler(event), happened_at if type(happened_at) is int else 0


def _confirm(event: dict[str, Any]) -> str:
    """The event is a hint and may be old: the gateway is asked how the payment stands now."""
    outcome = confirm_payment(_id_in(event, "payment"))
    invoice_id = event["payload"]["payment"]["entity"].get("invoice_id")
    if outcome == Outcome.NOT_OURS and invoice_id and isinstance(invoice_id, str):
        return subscriptions.confirm_invoice(invoice_id)  # a charge that no event about its subscription has announced
    return outcome


def _confirm_subscription(event: dict[str, Any]) -> str:
    """Whatever happened to it: the gateway is asked how it stands now, and for every charge."""
    return subscriptions.confirm(_id_in(event, "subscription"))


def _id_in(event: dict[str, Any], kind: str) -> str:
    try:
        entity_id = event["payload"][kind]["entity"]["id"]
    except (KeyError, TypeError) as error:
        raise MalformedEvent(f"no {kind}") from error
    if not isinstance(entity_id, str) or not entity_id:
        raise MalformedEvent(f"no {kind} id")
    return entity_id


def _refund(event: dict[str, Any]) -> str:
    """The gateway is asked how the refund stands now; one that we did not make is recorded."""
    return refund_settling.confirm_refund(_id_in(event, "refund"))


def _dispute(event: dict[str, Any]) -> str:
    return disputes.confirm_dispute(_id_in(event, "dispute"))


def _ignore(event: dict[str, Any]) -> str:
    return "unused"


HANDLERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "payment.authorized": _confirm,
    "payment.captured": _confirm,
    "payment.failed": _confirm,
    "order.paid": _confirm,
    "subscription.authenticated": _confirm_subscription,
    "subscription.activated": _confirm_subscription,
    "subscription.charged": _confirm_subscription,
    "subscription.pending": _confirm_subscription,
    "subscription.halted": _confirm_subscription,
    "subscription.paused": _confirm_subscription,
    "subscription.resumed": _confirm_subscription,
    "subscription.cancelled": _confirm_subscription,
    "subscription.completed": _confirm_subscription,
    "subscription.updated": _confirm_subscription,
    "refund.created": _refund,
    "refund.processed": _refund,
    "refund.failed": _refund,
    "refund.speed_changed": _ignore,
    "payment.dispute.created": _dispute,
    "payment.dispute.under_review": _dispute,
    "payment.dispute.action_required": _dispute,
    "payment.dispute.won": _dispute,
    "payment.dispute.lost": _dispute,
    "payment.dispute.closed": _dispute,
}
