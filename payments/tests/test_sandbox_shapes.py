"""What we send and what the sandbox answers has the names and the types that Razorpay documents.

Each file of shapes/ is one request and its answer, or one event, with the page that it came from. Types are those of
JSON; a name with a question mark may be missing.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from payments import razorpay, razorpay_refunds, razorpay_subscriptions
from payments.models import Order, Plan, Refund, Subscription
from payments.sandbox import refunds, subscriptions
from payments.sandbox.gateway import Config, Gateway
from payments.sandbox.store import Store

SHAPES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "shapes").glob("*.json")}
TYPES = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def differences(value: Any, shape: Any, name: str = "") -> list[str]:
    """What is not as the shape says, in words."""
    if isinstance(shape, str):
        is_right = type(value) in [TYPES[kind] for kind in shape.split("|")]
        return [] if is_right else [f"{name}: {value!r} is no {shape}"]
    if isinstance(shape, list):
        is_filled = isinstance(value, list) and value
        return (
            [text for item in value for text in differences(item, shape[0], name)] if is_filled else [f"{name}: empty"]
        )
    known = {key.removesuffix("?"): inner for key, inner in shape.items()}
    missing = {key for key in shape if not key.endswith("?")} - set(value)
    odd = [f"{name}.{key}: missing" for key in missing] + [f"{name}.{key}: unknown" for key in set(value) - set(known)]
    return odd + [
        text for key in value if key in known for text in differences(value[key], known[key], f"{name}.{key}")
    ]


@pytest.fixture
def paid(sandbox):
    """A paid order and its payment."""
    order = sandbox.api("POST", "/v1/orders", {"amount": 50000, "currency": "INR", "notes": {"a": "b"}}).json()
    payment = sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"]}).json()["payment"]
    return order["id"], payment["id"]


@pytest.fixture
def made(sandbox, paid):
    """One of everything, by the id that the address of its shape wants."""
    order_id, payment_id = paid
    held = sandbox.api("POST", "/v1/orders", {"amount": 50000, "currency": "INR"}).json()["id"]
    held = sandbox.api("POST", "/sandbox/payments", {"order_id": held, "captured": False}).json()["payment"]["id"]
    refund = sandbox.api("POST", f"/v1/payments/{payment_id}/refund", {"amount": 100}).json()["id"]
    dispute = sandbox.api("POST", "/sandbox/disputes", {"payment_id": payment_id}).json()["id"]
    item = {"name": "All", "amount": 79900, "currency": "INR"}
    plan = sandbox.api("POST", "/v1/plans", {"period": "monthly", "interval": 1, "item": item}).json()["id"]
    subscription = sandbox.api("POST", "/v1/subscriptions", {"plan_id": plan, "total_count": 12}).json()["id"]
    sandbox.api("POST", "/sandbox/agreements", {"subscription_id": subscription})
    kinds = {"orders": order_id, "payments": payment_id, "refunds": refund, "disputes": dispute}
    return kinds | {"subscriptions": subscription, "plan_id": plan, "payment to capture": held}


BODIES: dict[str, dict[str, Any]] = {
    "order_create": {"amount": 50000, "currency": "INR", "receipt": "r", "notes": {}, "payment_capture": True},
    "payment_capture": {"amount": 50000, "currency": "INR"},
    "refund_create": {"amount": 100, "speed": "normal", "receipt": "r", "notes": {"a": "b"}},
    "customer_create": {"name": "Alice", "email": "alice@example.org", "contact": "+919999999999"},
    "plan_create": {"period": "yearly", "interval": 1, "item": {"name": "All", "amount": 100, "currency": "INR"}},
    "subscription_pause": {"pause_at": "now"},
    "subscription_resume": {"resume_at": "now"},
    "subscription_cancel": {"cancel_at_cycle_end": 0},
}
# Of these, each needs the one before it.
LAST = ["subscription_pause", "subscription_resume", "subscription_cancel"]
REQUESTS = [*sorted(name for name, shape in SHAPES.items() if "request" in shape and name not in LAST), *LAST]


def test_every_answer_has_the_documented_shape(sandbox, made):
    for name in REQUESTS:
        shape = SHAPES[name]
        method, path = shape["request"]["method"], shape["request"]["path"]
        kind = path.split("/")[2]
        path = path.replace(":id", made["payment to capture"] if name == "payment_capture" else made.get(kind, ""))
        body = BODIES.get(name, {}) if method == "POST" else None
        if name == "subscription_create":
            body = {"plan_id": made["plan_id"], "total_count": 12, "quantity": 1, "notes": {"a": "b"}}
        assert body is None or not differences(body, shape["request"]["fields"], name)
        query = f"?subscription_id={made['subscriptions']}" if name == "invoice_list" else ""
        answer = sandbox.api(method, path + query, body)
        assert answer.ok, (name, answer.text)
        assert differences(answer.json(), shape["response"], name) == []


def test_refusals_have_the_documented_shape(sandbox):
    for body in ({"amount": 1, "currency": "INR"}, {"colour": "red"}):
        assert differences(sandbox.api("POST", "/v1/orders", body).json(), SHAPES["error"]["response"]) == []


def test_what_we_send_has_the_documented_shape(sandbox, made, alice, monkeypatch):
    """Recorded where it leaves for the gateway."""
    sent: list[tuple[str, str, Any]] = []
    request = razorpay._Session.request

    def record(self, method, url, *args, **kwargs):
        body = kwargs.get("data")
        sent.append((method, urlsplit(str(url)).path, json.loads(body) if body else {}))
        return request(self, method, url, *args, **kwargs)

    monkeypatch.setattr(razorpay._Session, "request", record)
    order = Order.objects.create(user=alice, product_key="x", amount_paise=50000)
    razorpay.create_order(order)
    razorpay_refunds.create_refund(Refund(order=order, gateway_payment_id=made["payments"], amount_paise=100))
    plan = Plan.objects.create(name="All", slug="all", price_paise=79900)
    plan_id = razorpay_subscriptions.create_plan(plan)
    subscription = Subscription.objects.create(user=alice, plan=plan, price_paise=79900)
    razorpay_subscriptions.create_subscription(subscription, plan_id)
    razorpay_subscriptions.pause(made["subscriptions"])
    razorpay_subscriptions.resume(made["subscriptions"])
    razorpay_subscriptions.cancel(made["subscriptions"], at_period_end=False)
    names = ["order_create", "refund_create", "plan_create", "subscription_create"]
    for name, (method, path, body) in zip([*names, *LAST], sent, strict=True):
        asked = SHAPES[name]["request"]
        assert (method, len(path.split("/"))) == (asked["method"], len(asked["path"].split("/"))), name
        assert differences(body, asked["fields"], name) == []


EVENTS = {
    "payment.authorized": "event_payment",
    "payment.captured": "event_payment",
    "payment.failed": "event_payment",
    "order.paid": "event_order",
    "refund.created": "event_refund",
    "refund.processed": "event_refund",
    "payment.dispute.created": "event_dispute",
    "payment.dispute.lost": "event_dispute",
    "subscription.authenticated": "event_subscription_charged",
    "subscription.activated": "event_subscription_charged",
    "subscription.charged": "event_subscription_charged",
    "subscription.cancelled": "event_subscription",
}


def test_every_event_has_the_documented_shape(tmp_path):
    store = Store(tmp_path / "sandbox.sqlite3")
    gateway = Gateway(store, Config("key", "secret", "webhook secret", "http://localhost/webhook"))
    order = gateway.create_order({"amount": 50000, "currency": "INR"})
    gateway.fail(order["id"])
    payment = gateway.pay(order["id"], "card")
    refunds.create(gateway, payment["id"], {"amount": 100})
    refunds.end_dispute(gateway, refunds.dispute(gateway, payment["id"], 200)["id"], "lost")
    item = {"name": "All", "amount": 79900, "currency": "INR"}
    plan = subscriptions.create_plan(gateway, {"period": "monthly", "interval": 1, "item": item})
    subscription = subscriptions.create(gateway, {"plan_id": plan["id"], "total_count": 12})
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    subscriptions.cancel(gateway, subscription["id"], {})
    events = [json.loads(body) for (body,) in store._rows("SELECT body FROM deliveries")]
    store._db.close()
    assert {event["event"] for event in events} == set(EVENTS)
    for event in events:
        shape = SHAPES[EVENTS[event["event"]]]["body"]
        assert differences(event, shape, event["event"]) == []
        assert event["contains"] == list(shape["payload"])


def test_each_shape_names_its_page():
    assert len(SHAPES) == 27
    for name, shape in SHAPES.items():
        assert shape["page"].startswith("https://razorpay.com/docs/"), name
        assert shape["title"], name
