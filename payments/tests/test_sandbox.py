"""The sandbox looks like Razorpay from outside. The shapes are those of its documentation (see payments/sandbox)."""

import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from html import unescape

import pytest
import requests

from payments.tests.conftest import ROOT, start_sandbox, stop_sandbox

ORDER = {"amount": 50000, "currency": "INR", "receipt": "receipt#1", "notes": {"order_number": "7"}}


@pytest.fixture
def new_order(sandbox):
    return sandbox.api("POST", "/v1/orders", ORDER).json()


def refused(response, words: str, status: int = 400) -> bool:
    error = response.json()["error"]
    return response.status_code == status and error["code"] == "BAD_REQUEST_ERROR" and words in error["description"]


def checkout(sandbox, order, **changes):
    """Open the payment page as the browser does."""
    form = {
        "key_id": sandbox.auth[0],
        "order_id": order["id"],
        "name": "<b>Shop</b>",
        "description": "A course",
        "prefill[email]": "alice@example.org",
        "callback_url": "http://shop.test/back",
        "cancel_url": "http://shop.test/cart",
    }
    return sandbox.api("POST", "/v1/checkout/embedded", data=form | changes)


def press(sandbox, page, how: str):
    return sandbox.api("POST", "/pay", data=hidden(page.text) | {"how": how})


def hidden(page: str) -> dict[str, str]:
    pairs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {unescape(name): unescape(value) for name, value in pairs}


def test_orders_have_the_documented_shape(new_order, sandbox):
    assert re.fullmatch(r"order_[A-Za-z0-9]{14}", new_order.pop("id"))
    assert abs(new_order.pop("created_at") - time.time()) < 60
    assert new_order == {
        "entity": "order",
        "amount": 50000,
        "amount_paid": 0,
        "amount_due": 50000,
        "currency": "INR",
        "receipt": "receipt#1",
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": {"order_number": "7"},
    }


def test_orders_are_fetched_and_listed(sandbox, new_order):
    assert sandbox.api("GET", f"/v1/orders/{new_order['id']}").json() == new_order
    listed = sandbox.api("GET", "/v1/orders?count=1").json()
    assert listed == {"entity": "collection", "count": 1, "items": [new_order]}
    assert refused(sandbox.api("GET", "/v1/orders?count=x"), "count")
    assert refused(sandbox.api("GET", "/v1/orders?count=101"), "count")


def test_payments_are_listed_by_the_time_they_were_made(sandbox, order):
    """“Fetch All Payments”, and the refusal that its page shows for a time that is none."""
    for _ in range(3):
        sandbox.pay(order)
    newest = sandbox.api("GET", "/v1/payments?count=3").json()["items"]
    paged = [sandbox.api("GET", f"/v1/payments?count=1&skip={skip}").json()["items"][0] for skip in range(3)]
    assert [payment["order_id"] for payment in newest] == [order.gateway_order_id] * 3
    assert paged == newest
    at = newest[0]["created_at"]
    assert newest[0] in sandbox.api("GET", f"/v1/payments?from={at}&to={at}&count=100").json()["items"]
    assert sandbox.api("GET", f"/v1/payments?from={at + 60}").json() == {
        "entity": "collection",
        "count": 0,
        "items": [],
    }
    assert refused(sandbox.api("GET", "/v1/payments?from=1"), "between 946684800 and 4765046400")
    assert refused(sandbox.api("GET", "/v1/payments?skip=-1"), "integer")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": None}, "integer"),
        ({"amount": 99}, "less than minimum"),
        ({"amount": 499.0}, "integer"),
        ({"amount": "50000"}, "integer"),
        ({"amount": True}, "integer"),
        ({"currency": "XYZ"}, "Currency"),
        ({"receipt": "r" * 41}, "40 characters"),
        ({"notes": "text"}, "notes"),
        ({"notes": {str(n): "x" for n in range(16)}}, "notes"),
        ({"colour": "red"}, "should not be sent"),
    ],
)
def test_wrong_orders_are_refused_as_documented(sandbox, change, words):
    assert refused(sandbox.api("POST", "/v1/orders", ORDER | change), words)


def test_incomplete_and_broken_requests_are_refused(sandbox):
    assert refused(sandbox.api("POST", "/v1/orders", {"currency": "INR"}), "amount field is required")
    assert refused(sandbox.api("POST", "/v1/orders", {"amount": 100}), "currency field is required")
    assert refused(sandbox.api("POST", "/v1/orders", data="{"), "not JSON")
    assert refused(sandbox.api("POST", "/v1/orders", data="[]"), "not an object")
    assert refused(sandbox.api("GET", "/v1/orders/order_none"), "does not exist")
    assert refused(sandbox.api("GET", "/v1/payments/pay_none"), "does not exist")
    for path in ("/v1/settlements", "/nowhere", "/static/../store.py", "/static/none.css", "/sandbox/nowhere"):
        assert refused(sandbox.api("GET", path), "not found", 404)
    assert refused(sandbox.api("GET", "/v1/checkout/embedded"), "not found", 404)


def test_only_its_own_files_are_served(sandbox):
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
    connection.request("GET", "/static/../static/sandbox.css")  # requests would tidy the path up
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize("auth", [None, ("rzp_test_sandbox", ""), ("rzp_test_sandbox", "wrong"), ("", "")])
def test_the_api_requires_the_keys(sandbox, new_order, auth):
    for path in ("/v1/orders", f"/v1/orders/{new_order['id']}", "/sandbox/deliveries"):
        assert refused(sandbox.api("GET", path, auth=auth), "Authentication failed", 401)


def test_payments_have_the_documented_shape(sandbox, new_order):
    press(sandbox, checkout(sandbox, new_order), "card")
    collection = sandbox.api("GET", f"/v1/orders/{new_order['id']}/payments").json()
    assert (collection["entity"], collection["count"]) == ("collection", 1)
    [payment] = collection["items"]
    assert sandbox.api("GET", f"/v1/payments/{payment['id']}").json() == payment
    expected = {
        "entity": "payment",
        "amount": 50000,
        "currency": "INR",
        "status": "captured",
        "captured": True,
        "order_id": new_order["id"],
        "method": "card",
        "email": "alice@example.org",
        "amount_refunded": 0,
        "refund_status": None,
        "fee": 1000,
        "tax": 180,
        "error_code": None,
    }
    assert {name: payment[name] for name in expected} == expected
    assert re.fullmatch(r"pay_[A-Za-z0-9]{14}", payment["id"])
    order = sandbox.api("GET", f"/v1/orders/{new_order['id']}").json()
    assert (order["status"], order["amount_paid"], order["amount_due"], order["attempts"]) == ("paid", 50000, 0, 1)


def test_the_page_shows_the_order_and_says_that_it_is_a_sandbox(sandbox, new_order):
    page = checkout(sandbox, new_order)
    assert page.status_code == 200
    for text in ("No money moves", "₹500.00", "&lt;b&gt;Shop&lt;/b&gt;", "alice@example.org", "http://shop.test/cart"):
        assert text in page.text
    assert "<b>" not in page.text
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    for asset in ("/static/sandbox.css", "/static/return.js", "/"):
        assert requests.get(sandbox.url + asset, timeout=5).ok


def test_success_goes_back_signed(sandbox, new_order):
    page = press(sandbox, checkout(sandbox, new_order), "upi")
    assert 'action="http://shop.test/back"' in page.text
    assert "form-action 'self' http://shop.test" in page.headers["Content-Security-Policy"]
    assert ">Continue<" in page.text
    back = hidden(page.text)
    assert set(back) == {"razorpay_payment_id", "razorpay_order_id", "razorpay_signature"}
    message = f"{new_order['id']}|{back['razorpay_payment_id']}".encode()
    signature = hmac.new(sandbox.auth[1].encode(), message, hashlib.sha256).hexdigest()
    assert back["razorpay_signature"] == signature


def test_failure_goes_back_as_documented(sandbox, new_order):
    back = hidden(press(sandbox, checkout(sandbox, new_order), "fail").text)
    assert back["error[code]"] == "BAD_REQUEST_ERROR"
    assert back["error[reason]"] == "payment_failed"
    assert json.loads(back["error[metadata]"])["order_id"] == new_order["id"]
    order = sandbox.api("GET", f"/v1/orders/{new_order['id']}").json()
    assert (order["status"], order["amount_due"], order["attempts"]) == ("attempted", 50000, 1)


def test_a_slow_bank_pays_later(sandbox, new_order):
    sandbox.switch(pending_seconds=0.3)
    back = hidden(press(sandbox, checkout(sandbox, new_order), "later").text)
    url = f"/v1/payments/{back['razorpay_payment_id']}"
    assert sandbox.api("GET", url).json()["status"] == "created"
    deadline = time.monotonic() + 5
    while sandbox.api("GET", url).json()["status"] != "captured":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_click_is_not_a_second_payment(sandbox, new_order):
    page = checkout(sandbox, new_order)
    first, second = hidden(press(sandbox, page, "upi").text), hidden(press(sandbox, page, "card").text)
    assert first == second
    assert hidden(checkout(sandbox, new_order).text) == first, "nor is a reload of the page"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key_id": "rzp_test_other"}, "api key"),
        ({"order_id": "order_none"}, "does not exist"),
        ({"callback_url": ""}, "callback_url"),
        ({"callback_url": "javascript://shop.test/%0aalert(1)"}, "callback_url"),
        ({"callback_url": "http://shop.test/;script-src *"}, "callback_url"),
        ({"cancel_url": "data:text/html,x"}, "cancel_url"),
    ],
)
def test_the_page_refuses_wrong_forms(sandbox, new_order, change, words):
    response = checkout(sandbox, new_order, **change)
    assert words in response.json()["error"]["description"]
    assert response.status_code in (400, 401)


def test_somebody_who_pays_and_closes_the_tab_brings_nothing_back(sandbox, new_order):
    page = press(sandbox, checkout(sandbox, new_order), "close")
    assert "<form" not in page.text
    [payment] = sandbox.api("GET", f"/v1/orders/{new_order['id']}/payments").json()["items"]
    assert payment["status"] == "captured"


def test_the_page_refuses_other_ways_to_pay(sandbox, new_order):
    assert refused(press(sandbox, checkout(sandbox, new_order), "cash"), "no such way")
    assert not sandbox.api("GET", f"/v1/orders/{new_order['id']}/payments").json()["count"]


def test_capture_follows_the_rules(sandbox, new_order):
    body = {"order_id": new_order["id"], "captured": False}
    held = sandbox.api("POST", "/sandbox/payments", body).json()["payment"]
    assert (held["status"], held["captured"]) == ("authorized", False)
    url, right = f"/v1/payments/{held['id']}/capture", {"amount": 50000, "currency": "INR"}
    assert refused(sandbox.api("POST", url, right | {"amount": 1}), "equal to the amount authorized")
    assert refused(sandbox.api("POST", url, right | {"currency": "USD"}), "equal to the amount authorized")
    assert sandbox.api("POST", url, right).json()["status"] == "captured"
    assert refused(sandbox.api("POST", url, right), "already been captured")
    failed = sandbox.api("POST", "/sandbox/payments", {"order_id": new_order["id"], "kind": "later"})
    assert refused(failed, "already done")


def test_a_failed_payment_cannot_be_captured(sandbox, new_order):
    failed = sandbox.api("POST", "/sandbox/payments", {"order_id": new_order["id"], "kind": "fail"}).json()["payment"]
    assert refused(sandbox.api("POST", f"/v1/payments/{failed['id']}/capture", {"amount": 50000}), "Only payments")


def test_switches_break_it_and_mend_it(sandbox):
    sandbox.switch(api_failure="html502")
    assert sandbox.api("GET", "/v1/orders").status_code == 502
    sandbox.switch(api_failure="json500")
    assert sandbox.api("GET", "/v1/orders").json()["error"]["code"] == "SERVER_ERROR"
    sandbox.switch(api_failure="any", api_failure_percent=0)
    assert sandbox.api("GET", "/v1/orders").ok
    sandbox.switch()
    assert sandbox.api("GET", "/v1/orders").ok
    assert refused(sandbox.api("POST", "/sandbox/switches", {"typo": 1}), "no switch typo")


def test_a_time_out_hides_what_was_done(sandbox, new_order):
    """The worst that can happen: the work is done, and the answer comes when nobody listens any more."""
    sandbox.switch(api_failure="time_out", time_out_seconds=0.5)
    with pytest.raises(requests.Timeout):
        sandbox.api("POST", "/v1/orders", ORDER | {"receipt": "late"}, timeout=0.2)
    sandbox.switch()
    newest = sandbox.api("GET", "/v1/orders?count=1").json()["items"][0]
    assert newest["receipt"] == "late"


class Shop:
    """A server that is told events and answers with the statuses that it is given, then with 200."""

    def __init__(self) -> None:
        self.events: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                shop.events.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(shop.statuses.pop(0) if shop.statuses else 200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def wait_for(self, count: int) -> list[str]:
        """The names of the events, once there are so many of them."""
        deadline = time.monotonic() + 20
        while len(self.events) < count:
            assert time.monotonic() < deadline, self.events
            time.sleep(0.05)
        return [json.loads(body)["event"] for _, body in self.events]


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


@pytest.fixture
def start(tmp_path):
    """Start a sandbox with data of its own; call again to restart it."""
    running = []

    def make(webhook_url: str):
        while running:
            stop_sandbox(running.pop())
        process, sandbox = start_sandbox(tmp_path, "--webhook-url", webhook_url)
        running.append(process)
        return sandbox

    yield make
    stop_sandbox(running.pop())


@pytest.mark.slow
def test_webhooks_are_signed_and_shaped_as_documented(shop, start):
    sandbox = start(shop.url)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    payment = sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"]}).json()["payment"]
    assert shop.wait_for(3) == ["payment.authorized", "payment.captured", "order.paid"]
    for headers, body in shop.events:
        genuine = hmac.new(b"sandbox-webhook-secret", body, hashlib.sha256).hexdigest()
        assert headers["X-Razorpay-Signature"] == genuine
    assert len({headers["X-Razorpay-Event-Id"] for headers, _ in shop.events}) == 3
    authorized, captured, paid = (json.loads(body) for _, body in shop.events)
    assert authorized["payload"]["payment"]["entity"]["status"] == "authorized", "a snapshot of its moment"
    assert set(captured) == {"entity", "account_id", "event", "contains", "payload", "created_at"}
    assert captured["payload"] == {"payment": {"entity": payment}}
    assert (paid["contains"], paid["payload"]["order"]["entity"]["status"]) == (["payment", "order"], "paid")


@pytest.mark.slow
def test_webhooks_are_sent_again_until_they_are_answered_even_after_a_restart(shop, start):
    shop.statuses = [500, 400]
    sandbox = start(shop.url)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"], "kind": "fail"})
    shop.wait_for(1)
    sandbox = start(shop.url)
    assert sandbox.api("GET", f"/v1/orders/{order['id']}").json()["status"] == "attempted", "nothing is forgotten"
    assert shop.wait_for(3) == ["payment.failed"] * 3
    assert len({headers["X-Razorpay-Event-Id"] for headers, _ in shop.events}) == 1
    deadline = time.monotonic() + 5
    while (delivery := sandbox.api("GET", "/sandbox/deliveries").json()[0])["is_waiting"]:
        assert time.monotonic() < deadline
    assert (delivery["event"], delivery["attempts"]) == ("payment.failed", 3)


@pytest.mark.slow
def test_webhooks_can_be_doubled_delayed_and_lost(shop, start):
    sandbox = start(shop.url)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    failure = {"order_id": order["id"], "kind": "fail"}
    sandbox.switch(webhook_copies=0)
    sandbox.api("POST", "/sandbox/payments", failure)
    sandbox.switch(webhook_copies=2, webhook_delay_seconds=0.5)
    started = time.monotonic()
    sandbox.api("POST", "/sandbox/payments", failure)
    shop.wait_for(2)
    assert time.monotonic() - started >= 0.5
    assert len({headers["X-Razorpay-Event-Id"] for headers, _ in shop.events}) == 1
    deliveries = sandbox.api("GET", "/sandbox/deliveries").json()
    assert deliveries[0]["attempts"] == 0, "lost on the way"


@pytest.mark.slow
def test_webhooks_can_come_in_another_order_and_get_lost_by_chance(shop, start):
    sandbox = start(shop.url)
    sandbox.switch(webhook_spread_seconds=1, webhook_lost_percent=30)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    for _ in range(40):
        sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"], "kind": "fail"})
    lost = sum(not row["is_waiting"] and not row["attempts"] for row in deliveries_of(sandbox))
    assert 0 < lost < 40
    shop.wait_for(40 - lost)
    come = [headers["X-Razorpay-Event-Id"] for headers, _ in shop.events]
    made = [row["event_id"] for row in deliveries_of(sandbox)]
    assert come != [event_id for event_id in made if event_id in come]


@pytest.mark.slow
def test_what_is_on_its_way_can_be_lost(shop, start):
    sandbox = start(shop.url)
    sandbox.switch(webhook_delay_seconds=60)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"]})
    assert sandbox.api("POST", "/sandbox/lose", {}).json() == {"lost": 3}
    assert not any(row["is_waiting"] for row in deliveries_of(sandbox))


def deliveries_of(sandbox):
    return sandbox.api("GET", "/sandbox/deliveries").json()


@pytest.mark.slow
def test_webhooks_wait_for_a_shop_that_is_closed(start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
    sandbox = start(url)
    order = sandbox.api("POST", "/v1/orders", ORDER).json()
    sandbox.api("POST", "/sandbox/payments", {"order_id": order["id"], "kind": "fail"})
    deadline = time.monotonic() + 5
    while not (delivery := sandbox.api("GET", "/sandbox/deliveries").json()[0])["attempts"]:
        assert time.monotonic() < deadline
    assert delivery["is_waiting"]


def refusal_to_start(*options: str, **variables: str) -> str:
    command = [sys.executable, "-m", "payments.sandbox", "--port", "0", *options]
    environment = os.environ | variables
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 1
    return done.stderr


def test_it_refuses_to_start_in_production(tmp_path):
    """With everything that production needs, so that only the guard can refuse."""
    names = (
        "SECRET_KEY",
        "RAZORPAY_KEY_ID",
        "RAZORPAY_KEY_SECRET",
        "RAZORPAY_WEBHOOK_SECRET",
        "DEFAULT_FROM_EMAIL",
        "CONTACT_EMAIL",
    )
    production = dict.fromkeys(names, "a-value") | {
        "DEBUG": "false",
        "SITE_URL": "https://courses.example.org",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "MEDIA_STORAGE_URL": "s3://bucket?region=ap-south-1",
        "EMAIL_URL": "smtp://localhost",
    }
    data = tmp_path / "sandbox.sqlite3"
    assert "runs only with DEBUG=true" in refusal_to_start("--data", str(data), **production)
    assert not data.exists()


def test_it_says_when_its_port_is_taken(sandbox, tmp_path):
    port = sandbox.url.rsplit(":", 1)[1]
    error = refusal_to_start("--data", str(tmp_path / "sandbox.sqlite3"), "--port", port)
    assert f"cannot use port {port}" in error
    assert "Traceback" not in error
