"""The only file that talks to Razorpay. Everything else sees GatewayPayment and the two exceptions.

Razorpay's documentation calls these pages "Orders API", "Payments API", "Hosted Checkout: Integration Steps" and
"Webhooks: Validate and Test". Amounts are integer paise both here and there.
"""

import hashlib
import hmac
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import razorpay
import requests
from django.conf import settings
from razorpay.errors import BadRequestError

from coursebundler.bulkhead import Bulkhead, Full
from payments.models import Order

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PAGE_SIZE = 100  # the most that Razorpay gives at once
IDEMPOTENCY_HEADER = "X-Refund-Idempotency"
PAUSES_SECONDS = (0.1, 0.2)
# The other threads have pages to give.
_waiting = Bulkhead(settings.WEB_THREADS // 2)


class GatewayError(Exception):
    """Razorpay did not do what it was asked. The message is for logs, never for people."""


class GatewayUnavailable(GatewayError):
    """No usable answer: unreachable, too slow, broken, or in a shape that we do not know. Worth trying again."""


class GatewayRefused(GatewayError):
    """A clear no: wrong keys, wrong parameters. Trying again changes nothing."""


class GatewayUnknownId(GatewayRefused):
    """Razorpay does not know the order or payment that we ask about."""


@dataclass(frozen=True)
class GatewayPayment:
    """One payment as Razorpay tells it. `status`: created, authorized, captured, refunded or failed."""

    id: str
    order_id: str
    amount_paise: int
    currency: str
    status: str
    method: str = ""
    error: str = ""


def create_order(order: Order) -> str:
    """Make the gateway's order for ours and give back its id. Not idempotent there: keep the id."""
    data = {
        "amount": order.amount_paise,
        "currency": order.currency,
        "receipt": str(order.pk),
        "notes": {"order_number": order.number},
        "payment_capture": True,
    }
    answer = _ask(lambda client: client.order.create(data=data))
    return _text(answer, "id", required=True)


def fetch_order_payments(order: Order) -> list[GatewayPayment]:
    """Every attempt to pay this order, oldest first. Empty if there was none, or no order at the gateway yet."""
    if not order.gateway_order_id:
        return []
    answer = _ask(lambda client: client.order.payments(order.gateway_order_id))
    return [_payment(item) for item in sorted(_items(answer), key=_created_at)]


def fetch_payment(payment_id: str) -> GatewayPayment:
    return _payment(_ask(lambda client: client.payment.fetch(quote(payment_id, safe=""))))


def fetch_payments_between(begins_at: datetime, ends_at: datetime) -> Iterator[GatewayPayment]:
    """Every payment begun in [begins_at, ends_at), newest first, a page at a time. Raises GatewayError on the way."""
    for entity in _listed(lambda client, page: client.payment.all(page), begins_at, ends_at):
        yield _payment(entity)


def _listed(list_page: Callable[..., Any], begins_at: datetime, ends_at: datetime) -> Iterator[Any]:
    """“Pagination”: whether both ends are included is not documented, so one more second is asked for and left out."""
    begins, ends = int(begins_at.timestamp()), int(ends_at.timestamp())
    seen: set[Any] = set()
    for skip in itertools.count(0, PAGE_SIZE):
        page = {"from": begins - 1, "to": ends, "count": PAGE_SIZE, "skip": skip}
        items = _items(_ask(lambda client, page=page: list_page(client, page)))  # type: ignore[misc]
        for item in items:
            if begins <= _created_at(item) < ends and item.get("id") not in seen:
                seen.add(item.get("id"))
                yield item
        if len(items) < PAGE_SIZE:
            return


def checkout_url() -> str:
    """Where the browser posts the form that opens the hosted payment page."""
    return f"{settings.RAZORPAY_BASE_URL}/v1/checkout/embedded"


def checkout_fields(order: Order, *, description: str, callback_url: str, cancel_url: str) -> dict[str, str]:
    """The hidden fields of that form."""
    return {
        "key_id": settings.RAZORPAY_KEY_ID,
        "order_id": order.gateway_order_id or "",
        "amount": str(order.amount_paise),
        "currency": order.currency,
        "name": "CourseBundler",
        "description": description,
        "prefill[name]": order.user.name,
        "prefill[email]": order.user.email,
        "callback_url": callback_url,
        "cancel_url": cancel_url,
    }


def verify_return_signature(order_id: str, payment_id: str, signature: str) -> bool:
    """Whether Razorpay itself sent the browser back with this payment of this order."""
    return _is_signed(settings.RAZORPAY_KEY_SECRET, f"{order_id}|{payment_id}".encode(), signature)


def verify_webhook_signature(raw_body: bytes, signature: str) -> bool:
    """Whether Razorpay signed exactly these bytes with our webhook secret, or with the one of before.

    After a change of the secret Razorpay may repeat events that it signed with the old one, for 24 hours.
    """
    known = (settings.RAZORPAY_WEBHOOK_SECRET, settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS)
    return any(_is_signed(secret, raw_body, signature) for secret in known)


def _is_signed(secret: str, message: bytes, signature: str) -> bool:
    """HMAC-SHA256 in constant time. An empty secret would let everybody sign, so it lets nobody."""
    if not secret or not signature or not signature.isascii():
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(), signature)


class _Stumbled(GatewayUnavailable):
    """It failed at once, and the next try may be better."""


class _Session(requests.Session):
    """Time-outs on every call, and our exceptions where the SDK would print or stumble over a page of HTML.

    What is safe to repeat is tried again, a few times, if it fails at once; all tries share the time of one.
    """

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        ends_at = time.monotonic() + settings.RAZORPAY_TIMEOUT_SECONDS
        is_safe = method == "GET" or IDEMPOTENCY_HEADER in (kwargs.get("headers") or {})
        for pause in (*PAUSES_SECONDS, math.inf) if is_safe else (math.inf,):
            kwargs |= {"timeout": ends_at - time.monotonic(), "allow_redirects": False}
            try:
                return self._request_once(method, url, *args, **kwargs)
            except _Stumbled:
                if time.monotonic() + pause >= ends_at:
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _request_once(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            response = super().request(method, url, *args, **kwargs)
        except requests.RequestException as error:
            raise _Stumbled(f"{method} {url!r}: {type(error).__name__}") from error
        if response.status_code >= 500:
            raise _Stumbled(f"{method} {url!r}: HTTP {response.status_code}")
        try:
            body = response.json()
        except requests.RequestException as error:
            raise GatewayUnavailable(f"{method} {url!r}: {type(error).__name__}") from error
        if response.status_code in (409, 429) or not isinstance(body, dict):
            raise GatewayUnavailable(f"{method} {url!r}: HTTP {response.status_code}")
        return response


def _ask(question: Callable[[razorpay.Client], Any]) -> dict[str, Any]:
    """The answer as a dict, or one of our two exceptions. What changes something is tried once."""
    try:
        with _waiting.place():
            return _ask_now(question)
    except Full as error:
        raise GatewayUnavailable("It is slow, and enough of us wait for it.") from error


def _ask_now(question: Callable[[razorpay.Client], Any]) -> dict[str, Any]:
    with _Session() as session:
        # A proxy from the environment is for the outside world, not for the sandbox on this machine.
        session.trust_env = urlsplit(settings.RAZORPAY_BASE_URL).hostname not in LOOPBACK
        client = razorpay.Client(
            session=session,
            auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET),
            base_url=settings.RAZORPAY_BASE_URL,
        )
        try:
            answer = question(client)
        except BadRequestError as error:
            unknown = "does not exist" in str(error)
            raise (GatewayUnknownId if unknown else GatewayRefused)(str(error)) from error
        except (razorpay.errors.GatewayError, razorpay.errors.ServerError, TypeError) as error:
            raise GatewayUnavailable(f"{type(error).__name__}: {error}") from error
    return answer


def _items(answer: dict[str, Any]) -> list[Any]:
    items = answer.get("items")
    if not isinstance(items, list):
        raise GatewayUnavailable("The list has no items.")
    return items


def _payment(entity: Any) -> GatewayPayment:
    if not isinstance(entity, dict) or type(entity.get("amount")) is not int:
        raise GatewayUnavailable("A payment without an amount in whole paise.")
    return GatewayPayment(
        id=_text(entity, "id", required=True),
        order_id=_text(entity, "order_id"),
        amount_paise=entity["amount"],
        currency=_text(entity, "currency", required=True),
        status=_text(entity, "status", required=True),
        method=_text(entity, "method"),
        error=_text(entity, "error_description"),
    )


def _text(entity: dict[str, Any], key: str, *, required: bool = False) -> str:
    """The value as text; Razorpay leaves some out, or sends null."""
    value = entity.get(key)
    if isinstance(value, str) and (value or not required):
        return value
    if required or value is not None:
        raise GatewayUnavailable(f"The answer has no usable “{key}”.")
    return ""


def _created_at(entity: Any) -> int:
    at = entity.get("created_at") if isinstance(entity, dict) else None
    return at if isinstance(at, int) else 0
