"""What the site makes of a gateway that answers strangely."""

import contextlib
import http.server
import json
import threading

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from coursebundler import bulkhead
from payments import razorpay, razorpay_refunds
from payments.models import Order, OrderLine, Payment, Refund

PAYMENT = {
    "id": "pay_1",
    "entity": "payment",
    "amount": 49900,
    "currency": "INR",
    "status": "captured",
    "order_id": "order_1",
    "method": "upi",
    "error_description": None,
}


def one(**changes) -> bytes:
    """A list with one payment, as the gateway would send it, but for the changes."""
    return json.dumps({"entity": "collection", "count": 1, "items": [PAYMENT | changes]}).encode()


@pytest.fixture
def odd_gateway(settings):
    """A gateway that gives every question the same answer: set `.status` and `.body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status, body, asked, stumbles = 200, one(), [], []

        def do_GET(self) -> None:
            Handler.asked.append(self.path)
            self.send_response(Handler.stumbles.pop() if Handler.stumbles else Handler.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(Handler.body)))
            self.send_header("Location", f"{settings.RAZORPAY_BASE_URL}/elsewhere")
            self.end_headers()
            self.wfile.write(Handler.body)

        def do_POST(self) -> None:
            """A new order is never refused."""
            Handler.asked.append(self.path)
            body = b'{"id": "order_2", "entity": "order"}'
            self.send_response(Handler.stumbles.pop() if Handler.stumbles else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    settings.RAZORPAY_BASE_URL = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def order(alice, course):
    terms = {"amount_paise": 49900, "sum_lines": [{"label": course.title, "amount_paise": 49900}]}
    order = Order.objects.create(user=alice, product_key=f"course:{course.pk}", gateway_order_id="order_1", **terms)
    OrderLine.for_course(course).of_order(order, 0).save()
    return order


def check(client: Client, order: Order) -> str:
    return client.post(reverse("payments:order_check", args=[order.pk]), follow=True).text


def test_it_works(odd_gateway, client_of, alice, order):
    assert "You’re in" in check(client_of(alice), order)
    assert odd_gateway.asked == ["/v1/orders/order_1/payments"]


ODD_ANSWERS = [
    (200, b""),
    (200, b"null"),
    (200, b"[]"),
    (200, b"{}"),
    (200, b'{"items": {}}'),
    (200, b'{"items": [null]}'),
    (200, one(amount=499.0)),
    (200, one(amount="49900")),
    (200, one(amount=True)),
    (200, one(amount=None)),
    (200, one(currency=None)),
    (200, one(status="")),
    (200, one(id=None)),
    (200, one(method=7)),
    (200, b"<html>Login to this Wi-Fi</html>"),
    (302, b"{}"),
    (404, b"<html>Not found</html>"),
    (400, b"{}"),
    (400, b'{"error": null}'),
    (400, b'{"error": {"code": "GATEWAY_ERROR", "description": "x"}}'),
    (400, b'{"error": {"code": "SERVER_ERROR", "description": "x"}}'),
    (400, b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "The id provided does not exist"}}'),
    (401, b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}}'),
    (429, b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "Too many requests"}}'),
    (500, one()),
]


def test_an_answer_that_makes_no_sense_changes_nothing(odd_gateway, client_of, alice, order, capsys):
    client = client_of(alice)
    for status, body in ODD_ANSWERS:
        cache.clear()
        odd_gateway.status, odd_gateway.body = status, body
        odd_gateway.asked.clear()
        assert "Razorpay does not answer at the moment" in check(client, order), (status, body)
        tries = 3 if status == 500 else 1
        assert len(odd_gateway.asked) == tries, "redirects are not followed with our keys in the hand"
    order.refresh_from_db()
    assert order.status == "created"
    assert not Payment.objects.exists()
    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("WARNING payments")]
    assert printed == [], "the SDK prints on its own"


def test_a_question_is_asked_again_if_the_gateway_stumbles(odd_gateway, client_of, alice, order):
    odd_gateway.stumbles += [502, 503]
    assert "You’re in" in check(client_of(alice), order)
    assert len(odd_gateway.asked) == 3


def test_all_tries_share_the_time_of_one(odd_gateway, settings, client_of, alice, order):
    settings.RAZORPAY_TIMEOUT_SECONDS = 0.2
    odd_gateway.stumbles += [502, 502]
    assert "Razorpay does not answer at the moment" in check(client_of(alice), order)
    assert len(odd_gateway.asked) == 2


def test_half_of_the_threads_wait_for_it_at_the_most(odd_gateway, settings, monkeypatch, client_of, alice, order):
    """While it is slow, who comes next is told at once to try again."""
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.05)
    with contextlib.ExitStack() as waiting:
        for _ in range(settings.WEB_THREADS // 2):
            waiting.enter_context(razorpay._waiting.place())
        assert "Razorpay does not answer at the moment" in check(client_of(alice), order)
    assert not odd_gateway.asked
    cache.clear()
    assert "You’re in" in check(client_of(alice), order)


def test_what_is_not_idempotent_there_is_asked_for_once(odd_gateway, order):
    """It may have been done, whatever the answer was."""
    odd_gateway.stumbles += [502]
    with pytest.raises(razorpay.GatewayUnavailable):
        razorpay.create_order(order)
    assert odd_gateway.asked == ["/v1/orders"]


def test_a_refund_is_asked_for_again_under_its_key(odd_gateway, order):
    odd_gateway.stumbles += [502]
    refund = Refund(order=order, amount_paise=49900, gateway_payment_id="pay_1")
    with pytest.raises(razorpay.GatewayUnavailable, match="usable"):  # this gateway makes orders only
        razorpay_refunds.create_refund(refund)
    assert len(odd_gateway.asked) == 2


def test_only_an_order_that_is_unknown_there_is_replaced(odd_gateway, client_of, alice, order, course):
    """Whoever still has the old payment page open would otherwise pay for an order that nobody looks at."""
    url, form = reverse("payments:checkout", args=[course.slug]), {"amount_paise": 49900}
    odd_gateway.status = 400
    odd_gateway.body = b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "Not now"}}'
    assert client_of(alice).post(url, form).status_code == 503
    order.refresh_from_db()
    assert order.gateway_order_id == "order_1"
    odd_gateway.body = b'{"error": {"code": "BAD_REQUEST_ERROR", "description": "The id provided does not exist"}}'
    assert client_of(alice).post(url, form).status_code == 200
    order.refresh_from_db()
    assert order.gateway_order_id == "order_2"


def test_the_first_of_two_payments_is_the_right_one(odd_gateway, client_of, alice, order, caplog):
    """The gateway lists the newest first."""
    items = [PAYMENT | {"id": "pay_2", "created_at": 2}, PAYMENT | {"id": "pay_1", "created_at": 1}]
    odd_gateway.body = json.dumps({"items": items}).encode()
    check(client_of(alice), order)
    assert "was paid again by pay_2" in caplog.text
    assert Payment.objects.count() == 2


def test_an_id_stays_an_id_in_the_address(odd_gateway, webhook, db):
    webhook("payment.captured", "../orders?x=1")
    assert odd_gateway.asked == ["/v1/payments/..%2Forders%3Fx%3D1"]


def test_what_may_be_missing_may_be_missing(odd_gateway, client_of, alice, order):
    odd_gateway.body = one(method=None, created_at="yesterday")
    assert "You’re in" in check(client_of(alice), order)


def test_what_is_too_long_for_the_ledger_is_cut(odd_gateway, client_of, alice, order):
    odd_gateway.body = one(status="failed", method="m" * 100, error_description="e" * 1000)
    check(client_of(alice), order)
    payment = Payment.objects.get()
    assert (payment.method, payment.reason) == ("m" * 20, "e" * 200)


def test_the_payment_page_may_be_posted_to(client, db):
    """The browser enforces this header on the form that leads to the gateway."""
    policy = client.get(reverse("account_login")).headers["Content-Security-Policy"]
    assert "form-action 'self' http://localhost:9" in policy
