"""The JSON API under /v1, as “Orders API” and “Payments API” describe it."""

import re
from collections.abc import Callable
from typing import Any

from payments.sandbox.gateway import Gateway, Refused
from payments.sandbox.store import Entity

Handler = Callable[..., dict[str, Any]]


def answer(gateway: Gateway, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """The entity or collection that the request asks for, or Refused."""
    for route_method, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method == route_method:
            return handler(gateway, *match.groups(), query=query, body=body)
    raise Refused("The requested URL was not found on the server.", status=404)


def _collection(items: list[Entity]) -> dict[str, Any]:
    return {"entity": "collection", "count": len(items), "items": items}


def _create_order(gateway: Gateway, *, body: dict[str, Any], **_: Any) -> Entity:
    return gateway.create_order(body)


def _list_orders(gateway: Gateway, *, query: dict[str, str], **_: Any) -> dict[str, Any]:
    count, skip = query.get("count", "10"), query.get("skip", "0")
    if not (count.isdecimal() and skip.isdecimal() and 1 <= int(count) <= 100):
        raise Refused("The count must be between 1 and 100.", field="count")
    return _collection(gateway.store.orders(int(count), int(skip)))


def _fetch_order(gateway: Gateway, order_id: str, **_: Any) -> Entity:
    return gateway.order(order_id)


def _fetch_order_payments(gateway: Gateway, order_id: str, **_: Any) -> dict[str, Any]:
    return _collection(gateway.store.payments_of(gateway.order(order_id)["id"]))


def _fetch_payment(gateway: Gateway, payment_id: str, **_: Any) -> Entity:
    return gateway.payment(payment_id)


def _capture(gateway: Gateway, payment_id: str, *, body: dict[str, Any], **_: Any) -> Entity:
    return gateway.capture(payment_id, body.get("amount"), body.get("currency", "INR"))


ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", r"/v1/orders", _create_order),
    ("GET", r"/v1/orders", _list_orders),
    ("GET", r"/v1/orders/([^/]+)", _fetch_order),
    ("GET", r"/v1/orders/([^/]+)/payments", _fetch_order_payments),
    ("GET", r"/v1/payments/([^/]+)", _fetch_payment),
    ("POST", r"/v1/payments/([^/]+)/capture", _capture),
]
