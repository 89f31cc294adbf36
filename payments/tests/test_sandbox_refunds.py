"""The sandbox's refunds and disputes answer as Razorpay's pages say."""

import pytest

pytestmark = pytest.mark.detail


@pytest.fixture
def payment(sandbox):
    order = sandbox.api("POST", "/v1/orders", {"amount": 50000, "currency": "INR"}).json()
    return sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"]}).json()["payment"]["id"]


@pytest.fixture
def refund(sandbox, payment):
    def make(key="", **fields):
        headers = {"X-Refund-Idempotency": key} if key else {}
        return sandbox.api("POST", f"/v1/payments/{payment}/refund", fields, headers=headers)

    return make


def refused(response, words):
    return response.status_code == 400 and words in response.json()["error"]["description"]


def test_a_refund_has_the_documented_shape(sandbox, payment, refund):
    made = refund(amount=20000, receipt="r1", notes={"comment": "Tea"}).json()
    assert made == {
        "id": made["id"],
        "entity": "refund",
        "amount": 20000,
        "currency": "INR",
        "payment_id": payment,
        "notes": {"comment": "Tea"},
        "receipt": "r1",
        "acquirer_data": {"arn": "10000000000000"},
        "created_at": made["created_at"],
        "batch_id": None,
        "status": "processed",
        "speed_processed": "normal",
        "speed_requested": "normal",
    }
    assert made["id"].startswith("rfnd_")
    assert sandbox.api("GET", f"/v1/refunds/{made['id']}").json() == made
    paid = sandbox.api("GET", f"/v1/payments/{payment}").json()
    assert (paid["status"], paid["amount_refunded"], paid["refund_status"]) == ("captured", 20000, "partial")
    rest = refund(speed="optimum").json()
    assert (rest["amount"], rest["speed_processed"], rest["notes"]) == (30000, "instant", [])
    paid = sandbox.api("GET", f"/v1/payments/{payment}").json()
    assert (paid["status"], paid["amount_refunded"], paid["refund_status"]) == ("refunded", 50000, "full")
    listed = sandbox.api("GET", f"/v1/payments/{payment}/refunds").json()
    assert [item["id"] for item in listed["items"]] == [rest["id"], made["id"]]
    assert rest["id"] in [item["id"] for item in sandbox.api("GET", "/v1/refunds").json()["items"]]


def test_what_it_refuses(sandbox, refund):
    assert refused(refund(amount=99), "at least INR 1.00")
    assert refused(refund(amount=50001), "greater than the refund payment amount")
    assert refused(refund(amount=100.5), "must be an integer")
    assert refused(refund(amount=100, speed="warp"), "speed is invalid")
    assert refused(refund(amount=100, receipt="r" * 41), "40 characters")
    assert refused(refund(amount=100, sum=1), "should not be sent")
    sandbox.switch(refund_ends="refused")
    assert refused(refund(amount=100), "enough balance")
    sandbox.switch()
    assert refund().ok
    assert refused(refund(), "fully refunded already")


def test_only_captured_payments_are_refunded(sandbox):
    order = sandbox.api("POST", "/v1/orders", {"amount": 100, "currency": "INR"}).json()
    body = {"order_id": order["id"], "captured": False}
    paid = sandbox.api("POST", "/sandbox/payments", body).json()["payment"]["id"]
    assert refused(sandbox.api("POST", f"/v1/payments/{paid}/refund", {}), "should be captured")
    assert refused(sandbox.api("POST", "/v1/payments/pay_none/refund", {}), "does not exist")


def test_the_same_key_makes_the_same_refund(refund):
    first = refund("a-key-of-ours", amount=20000).json()
    assert refund("a-key-of-ours", amount=20000).json() == first
    assert refused(refund("a-key-of-ours", amount=30000), "same idempotency key")
    assert refund("another-key-1", amount=20000).json()["id"] != first["id"]
    assert refused(refund("short", amount=100), "at least 10")


def test_a_slow_refund_is_pending_first_and_may_fail(sandbox, payment, refund):
    sandbox.switch(refund_seconds=60)
    slow = refund(amount=20000).json()
    assert slow["status"] == "pending"
    assert sandbox.api("GET", f"/v1/refunds/{slow['id']}").json()["status"] == "pending"
    sandbox.switch(refund_ends="failed")
    assert sandbox.api("GET", f"/v1/refunds/{slow['id']}").json()["status"] == "failed"
    assert sandbox.api("GET", f"/v1/payments/{payment}").json()["amount_refunded"] == 0


def test_a_dispute_goes_on_by_a_control(sandbox, payment):
    raised = sandbox.api("POST", "/sandbox/disputes", {"payment_id": payment, "amount": 20000}).json()
    assert raised["id"].startswith("disp_")
    assert (raised["status"], raised["phase"], raised["amount"], raised["amount_deducted"]) == (
        "open",
        "chargeback",
        20000,
        0,
    )
    for how, status, deducted in (
        ("under_review", "under_review", 0),
        ("action_required", "open", 0),
        ("lost", "lost", 20000),
    ):
        sandbox.api("POST", "/sandbox/disputes", {"dispute_id": raised["id"], "how": how})
        told = sandbox.api("GET", f"/v1/disputes/{raised['id']}").json()
        assert (told["status"], told["amount_deducted"]) == (status, deducted)
    assert raised["id"] in [item["id"] for item in sandbox.api("GET", "/v1/disputes").json()["items"]]
    assert refused(sandbox.api("POST", "/sandbox/disputes", {"dispute_id": raised["id"], "how": "x"}), "one of")
    assert refused(sandbox.api("GET", "/v1/disputes/disp_none"), "does not exist")
