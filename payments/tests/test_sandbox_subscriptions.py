"""The sandbox's subscriptions look like Razorpay's, and its clock can be put forward."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest

from payments.sandbox import subscriptions
from payments.sandbox.gateway import Config, Gateway
from payments.sandbox.store import Store

pytestmark = pytest.mark.detail

PLAN = {"period": "monthly", "interval": 1, "item": {"name": "Everything", "amount": 79900, "currency": "INR"}}


@pytest.fixture
def gateway(tmp_path):
    """Without HTTP: its rules and the events that it would send."""
    store = Store(tmp_path / "sandbox.sqlite3")
    yield Gateway(store, Config("key", "secret", "webhook secret", "http://localhost/webhook"))
    store._db.close()


@pytest.fixture
def plan(gateway):
    return subscriptions.create_plan(gateway, PLAN)


@pytest.fixture
def subscription(gateway, plan):
    return subscriptions.create(gateway, {"plan_id": plan["id"], "total_count": 12})


def events(gateway) -> list[str]:
    names = [delivery["event"] for delivery in gateway.store.deliveries()]
    return [name.removeprefix("subscription.") for name in names if name.startswith("subscription.")]


def status(gateway, subscription) -> str:
    return subscriptions.fetch(gateway, subscription["id"])["status"]


def test_the_shapes_are_those_of_the_documentation(sandbox):
    """“Subscriptions API”: Create a Plan, Create a Subscription, Fetch All Invoices of a Subscription."""
    plan = sandbox.api("POST", "/v1/plans", PLAN).json()
    assert plan["entity"] == "plan"
    assert plan["item"]["amount"] == plan["item"]["unit_amount"] == 79900
    asked = {"plan_id": plan["id"], "total_count": 12, "customer_notify": False, "notes": {"a": "b"}}
    subscription = sandbox.api("POST", "/v1/subscriptions", asked).json()
    assert subscription["id"].startswith("sub_")
    assert (subscription["status"], subscription["remaining_count"], subscription["notes"]) == (
        "created",
        12,
        {"a": "b"},
    )
    assert not [name for name in subscription if name.startswith("_")]
    returned = sandbox.api("POST", "/sandbox/agreements", {"subscription_id": subscription["id"]}).json()
    payment = returned["payment"]
    assert (payment["amount"], payment["status"], payment["invoice_id"][:4]) == (79900, "captured", "inv_")
    now = sandbox.api("GET", f"/v1/subscriptions/{subscription['id']}").json()
    assert (now["status"], now["paid_count"], now["remaining_count"]) == ("active", 1, 11)
    assert now["customer_id"].startswith("cust_")
    assert now["charge_at"] == now["current_end"] > now["current_start"]
    listed = sandbox.api("GET", f"/v1/invoices?subscription_id={subscription['id']}").json()
    assert (listed["entity"], listed["count"]) == ("collection", 1)
    [invoice] = listed["items"]
    assert (invoice["payment_id"], invoice["order_id"], invoice["status"]) == (
        payment["id"],
        payment["order_id"],
        "paid",
    )
    assert (invoice["billing_start"], invoice["billing_end"]) == (now["current_start"], now["current_end"])
    assert sandbox.api("GET", f"/v1/invoices/{invoice['id']}").json() == invoice


def test_customers_are_made_once(sandbox):
    asked = {"name": "Alice", "email": "alice@example.org", "contact": "+919999999999"}
    first, second = (sandbox.api("POST", "/v1/customers", asked).json() for _ in range(2))
    assert first == second == sandbox.api("GET", f"/v1/customers/{first['id']}").json()


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("plans", PLAN | {"period": "hourly"}, "period"),
        ("plans", PLAN | {"interval": 0}, "interval"),
        ("plans", PLAN | {"item": {"name": "x", "amount": 799.0, "currency": "INR"}}, "amount"),
        ("plans", PLAN | {"item": {"name": "x", "amount": 79900, "currency": "USD"}}, "Currency"),
        ("plans", PLAN | {"item": None}, "name"),
        ("subscriptions", {"plan_id": "plan_nothing", "total_count": 1}, "does not exist"),
        ("subscriptions", {"amount": 1}, "should not be sent"),
        ("subscriptions/sub_nothing/cancel", {}, "does not exist"),
    ],
)
def test_it_refuses_as_razorpay_does(sandbox, path, body, words):
    response = sandbox.api("POST", f"/v1/{path}", body)
    assert response.status_code == 400
    assert words in response.json()["error"]["description"]


def test_the_first_payment_begins_it(gateway, subscription):
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    assert events(gateway) == ["authenticated", "activated", "charged"]
    rows = gateway.store._rows("SELECT body FROM deliveries WHERE body LIKE '%subscription.charged%'")
    event = json.loads(rows[0][0])
    assert event["contains"] == ["subscription", "payment"]
    assert event["payload"]["subscription"]["entity"]["paid_count"] == 1


def test_it_renews_when_its_time_has_come(gateway, subscription):
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    subscriptions.put_forward(gateway, 100)
    assert events(gateway)[3:] == ["charged"] * 3
    assert len(subscriptions.invoices_of(gateway, subscription["id"])) == 4


def test_it_is_completed_with_its_last_charge(gateway, subscription):
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    subscriptions.put_forward(gateway, 400)
    assert status(gateway, subscription) == "completed"
    assert len(subscriptions.invoices_of(gateway, subscription["id"])) == 12


def test_a_failing_card_is_tried_on_four_days_and_then_halted(gateway, subscription):
    subscriptions.agree(gateway, subscription["id"], "once", {})
    subscriptions.put_forward(gateway, 32)
    assert status(gateway, subscription) == "pending"
    subscriptions.put_forward(gateway, 4)
    assert events(gateway)[3:] == ["pending", "pending", "pending", "halted"]
    subscriptions.put_forward(gateway, 40)  # invoices go on, charges do not
    assert status(gateway, subscription) == "halted"
    assert [bool(i["payment_id"]) for i in subscriptions.invoices_of(gateway, subscription["id"])] == [
        False,
        False,
        True,
    ]


def test_paying_what_is_pending_activates_it(gateway, subscription):
    subscriptions.agree(gateway, subscription["id"], "once", {})
    subscriptions.put_forward(gateway, 32)
    subscriptions.agree(gateway, subscription["id"], "card", {})
    assert events(gateway)[-2:] == ["activated", "charged"]
    assert status(gateway, subscription) == "active"


def test_it_ends_with_the_cycle_or_at_once(gateway, plan, subscription):
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    subscriptions.cancel(gateway, subscription["id"], {"cancel_at_cycle_end": 1})
    assert status(gateway, subscription) == "active"
    subscriptions.put_forward(gateway, 32)
    assert status(gateway, subscription) == "cancelled"
    with pytest.raises(subscriptions.Refused, match="not cancellable"):
        subscriptions.cancel(gateway, subscription["id"], {})
    other = subscriptions.create(gateway, {"plan_id": plan["id"], "total_count": 1})
    with pytest.raises(subscriptions.Refused, match="no billing cycle"):
        subscriptions.cancel(gateway, other["id"], {"cancel_at_cycle_end": 1})
    assert subscriptions.cancel(gateway, other["id"], {})["status"] == "cancelled"
    with pytest.raises(subscriptions.Refused, match="authenticated"):
        subscriptions.agree(gateway, other["id"], "upi", {})


def test_only_an_active_one_is_paused_and_only_a_paused_one_resumed(gateway, subscription):
    for refused in (subscriptions.pause, subscriptions.resume):
        with pytest.raises(subscriptions.Refused):
            refused(gateway, subscription["id"])
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    subscriptions.pause(gateway, subscription["id"])
    subscriptions.put_forward(gateway, 40)
    assert events(gateway)[-1] == "paused"
    subscriptions.resume(gateway, subscription["id"])
    assert events(gateway)[-2:] == ["resumed", "charged"]


def test_the_clock_goes_back_to_the_real_time(gateway):
    real = subscriptions.now(gateway)
    subscriptions.put_forward(gateway, 3)
    assert subscriptions.now(gateway) - real >= 3 * subscriptions.DAY
    subscriptions.put_forward(gateway, 0)
    assert subscriptions.now(gateway) - real < 60


@pytest.mark.parametrize(
    ("period", "starts", "ends"),
    [
        ("monthly", (2027, 1, 31), (2027, 2, 28)),
        ("monthly", (2026, 12, 15), (2027, 1, 15)),
        ("yearly", (2028, 2, 29), (2029, 2, 28)),
        ("weekly", (2026, 12, 30), (2027, 1, 6)),
    ],
)
def test_periods_follow_the_calendar(period, starts, ends):
    begins, end = (int(datetime(*day, 9, 30, tzinfo=UTC).timestamp()) for day in (starts, ends))
    assert subscriptions.end_of_period({"period": period, "interval": 1}, begins) == end


def test_nothing_is_stored_of_a_charge_that_fails_half_way(gateway, subscription, monkeypatch):
    subscriptions.agree(gateway, subscription["id"], "upi", {})
    before = gateway.store.deliveries()
    monkeypatch.setattr(gateway, "announce", lambda *args: (_ for _ in ()).throw(sqlite3.OperationalError("full")))
    with pytest.raises(sqlite3.OperationalError):
        subscriptions.put_forward(gateway, 32)
    assert len(subscriptions.invoices_of(gateway, subscription["id"])) == 1
    assert gateway.store.deliveries() == before
