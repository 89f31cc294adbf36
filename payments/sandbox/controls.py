"""What Razorpay does not have and tests need: making the gateway slow, broken or forgetful, and odd payments."""

from typing import Any

from payments.sandbox import refunds, subscriptions
from payments.sandbox.gateway import DEFAULT_SWITCHES, Gateway, Refused


def answer(gateway: Gateway, method: str, path: str, body: dict[str, Any]) -> Any:
    """POST /sandbox/switches {…} · /sandbox/payments {…} · /sandbox/forget {"id"} · GET /sandbox/deliveries ….

    `lose` loses every event that is still waiting, and says how many; `failures` counts those of the API.
    """
    if (method, path) == ("POST", "/sandbox/switches"):
        return _set_switches(gateway, body)
    if (method, path) == ("POST", "/sandbox/payments"):
        return _make_payment(gateway, **body)
    if (method, path) == ("POST", "/sandbox/forget"):
        gateway.store.forget(str(body.get("id")))
        return {}
    if (method, path) == ("GET", "/sandbox/deliveries"):
        return gateway.store.deliveries()
    if (method, path) == ("POST", "/sandbox/lose"):
        return {"lost": gateway.store.lose_deliveries()}
    if (method, path) == ("GET", "/sandbox/failures"):
        return {"failures": gateway.failures}
    if (method, path) == ("POST", "/sandbox/time"):
        return subscriptions.put_forward(gateway, int(body.get("days", 0)))
    if (method, path) == ("POST", "/sandbox/agreements"):
        return _agree(gateway, **body)
    if (method, path) == ("POST", "/sandbox/renewals"):
        is_cancellable = bool(body.get("is_cancellable", True))
        asked = str(body.get("subscription_id")), str(body.get("how"))
        return subscriptions.set_renewals(gateway, *asked, is_cancellable=is_cancellable)
    if (method, path) == ("POST", "/sandbox/disputes"):
        if "how" in body:
            return refunds.end_dispute(gateway, str(body.get("dispute_id")), str(body["how"]))
        return refunds.dispute(gateway, str(body.get("payment_id")), body.get("amount"))
    raise Refused("The requested URL was not found on the server.", status=404)


def _set_switches(gateway: Gateway, values: dict[str, Any]) -> dict[str, Any]:
    """All that are not named go back to normal."""
    if unknown := set(values) - set(DEFAULT_SWITCHES):
        raise Refused(f"There is no switch {', '.join(sorted(unknown))}.")
    gateway.store.set_switches(values)
    return DEFAULT_SWITCHES | values


def _make_payment(gateway: Gateway, order_id: str, kind: str = "pay", **changes: Any) -> dict[str, Any]:
    """A payment without the page: kind pay, later or fail; with the fields that the browser would bring back."""
    if kind == "later":
        payment = gateway.pay_later(order_id)
    elif kind == "fail":
        payment = gateway.fail(order_id)
    else:
        payment = gateway.pay(order_id, "upi", again=True, **changes)
    return {"payment": payment, "return": gateway.return_fields(payment)}


def _agree(gateway: Gateway, subscription_id: str, how: str = "upi") -> dict[str, Any]:
    """A subscription's first payment without the page (or its pending one), with what the browser would bring back."""
    payment = subscriptions.agree(gateway, subscription_id, how, {})
    return {"payment": payment, "return": subscriptions.return_fields(gateway, subscription_id, payment)}
