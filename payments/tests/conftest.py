"""The payment sandbox, running for real, and what a browser and a gateway do with it."""

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from coursebundler.fields import uuid7
from courses.models import Course
from payments import pricing, razorpay
from payments.confirmation import confirm_order
from payments.models import Bundle, Dispute, Order, OrderLine, Plan, Refund, RefundLine, Subscription
from payments.subscriptions import sync
from users.models import User

# The same made-up cases in each run, and few of them: the suite is run often.
hypothesis.settings.register_profile("rules", derandomize=True, deadline=None, max_examples=40, database=None)
hypothesis.settings.load_profile("rules")

ROOT = Path(__file__).resolve().parent.parent.parent


class Sandbox:
    """A running sandbox and its controls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.auth = (django_settings.RAZORPAY_KEY_ID, django_settings.RAZORPAY_KEY_SECRET)

    def api(self, method: str, path: str, body: dict[str, Any] | None = None, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, json=body, **{"auth": self.auth, "timeout": 10} | kwargs)

    def switch(self, **values: Any) -> None:
        assert self.api("POST", "/sandbox/switches", values).ok

    def pay(self, order: Order, **changes: Any) -> dict[str, str]:
        """A payment of the order as its owner would make it; the fields that the browser brings back."""
        answer = self.api("POST", "/sandbox/payments", {"order_id": order.gateway_order_id} | changes)
        assert answer.ok, answer.text
        return answer.json()["return"]

    def agree(self, subscription: Subscription, how: str = "upi") -> dict[str, str]:
        """The payment with which a subscription begins, or the one that is pending; what the browser brings back."""
        asked = {"subscription_id": subscription.gateway_subscription_id, "how": how}
        answer = self.api("POST", "/sandbox/agreements", asked)
        assert answer.ok, answer.text
        return answer.json()["return"]

    def renewals(self, subscription: Subscription, how: str, **more: bool) -> None:
        asked = {"subscription_id": subscription.gateway_subscription_id, "how": how} | more
        assert self.api("POST", "/sandbox/renewals", asked).ok

    def let_days_pass(self, days: int) -> None:
        assert self.api("POST", "/sandbox/time", {"days": days}).ok

    def forget(self, entity_id: str) -> None:
        assert self.api("POST", "/sandbox/forget", {"id": entity_id}).ok


def start_sandbox(folder: Path, *options: str, port: int = 0) -> tuple[subprocess.Popen[str], Sandbox]:
    data = str(folder / "sandbox.sqlite3")
    command = [sys.executable, "-m", "payments.sandbox", "--port", str(port), "--data", data, "--quiet", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own module
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "no money moves" in line, line
    return process, Sandbox(line.split(" on ")[1].split(" ")[0])


def stop_sandbox(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    process, sandbox = start_sandbox(tmp_path_factory.mktemp("sandbox"), "--webhook-url", "")
    yield sandbox
    sandbox.session.close()
    stop_sandbox(process)


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Any) -> Sandbox:
    """The sandbox with all switches at normal, and the site talking to it."""
    settings.RAZORPAY_BASE_URL = running_sandbox.url
    running_sandbox.switch()
    running_sandbox.let_days_pass(0)
    return running_sandbox


@pytest.fixture
def open_order(sandbox: Sandbox, client_of: Callable[[User], Client]) -> Callable[[User, Course], Order]:
    """An order as the checkout page leaves it: unpaid, known at the gateway."""

    def make(user: User, course: Course) -> Order:
        response = client_of(user).post(
            reverse("payments:checkout", args=[course.slug]), {"amount_paise": course.price_paise}
        )
        assert response.status_code == 200
        return Order.objects.get(user=user, product_key=f"course:{course.pk}", status="created")

    return make


@pytest.fixture
def order(open_order: Callable[[User, Course], Order], alice: User, course: Course) -> Order:
    return open_order(alice, course)


@pytest.fixture
def sold(sandbox: Sandbox) -> Callable[..., Order]:
    """A paid order with a line for each course at its price, known at the gateway; with `seats`, that for each seat."""

    def make(user: User, prices: dict[Course, int], *, seats: int = 0) -> Order:
        amount_paise = sum(prices.values()) * max(seats, 1)
        order = Order.objects.create(
            user=user, product_key=f"sold:{uuid7()}", amount_paise=amount_paise, seat_count=seats
        )
        for seat in range(1, seats + 1) if seats else [0]:
            for course, price in prices.items():
                line = OrderLine.for_course(course, seat_number=seat, amount_paise=price)
                line.order = order
                line.save()
        order.gateway_order_id = razorpay.create_order(order)
        order.save(update_fields=["gateway_order_id"])
        sandbox.pay(order)
        assert confirm_order(order) == "paid"
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def plan(db: None) -> Plan:
    return Plan.objects.create(name="Everything, monthly", slug="monthly", price_paise=79900)


@pytest.fixture
def open_subscription(sandbox: Sandbox, client_of: Callable[[User], Client]) -> Callable[[User, Plan], Subscription]:
    """A subscription as its checkout leaves it: unpaid, known at the gateway."""

    def make(user: User, plan: Plan) -> Subscription:
        response = client_of(user).post(plan.get_absolute_url(), {"price_paise": plan.price_paise})
        assert response.status_code == 200, response.text
        return Subscription.objects.get(live_key=str(user.pk))

    return make


@pytest.fixture
def waiting(open_subscription: Callable[[User, Plan], Subscription], alice: User, plan: Plan) -> Subscription:
    return open_subscription(alice, plan)


@pytest.fixture
def running(sandbox: Sandbox, waiting: Subscription) -> Subscription:
    """Alice's subscription, paid for its first month."""
    sandbox.agree(waiting)
    sync(waiting)
    return waiting


@pytest.fixture
def make_bundle(db: None) -> Callable[..., Bundle]:
    """A published bundle of these courses for ₹600; `grows` lets buyers have what is added later."""

    def make(*courses: Course, title: str = "Boats", grows: bool = False, **fields: Any) -> Bundle:
        defaults = {
            "slug": title.lower().replace(" ", "-"),
            "promise": "Everything about boats.",
            "price_paise": 60000,
            "status": Bundle.Status.PUBLISHED,
        }
        bundle = Bundle.objects.create(title=title, **defaults | fields)
        bundle.publish_edition(courses, additions_included=grows)
        return bundle

    return make


@pytest.fixture
def two_courses(make_course: Callable[..., Course]) -> tuple[Course, Course]:
    """“Knots” for ₹499 and “Sails” for ₹301, with a lecture each."""
    knots = make_course("Knots", sections=1, lectures=1)
    return knots, make_course("Sails", price_paise=30100, sections=1, lectures=1)


@pytest.fixture
def bundle(make_bundle: Callable[..., Bundle], two_courses: tuple[Course, Course]) -> Bundle:
    """“Boats”: both for ₹600, a fixed set."""
    return make_bundle(*two_courses)


@pytest.fixture
def buy_bundle(sandbox: Sandbox, client_of: Callable[[User], Client]) -> Callable[[User, Bundle], Order]:
    """Buy it for what it costs this person, through the pages and the gateway."""

    def make(user: User, bundle: Bundle) -> Order:
        price = pricing.quote(user, bundle).amount_paise
        url = reverse("payments:bundle_checkout", args=[bundle.slug])
        assert client_of(user).post(url, {"amount_paise": price}).status_code in (200, 302)
        order = Order.objects.get(user=user, product_key=f"bundle:{bundle.pk}", bundle_edition=bundle.current_edition)
        if price:
            sandbox.pay(order)
            assert confirm_order(order) == "paid"
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def come_back() -> Callable[[dict[str, str]], Any]:
    """Post what the gateway's page posts, from a browser without our cookies and with CSRF checks on."""

    def post(fields: dict[str, str]) -> Any:
        return Client(enforce_csrf_checks=True).post(reverse("payments:callback"), fields)

    return post


@pytest.fixture
def webhook(settings: Any) -> Callable[..., Any]:
    """Deliver an event as Razorpay does; `signature=`, `event_id=` and `body=` change one thing about it."""

    def post(kind: str, payment_id: str = "", **changes: Any) -> Any:
        event = {
            "entity": "event",
            "account_id": "acc_Sandbox0000000",
            "event": kind,
            "contains": ["payment"],
            "payload": {"payment": {"entity": {"id": payment_id, "entity": "payment"}}},
            "created_at": 1_700_000_000,
        }
        body = changes.get("body", json.dumps(event).encode())
        genuine = hmac.new(settings.RAZORPAY_WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "X-Razorpay-Signature": changes.get("signature", genuine),
            "X-Razorpay-Event-Id": changes.get("event_id", "evt_1"),
        }
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        return client.post(
            reverse("payments:webhook"),
            body,
            content_type="application/json",
            headers={name: value for name, value in headers.items() if value is not None},
        )

    return post


@pytest.fixture
def sign() -> Callable[[str, str], str]:
    """The HMAC of a text under a secret, as Razorpay makes it."""
    return lambda secret, text: hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def broken_inserts(transactional_db: None) -> Iterator[Any]:
    """Make the database refuse new rows of a table, as a full disk or a killed worker would."""
    broken: dict[str, Any] = {}

    def make(table: str) -> None:
        if connection.vendor == "mongodb":
            broken[table] = connection.database[table].options().get("validator", {})
            connection.database.command("collMod", table, validator={"$jsonSchema": {"required": ["broken"]}})
            return
        broken[table] = None
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TRIGGER broken_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )

    def repair() -> None:
        while broken:
            table, rules = broken.popitem()
            if connection.vendor == "mongodb":
                connection.database.command("collMod", table, validator=rules)
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TRIGGER broken_{table}")

    make.repair = repair
    yield make
    repair()


@pytest.fixture
def paid_order() -> Callable[..., Order]:
    """A paid order for some courses, without the gateway; `fields` are the order's. `amount_paise=0` is a free one."""

    def make(user: User, *courses: Course, **fields: Any) -> Order:
        prices = {"amount_paise": fields["amount_paise"]} if "amount_paise" in fields else {}
        lines = [OrderLine.for_course(course, **prices) for course in courses]
        order = Order.objects.open_for(user, f"test:{uuid7()}", lines)
        Order.objects.filter(pk=order.pk).update(status=Order.Status.PAID, paid_at=timezone.now(), **fields)
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def refunded() -> Callable[..., Refund]:
    """A processed refund of some lines of an order (all unless said), in full or of `amount_paise` each."""

    def make(order: Order, *, lines: list[OrderLine] | None = None, amount_paise: int = 0, **fields: Any) -> Refund:
        defaults = {"status": Refund.Status.PROCESSED, "amount_paise": order.amount_paise, "reason": "Test"}
        refund = Refund.objects.create(order=order, processed_at=timezone.now(), **defaults | fields)
        for line in order.lines.all() if lines is None else lines:
            amount = amount_paise or line.amount_paise
            RefundLine.objects.create(refund=refund, line=line, refunded_line=line, amount_paise=amount)
        return refund

    return make


@pytest.fixture
def disputed() -> Callable[..., Dispute]:
    """A dispute of some lines of an order (all unless said), lost unless said otherwise."""

    def make(order: Order, *, lines: list[OrderLine] | None = None, **fields: Any) -> Dispute:
        defaults = {"status": Dispute.Status.LOST, "amount_paise": order.amount_paise}
        dispute = Dispute.objects.create(order=order, gateway_dispute_id=f"disp_{order.number}", **defaults | fields)
        for line in order.lines.all() if lines is None else lines:
            RefundLine.objects.create(dispute=dispute, line=line, refunded_line=line, amount_paise=line.amount_paise)
        return dispute

    return make
