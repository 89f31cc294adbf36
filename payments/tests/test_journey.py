"""The whole purchase with everything real: site, sandbox, webhooks, and for the last ones a browser."""

import time
from contextlib import contextmanager

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from courses.models import Grant
from payments import refunds
from payments.models import Dispute, Order, Payment, Refund, Subscription, TaxDocument, WebhookEvent
from payments.tests.conftest import start_sandbox, stop_sandbox
from tests.browser import ARGUMENTS, CHROMIUM

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def connected(live_server, tmp_path, settings):
    """A sandbox that sends its webhooks to the running site."""
    process, sandbox = start_sandbox(tmp_path, "--webhook-url", f"{live_server.url}{reverse('payments:webhook')}")
    assert "localhost" in live_server.url
    assert "127.0.0.1" in sandbox.url, "two sites to the browser, so cookies and CSP are as in real life"
    settings.RAZORPAY_BASE_URL = sandbox.url
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert "http://localhost:9" in directives["form-action"], "the gateway of the tests' settings"
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": directives | {"form-action": ["'self'", sandbox.url]}}
    yield sandbox
    sandbox.session.close()
    stop_sandbox(process)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_buyer_who_closes_the_browser_gets_the_course(connected, alice, course):
    """Only webhooks speak, each of them twice."""
    connected.switch(webhook_copies=2)
    buyer = Client()
    buyer.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    buyer.post(reverse("payments:checkout", args=[course.slug]), {"amount_paise": course.price_paise})
    order = Order.objects.get()
    connected.pay(order)
    wait_for(lambda: WebhookEvent.objects.count() == 3)
    wait_for(lambda: not any(row["is_waiting"] for row in connected.api("GET", "/sandbox/deliveries").json()))
    order.refresh_from_db()
    assert order.is_paid
    assert (Grant.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)
    assert set(WebhookEvent.objects.values_list("outcome", flat=True)) == {"paid"}


def test_a_subscription_lives_by_webhooks_alone(connected, alice, plan):
    """Paid, renewed, failed, halted: each event twice, and nobody ever looks."""
    connected.switch(webhook_copies=2)
    subscriber = Client()
    subscriber.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    subscriber.post(plan.get_absolute_url(), {"price_paise": plan.price_paise})
    subscription = Subscription.objects.get()
    connected.agree(subscription)
    wait_for(lambda: Grant.objects.count() == 1)
    connected.let_days_pass(32)
    wait_for(lambda: Grant.objects.count() == 2)
    connected.renewals(subscription, "fail")
    connected.let_days_pass(40)
    wait_for(lambda: not any(row["is_waiting"] for row in connected.api("GET", "/sandbox/deliveries").json()))
    subscription.refresh_from_db()
    assert subscription.status == "halted"
    assert (Order.objects.paid().count(), Payment.objects.filter(entry="captured").count()) == (2, 2)
    assert Grant.objects.latest("ends_at").ends_at == subscription.period_ends_at
    subjects = [letter.subject for letter in mail.outbox if "receipt" not in letter.subject]
    assert subjects[-1] == "Your subscription has ended"
    assert len(subjects) == len(set(subjects))


def test_a_refund_and_a_chargeback_by_webhooks_alone(connected, alice, course, make_course):
    connected.switch(webhook_copies=2, refund_seconds=3600)
    buyer = Client()
    buyer.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    for wanted in (course, make_course("Splices")):
        buyer.post(reverse("payments:checkout", args=[wanted.slug]), {"amount_paise": wanted.price_paise})
        connected.pay(Order.objects.latest("created_at"))
    wait_for(lambda: Grant.objects.active().count() == 2)
    unwanted, disputed = Order.objects.order_by("created_at")
    refund = refunds.request_refund(unwanted, unwanted.lines.all(), "", alice)
    refunds.send(refund)
    assert (refund.status, Grant.objects.active().count()) == ("sent", 2)
    connected.switch(webhook_copies=2)
    wait_for(lambda: Refund.objects.get().status == "processed")
    payment_id = disputed.payments.get().gateway_payment_id
    raised = connected.api("POST", "/sandbox/disputes", {"payment_id": payment_id}).json()["id"]
    connected.api("POST", "/sandbox/disputes", {"dispute_id": raised, "how": "lost"})
    wait_for(lambda: not any(row["is_waiting"] for row in connected.api("GET", "/sandbox/deliveries").json()))
    assert Dispute.objects.get().status == "lost"
    assert not Grant.objects.active().exists()
    booked = sorted(Payment.objects.values_list("entry", "amount_paise"))
    assert booked == [("captured", 49900), ("captured", 49900), ("charged_back", 49900), ("refunded", 49900)]
    notes = TaxDocument.objects.filter(kind="credit_note").values_list("total_paise", flat=True)
    assert list(notes) == [49900, 49900]


@contextmanager
def browser_page(live_server, user, *, java_script: bool):
    from playwright.sync_api import sync_playwright

    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(java_script_enabled=java_script)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.console = []
        page.on("console", lambda message: page.console.append(message.text))
        yield page
        browser.close()


@pytest.fixture
def _threads_may_use_the_database(monkeypatch):
    """Playwright runs an event loop in this thread, and Django then takes the tests for asynchronous."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def go_to_payment_page(page, live_server, course, *, java_script: bool) -> None:
    page.goto(live_server.url + reverse("payments:checkout", args=[course.slug]))
    page.get_by_role("button", name="Pay ₹499").click()
    if not java_script:
        page.get_by_role("button", name="Continue to the payment page").click()
    page.get_by_text("No money moves").wait_for()


@pytest.mark.browser
@pytest.mark.usefixtures("_threads_may_use_the_database")
@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_browser_goes_there_and_back(connected, live_server, alice, course, java_script):
    """There, back without paying, declined, and paid by a slow bank."""
    connected.switch(webhook_copies=0, pending_seconds=2)
    with browser_page(live_server, alice, java_script=java_script) as page:
        go_to_payment_page(page, live_server, course, java_script=java_script)
        page.get_by_role("link", name="Cancel and go back").click()
        page.get_by_text("waits for your payment").wait_for()

        go_to_payment_page(page, live_server, course, java_script=java_script)
        page.get_by_role("button", name="Card, declined").click()
        if not java_script:
            page.get_by_role("button", name="Continue").click()
        page.get_by_text("The payment did not go through").wait_for()

        go_to_payment_page(page, live_server, course, java_script=java_script)
        page.get_by_role("button", name="UPI, slow bank").click()
        if not java_script:
            page.get_by_role("button", name="Continue").click()
        page.get_by_text("We are confirming your payment").wait_for()
        page.get_by_text("You’re in").wait_for(timeout=25_000)
        assert page.url == f"{live_server.url}{Order.objects.get().get_absolute_url()}"
        assert not [line for line in page.console if "Content Security Policy" in line]
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)
    assert sorted(Payment.objects.values_list("entry", flat=True)) == ["captured", "failed"]


@pytest.mark.browser
@pytest.mark.usefixtures("_threads_may_use_the_database")
@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_somebody_subscribes_and_cancels(connected, live_server, alice, plan, java_script):
    """Declined first, then paid by a slow bank; cancelled at the end of the month."""
    connected.switch(webhook_copies=0, pending_seconds=2)
    with browser_page(live_server, alice, java_script=java_script) as page:
        for way in ("Card, declined", "UPI, slow bank"):
            page.goto(f"{live_server.url}/subscribe")
            page.get_by_role("link", name=f"Choose {plan}").click()
            page.get_by_role("button", name="Subscribe for ₹799 every month").click()
            if not java_script:
                page.get_by_role("button", name="Continue to the payment page").click()
            page.get_by_role("button", name=way).click()
            if not java_script:
                page.get_by_role("button", name="Continue").click()
            page.wait_for_url(f"{live_server.url}/my/subscription")
        page.get_by_text("Your subscription runs").wait_for(timeout=25_000)
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("button", name="Cancel the subscription").click()
        page.get_by_text("Every course stays open to you until").wait_for()
        assert not [line for line in page.console if "Content Security Policy" in line]
    subscription = Subscription.objects.get()
    assert (subscription.status, subscription.ends_with_period) == ("active", True)
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)
