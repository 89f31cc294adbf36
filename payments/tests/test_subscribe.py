"""Subscribing: the plans, the terms, over to the gateway and back."""

import threading

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from courses.models import Grant
from payments.models import Order, Plan, Subscription
from payments.subscribing import NotNow, _create_or_lose, open_for
from payments.subscriptions import sync

pytestmark = pytest.mark.detail

CALLBACK = "/checkout/callback/subscription"


@pytest.fixture
def yearly(db) -> Plan:
    return Plan.objects.create(name="Everything, yearly", slug="yearly", period="yearly", price_paise=799000)


@pytest.fixture
def come_back():
    return lambda fields: Client(enforce_csrf_checks=True).post(CALLBACK, fields)


def at_gateway(sandbox, kind: str, entity_id) -> dict:
    return sandbox.api("GET", f"/v1/{kind}/{entity_id}").json()


# --- The plans ---
def test_everybody_sees_the_plans_and_what_a_year_saves(client, plan, yearly, course):
    Plan.objects.create(name="Old plan", slug="old", price_paise=100, is_offered=False)
    page = client.get("/subscribe").text
    assert "₹799" in page
    assert "Saves ₹1,598 a year" in page
    assert "Old plan" not in page
    assert client.get("/subscribe/monthly").url.startswith("/login")
    assert client.post("/subscribe/monthly").url.startswith("/login")


def test_there_may_be_no_plan(client, db):
    assert "no plan" in client.get("/subscribe").text


def test_a_year_that_saves_nothing_does_not_say_so(client, plan, yearly):
    Plan.objects.filter(pk=yearly.pk).update(price_paise=plan.price_paise * 12)
    assert "Saves" not in client.get("/subscribe").text


def test_an_unknown_plan_is_not_there(alice, client_of):
    Plan.objects.create(name="Old plan", slug="old", price_paise=100, is_offered=False)
    for slug in ("nothing", "old", "a%00b", "x" * 500):
        assert client_of(alice).post(f"/subscribe/{slug}", {"price_paise": 100}).status_code == 404


# --- Going to the gateway ---
def test_it_leads_to_the_gateway(sandbox, plan, alice, client_of):
    client = client_of(alice)
    assert "₹799 every month" in client.get(plan.get_absolute_url()).text
    response = client.post(plan.get_absolute_url(), {"price_paise": "79900"})
    subscription = Subscription.objects.get()
    fields = response.context["fields"]
    assert fields["subscription_id"] == subscription.gateway_subscription_id
    assert fields["callback_url"] == f"http://testserver{CALLBACK}"
    assert (subscription.user, subscription.status, subscription.price_paise) == (alice, "created", 79900)
    there = at_gateway(sandbox, "subscriptions", subscription.gateway_subscription_id)
    plan.refresh_from_db()
    assert (there["plan_id"], there["total_count"], there["customer_notify"]) == (plan.gateway_plan_id, 120, False)
    assert at_gateway(sandbox, "plans", plan.gateway_plan_id)["item"]["amount"] == 79900
    assert "Continue to the payment page" in response.text


def test_the_sandbox_lets_somebody_agree(sandbox, waiting, alice, client_of):
    """Through the page that people see."""
    fields = client_of(alice).post("/subscribe/monthly", {"price_paise": "79900"}).context["fields"]
    page = sandbox.session.post(f"{sandbox.url}/v1/checkout/embedded", fields).text
    assert "₹799.00" in page
    form = {name: fields[name] for name in ("subscription_id", "callback_url")} | {"how": "upi"}
    back = sandbox.session.post(f"{sandbox.url}/pay/subscription", form).text
    assert "razorpay_subscription_id" in back
    assert CALLBACK in back
    assert back == sandbox.session.post(f"{sandbox.url}/pay/subscription", form).text  # a second click


def test_a_second_click_leads_to_the_same_subscription(sandbox, plan, alice, client_of):
    ids = set()
    for _ in range(3):
        fields = client_of(alice).post("/subscribe/monthly", {"price_paise": "79900"}).context["fields"]
        ids.add(fields["subscription_id"])
    assert (len(ids), Subscription.objects.count()) == (1, 1)


def test_the_gateway_plan_is_made_once(sandbox, plan, open_subscription, alice, bob):
    assert len({at_plan(sandbox, open_subscription(user, plan)) for user in (alice, bob)}) == 1


def at_plan(sandbox, subscription) -> str:
    return at_gateway(sandbox, "subscriptions", subscription.gateway_subscription_id)["plan_id"]


def test_a_plan_that_the_gateway_has_forgotten_is_made_again(sandbox, plan, alice, open_subscription):
    Plan.objects.update(gateway_plan_id="plan_forgotten")
    subscription = open_subscription(alice, plan)
    plan.refresh_from_db()
    assert at_plan(sandbox, subscription) == plan.gateway_plan_id != "plan_forgotten"


def test_a_subscription_that_the_gateway_has_forgotten_makes_room(sandbox, waiting, plan, alice, open_subscription):
    sandbox.forget(waiting.gateway_subscription_id)
    again = open_subscription(alice, plan)
    waiting.refresh_from_db()
    assert again.pk != waiting.pk
    assert (waiting.status, waiting.live_key) == ("expired", None)


def test_one_that_waits_is_given_up_for_another_plan(sandbox, waiting, yearly, alice, open_subscription):
    again = open_subscription(alice, yearly)
    waiting.refresh_from_db()
    assert (waiting.status, again.plan) == ("cancelled", yearly)
    assert at_gateway(sandbox, "subscriptions", waiting.gateway_subscription_id)["status"] == "cancelled"


def test_one_that_was_paid_meanwhile_is_not_given_up(sandbox, waiting, yearly, alice, client_of):
    sandbox.agree(waiting)
    response = client_of(alice).post("/subscribe/yearly", {"price_paise": "799000"})
    assert response.status_code == 409
    assert "You have a subscription already" in response.text
    waiting.refresh_from_db()
    assert (waiting.status, Subscription.objects.count(), Grant.objects.count()) == ("active", 1, 1)


def test_a_price_that_is_not_the_one_shown_is_shown_again(sandbox, plan, alice, client_of):
    client = client_of(alice)
    for price in ("79901", "", "0", "-79900", "799.00", "७९९००", "9" * 50, "79900\0"):
        response = client.post("/subscribe/monthly", {"price_paise": price})
        assert response.status_code == 409
        assert "not the one you saw" in response.text
    assert not Subscription.objects.exists()


def test_a_price_that_changes_at_this_moment_is_not_agreed_to(sandbox, plan, alice, open_subscription):
    Plan.objects.update(price_paise=99900)
    with pytest.raises(NotNow):
        open_for(alice, plan)
    plan.refresh_from_db()
    assert open_subscription(alice, plan).price_paise == 99900
    assert Plan.objects.get().gateway_plan_id


def test_a_new_price_is_for_new_subscribers(sandbox, running, plan, bob, open_subscription, client_of, stella):
    before = Plan.objects.get().gateway_plan_id
    form = {"name": plan.name, "slug": plan.slug, "period": plan.period, "price_paise": 99900, "is_offered": "on"}
    assert client_of(stella).post(f"/admin/payments/plan/{plan.pk}/change/", form).status_code == 302
    plan.refresh_from_db()
    subscription = open_subscription(bob, plan)
    assert at_plan(sandbox, subscription) != before
    running.refresh_from_db()
    assert (running.price_paise, subscription.price_paise) == (79900, 99900)


def test_a_dead_gateway_says_so_and_keeps_it(sandbox, plan, alice, client_of, open_subscription):
    sandbox.switch(api_failure="json500")
    response = client_of(alice).post("/subscribe/monthly", {"price_paise": "79900"})
    assert response.status_code == 503
    assert "Nothing was charged" in response.text
    sandbox.switch()
    assert open_subscription(alice, plan).gateway_subscription_id
    assert Subscription.objects.count() == 1


def test_what_stands_on_the_invoices_is_asked_once(sandbox, plan, alice, client_of):
    client = client_of(alice)
    wrong = {"price_paise": "79900", "billing-gstin": "29ABC"}
    response = client.post("/subscribe/monthly", wrong)
    assert response.status_code == 400
    assert response.context["billing"].errors.keys() == {"gstin"}
    assert not Subscription.objects.exists()
    client.post("/subscribe/monthly", {"price_paise": "79900", "billing-name": "Knots Ltd", "billing-state": "29"})
    subscription = Subscription.objects.get()
    sandbox.agree(subscription)
    sandbox.let_days_pass(32)
    sync(subscription)
    assert [order.billing for order in Order.objects.all()] == [{"name": "Knots Ltd", "state": "29"}] * 2


# --- Who cannot ---
def test_staff_see_why_they_cannot(sandbox, plan, stella, client_of):
    client = client_of(stella)
    page = client.get("/subscribe").text
    assert "staff cannot buy a plan" in page
    assert "Choose Everything" not in page
    response = client.post("/subscribe/monthly", {"price_paise": "79900"})
    assert response.status_code == 409
    assert "staff cannot buy a plan" in response.text
    assert not Subscription.objects.exists()


def test_a_second_one_is_refused_with_the_reason(sandbox, running, alice, client_of):
    client = client_of(alice)
    for values, reason in [
        ({}, "You have a subscription already"),
        ({"status": "authenticated"}, "You have a subscription already"),
        ({"status": "pending"}, "failed"),
        ({"status": "paused"}, "is paused"),
        ({"ends_with_period": True}, "After that you can choose again"),
    ]:
        Subscription.objects.update(**{"status": "active"} | values)
        response = client.get("/subscribe/monthly")
        assert response.status_code == 409
        assert reason in response.text
        assert reason in client.get("/subscribe").text
    response = client.post("/subscribe/monthly", {"price_paise": "79900"})  # asks the gateway, which says it runs
    assert response.status_code == 409
    assert "Your subscription" in response.text
    assert Subscription.objects.count() == 1


def test_a_halted_one_makes_room(sandbox, running, plan, alice, open_subscription):
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(40)  # and no webhook told us
    again = open_subscription(alice, plan)
    running.refresh_from_db()
    assert (running.status, again.status) == ("cancelled", "created")
    assert again.pk != running.pk


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_a_second_live_one(running, plan, alice):
    assert _create_or_lose(alice, plan) is None
    assert Subscription.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_clicks_at_once_make_one(sandbox, plan, alice, client_of):
    clients = [client_of(alice) for _ in range(8)]
    ids: list[str] = []

    def click(client):
        response = client.post("/subscribe/monthly", {"price_paise": "79900"})
        ids.append(response.context["fields"]["subscription_id"] if response.status_code == 200 else "refused")
        connection.close()

    threads = [threading.Thread(target=click, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Subscription.objects.filter(live_key=str(alice.pk)).count() == Subscription.objects.count() == 1
    assert set(ids) <= {Subscription.objects.get().gateway_subscription_id, "refused"}


# --- Coming back ---
def test_coming_back_opens_everything(sandbox, waiting, come_back, alice, client_of):
    response = come_back(sandbox.agree(waiting))
    assert (response.status_code, response.url) == (303, "/my/subscription")
    waiting.refresh_from_db()
    assert waiting.status == "active"
    assert waiting.returned_at
    assert Grant.objects.count() == 1
    page = client_of(alice).get("/my/subscription").text
    assert client_of(alice).get("/my/subscription/status").headers["HX-Refresh"] == "true"
    assert "Your subscription runs" in page
    assert Order.objects.get().number in page


def test_coming_back_again_changes_nothing(sandbox, waiting, come_back):
    fields = sandbox.agree(waiting)
    assert {come_back(fields).status_code for _ in range(3)} == {303}
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)


@pytest.mark.parametrize("name", ["razorpay_payment_id", "razorpay_subscription_id", "razorpay_signature"])
def test_it_refuses_what_the_gateway_did_not_sign(sandbox, waiting, come_back, name):
    fields = sandbox.agree(waiting)
    rest = {key: text for key, text in fields.items() if key != name}
    changed = ("", "x", "é", "a\0b", "9" * 5000, fields[name] + "0")
    for tampered in [rest, *(rest | {name: value} for value in changed)]:
        assert come_back(tampered).status_code == 400
    waiting.refresh_from_db()
    assert (waiting.status, waiting.returned_at) == ("created", None)


def test_the_signature_of_an_order_is_not_one_of_a_subscription(sandbox, waiting, come_back, sign, settings):
    fields = sandbox.agree(waiting)
    wrong_way_round = f"{fields['razorpay_subscription_id']}|{fields['razorpay_payment_id']}"
    forged = fields | {"razorpay_signature": sign(settings.RAZORPAY_KEY_SECRET, wrong_way_round)}
    assert come_back(forged).status_code == 400


def test_it_does_not_know_subscriptions_that_are_not_ours(sandbox, waiting, come_back):
    fields = sandbox.agree(waiting)
    Subscription.objects.update(gateway_subscription_id="sub_another")
    assert come_back(fields).status_code == 404


def test_a_failed_payment_leads_back_to_try_again(sandbox, waiting, come_back, alice, client_of):
    response = come_back(sandbox.agree(waiting, "fail"))
    assert (response.status_code, response.url) == (303, "/my/subscription")
    page = client_of(alice).get("/my/subscription").text
    assert "It waits for your payment" in page
    assert 'href="/subscribe/monthly"' in page


def test_it_asks_to_wait_while_the_bank_is_slow(sandbox, waiting, come_back, alice, client_of):
    """That it goes on by itself is seen in a browser (test_journey.py)."""
    sandbox.switch(pending_seconds=60)
    come_back(sandbox.agree(waiting, "later"))
    client = client_of(alice)
    assert "We are confirming your payment" in client.get("/my/subscription").text
    assert "still confirming" in client.get("/subscribe").text
    assert "HX-Refresh" not in client.get(reverse("payments:subscription_status")).headers


def test_a_gateway_that_is_down_at_the_return_is_asked_later(sandbox, waiting, come_back, alice, client_of):
    fields = sandbox.agree(waiting)
    sandbox.switch(api_failure="html502")
    assert come_back(fields).status_code == 303
    waiting.refresh_from_db()
    assert (waiting.status, waiting.state) == ("created", "confirming")
    client = client_of(alice)
    client.post("/my/subscription/check")
    assert "does not answer" in client.get("/my/subscription").text
    sandbox.switch()
    cache.clear()
    client.post("/my/subscription/check")
    waiting.refresh_from_db()
    assert waiting.status == "active"
