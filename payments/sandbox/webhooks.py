"""Sending events to the site, signed, until it answers 2xx (“Webhooks: Best Practices”), and letting time pass."""

import hashlib
import hmac
import logging
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from payments.sandbox import refunds, subscriptions
from payments.sandbox.gateway import Gateway

logger = logging.getLogger("sandbox")

ANSWER_WITHIN_SECONDS = 5
RETRY_SECONDS = [1, 2, 4, 8, 16, 32, 64, 128]


def start(gateway: Gateway) -> threading.Thread:
    """Work through what is due in a thread that ends with the process; the store remembers what is left."""
    thread = threading.Thread(target=_run, args=[gateway], name="webhooks", daemon=True)
    thread.start()
    return thread


def _run(gateway: Gateway) -> None:
    with ThreadPoolExecutor(gateway.config.webhook_senders) as senders:
        while True:
            try:
                gateway.capture_pending()
                subscriptions.charge_due(gateway)
                refunds.settle(gateway)
                due = gateway.store.due_deliveries(time.time())
                list(senders.map(lambda delivery: _deliver(gateway, *delivery), due))
            except Exception:
                logger.exception("The webhook thread goes on.")
            time.sleep(0.1)


def _deliver(gateway: Gateway, number: int, event_id: str, body: str, attempts: int) -> None:
    status = send(gateway.config.webhook_url, gateway.config.webhook_secret, event_id, body)
    is_done = 200 <= status < 300 or attempts >= len(RETRY_SECONDS)
    gateway.store.delivery_tried(number, retry_in=None if is_done else RETRY_SECONDS[attempts])
    logger.info("Webhook %s, try %s: %s", event_id, attempts + 1, status or "no answer")


def send(url: str, secret: str, event_id: str, body: str) -> int:
    """The status of the answer; 0 if there was none."""
    request = urllib.request.Request(  # noqa: S310  the address comes from our own settings
        url,
        data=body.encode(),
        headers={
            "Content-Type": "application/json",
            "X-Razorpay-Signature": hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest(),
            "X-Razorpay-Event-Id": event_id,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
