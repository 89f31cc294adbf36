"""The JSON API under /v1, as “Orders API” and “Payments API” describe it."""

import re
from collections.abc import Callable
from typing import Any

from payments.sandbox import refunds, subscriptions
from payments.sandbox.gateway import Gateway, Refused, public
from payments.sandbox.store import Entity

Handler = Callable[..., dict[str, Any]]
FIRST_TIME, LAST_TIME = 946_684_800, 4_765_046_400  # as its refusals name them


def answer(
    gateway: Gateway,
    method: str,
    path: str,
    query: dict[str, str],
    body: dict[str, Any],
    *,
    idempotency_key: str = "",
) -> dict[str, Any]:
    """The entity or collection that the request asks for, or Refused."""
    for route_method, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method == route_method:
            found = handler(gateway, *match.groups(), query=query, body=body, idempotency_key=idempotency_key)
            return public(found)
    raise Refused("The requested URL was not found on the server.", status=404)


def _collection(items: list[Entity]) -> dict[str, Any]:
    return {"entity": "collection", "count": len(items), "items": [public(item) for item in items]}


def _create_order(gateway: Gateway, *, body: dict[str, Any], **_: Any) -> Entity:
    return gateway.create_order(body)


def list_of(kind: str) -> Handler:
    """“Pagination”: `from` and `to` in Unix seconds, `count` up to 100, `skip`; newest first."""

    def handler(gateway: Gateway, *, query: dict[str, str], **_: Any) -> dict[str, Any]:
        begins, ends = _number(query, "from", FIRST_TIME), _number(query, "to", LAST_TIME)
        count, skip = _number(query, "count", 10), _number(query, "skip", 0)
        for name, time in (("from", begins), ("to", ends)):
            if not FIRST_TIME <= time <= LAST_TIME:
                raise Refused(f"{name} must be between {FIRST_TIME} and {LAST_TIME}", field=name)
        if not 1 <= count <= 100:
            raise Refused("The count must be between 1 and 100.", field="count")
        return _collection(gateway.store.listed(kind, begins, ends, count, skip))

    return handler


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise Refused(f"The {name} must be an integer.", field=name)
    return int(text)


def _fetch_order(gateway: Gateway, order_id: str, **_: Any) -> Entity:
    return gateway.order(order_id)


def _fetch_order_payments(gateway: Gateway, order_id: str, **_: Any) -> dict[str, Any]:
    return _collection(gateway.store.payments_of(gateway.order(order_id)["id"]))


def _fetch_payment(gateway: Gateway, payment_id: str, **_: Any) -> Entity:
    return gateway.payment(payment_id)


def _capture(gateway: Gateway, payment_id: str, *, body: dict[str, Any], **_: Any) -> Entity:
    return gateway.capture(payment_id, body.get("amount"), body.get("currency", "INR"))


def _refund(gateway: Gateway, payment_id: str, *, body: dict[str, Any], idempotency_key: str, **_: Any) -> Entity:
    return refunds.create(gateway, payment_id, body, idempotency_key)


def _fetch_refund(gateway: Gateway, refund_id: str, **_: Any) -> Entity:
    return refunds.fetch(gateway, refund_id)


def _refunds_of(gateway: Gateway, payment_id: str, *, query: dict[str, str], **_: Any) -> dict[str, Any]:
    count, skip = _number(query, "count", 10), _number(query, "skip", 0)
    return _collection(refunds.refunds_of(gateway, payment_id)[skip : skip + count])


def _create_plan(gateway: Gateway, *, body: dict[str, Any], **_: Any) -> Entity:
    return subscriptions.create_plan(gateway, body)


def _create_customer(gateway: Gateway, *, body: dict[str, Any], **_: Any) -> Entity:
    return subscriptions.create_customer(gateway, body)


def _create_subscription(gateway: Gateway, *, body: dict[str, Any], **_: Any) -> Entity:
    return subscriptions.create(gateway, body)


def _fetch_subscription(gateway: Gateway, subscription_id: str, **_: Any) -> Entity:
    return subscriptions.fetch(gateway, subscription_id)


def _cancel_subscription(gateway: Gateway, subscription_id: str, *, body: dict[str, Any], **_: Any) -> Entity:
    return subscriptions.cancel(gateway, subscription_id, body)


def _pause_subscription(gateway: Gateway, subscription_id: str, **_: Any) -> Entity:
    return subscriptions.pause(gateway, subscription_id)


def _resume_subscription(gateway: Gateway, subscription_id: str, **_: Any) -> Entity:
    return subscriptions.resume(gateway, subscription_id)


def _list_invoices(gateway: Gateway, *, query: dict[str, str], **_: Any) -> dict[str, Any]:
    count, skip = query.get("count", "10"), query.get("skip", "0")
    if not (count.isdecimal() and skip.isdecimal() and 1 <= int(count) <= 100):
        raise Refused("The count must be between 1 and 100.", field="count")
    found = subscriptions.invoices_of(gateway, query.get("subscription_id", ""))
    return _collection(found[int(skip) : int(skip) + int(count)])


def _fetch_invoice(gateway: Gateway, invoice_id: str, **_: Any) -> Entity:
    return subscriptions.fetch_invoice(gateway, invoice_id)


def _fetch(kind: str) -> Handler:
    return lambda gateway, entity_id, **_: gateway.found(kind, entity_id)


ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", r"/v1/orders", _create_order),
    ("GET", r"/v1/orders", list_of("order")),
    ("GET", r"/v1/orders/([^/]+)", _fetch_order),
    ("GET", r"/v1/orders/([^/]+)/payments", _fetch_order_payments),
    ("GET", r"/v1/payments", list_of("payment")),
    ("GET", r"/v1/payments/([^/]+)", _fetch_payment),
    ("POST", r"/v1/payments/([^/]+)/capture", _capture),
    ("POST", r"/v1/payments/([^/]+)/refund", _refund),
    ("GET", r"/v1/payments/([^/]+)/refunds", _refunds_of),
    ("GET", r"/v1/refunds", list_of("refund")),
    ("GET", r"/v1/refunds/([^/]+)", _fetch_refund),
    ("GET", r"/v1/disputes", list_of("dispute")),
    ("GET", r"/v1/disputes/([^/]+)", _fetch("dispute")),
    ("POST", r"/v1/plans", _create_plan),
    ("GET", r"/v1/plans/([^/]+)", _fetch("plan")),
    ("POST", r"/v1/customers", _create_customer),
    ("GET", r"/v1/customers/([^/]+)", _fetch("customer")),
    ("POST", r"/v1/subscriptions", _create_subscription),
    ("GET", r"/v1/subscriptions", list_of("subscription")),
    ("GET", r"/v1/subscriptions/([^/]+)", _fetch_subscription),
    ("POST", r"/v1/subscriptions/([^/]+)/cancel", _cancel_subscription),
    ("POST", r"/v1/subscriptions/([^/]+)/pause", _pause_subscription),
    ("POST", r"/v1/subscriptions/([^/]+)/resume", _resume_subscription),
    ("GET", r"/v1/invoices", _list_invoices),
    ("GET", r"/v1/invoices/([^/]+)", _fetch_invoice),
]
