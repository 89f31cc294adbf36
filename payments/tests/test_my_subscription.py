"""One's own subscription: how it stands, and cancelling, pausing, resuming and paying it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from courses.access import explain_access
from courses.models import Grant
from payments.models import Order, Subscription
from payments.subscriptions import sync

pytestmark = pytest.mark.detail

PAGE = "/my/subscription"


@pytest.fixture
def me(client_of, alice):
    return client_of(alice)


def letters() -> list[str]:
    """The subjects of all but receipts, which go out only where the test's transaction is a real one."""
    return [letter.subject for letter in mail.outbox if "receipt" not in letter.subject]


def status_there(sandbox, subscription) -> str:
    return sandbox.api("GET", f"/v1/subscriptions/{subscription.gateway_subscription_id}").json()["status"]


def fail_renewal(sandbox, subscription) -> None:
    sandbox.renewals(subscription, "fail")
    sandbox.let_days_pass(32)
    sync(subscription)


# --- The page ---
def test_without_one_it_leads_to_the_plans(me):
    page = me.get(PAGE)
    assert page.status_code == 200
    assert 'href="/subscribe"' in page.text
    assert me.get(f"{PAGE}/status").status_code == 404


def test_it_says_how_it_stands(sandbox, running, me):
    sandbox.switch(api_failure="json500")
    paid_until = running.period_ends_at
    for values, says in [
        ({}, "Your subscription runs"),
        ({"period_ends_at": None, "period_starts_at": None}, "is on its way"),
        ({"ends_with_period": True}, "You have cancelled it"),
        ({"status": "created", "period_ends_at": None}, "It waits for your payment"),
        ({"status": "created", "returned_at": timezone.now() + timedelta(hours=1)}, "We are confirming"),
        ({"status": "halted"}, "could not be renewed"),
        ({"status": "paused"}, "is paused"),
        ({"status": "cancelled", "live_key": None}, "has ended"),
        ({"status": "completed", "live_key": None}, "has ended"),
        ({"status": "expired", "live_key": None, "period_ends_at": None}, "You have no subscription"),
    ]:
        normal = {"status": "active", "ends_with_period": False, "returned_at": None, "period_ends_at": paid_until}
        Subscription.objects.update(**normal | values)
        for page in (me.get(PAGE), me.get(f"{PAGE}/status")):
            assert page.status_code == 200
            assert says in page.text


def test_it_shows_the_one_that_runs_and_not_a_later_one_that_was_given_up(running, plan, alice, me):
    Subscription.objects.create(user=alice, plan=plan, status="expired", price_paise=1)
    assert "Your subscription runs" in me.get(PAGE).text
    Subscription.objects.filter(pk=running.pk).update(status="cancelled", live_key=None)
    assert "Your subscription has ended" in me.get(PAGE).text


def test_everything_is_for_the_owner_only(running, bob, client_of, client):
    assert "You have none" in client_of(bob).get(PAGE).text
    for path in ("cancel", "pause", "resume", "pay"):
        assert client_of(bob).post(f"{PAGE}/{path}", {"when": "now"}).status_code == 404
        assert client.post(f"{PAGE}/{path}").url.startswith("/login")
    running.refresh_from_db()
    assert running.status == "active"


def test_looking_changes_nothing(sandbox, running, me):
    for path in ("cancel", "pause", "resume"):
        assert me.get(f"{PAGE}/{path}").status_code == 200
    for path in ("pay", "check"):
        assert me.get(f"{PAGE}/{path}").status_code == 405
    assert status_there(sandbox, running) == "active"


def test_it_asks_when_told_to_and_not_too_often(sandbox, running, me):
    sandbox.api("POST", f"/v1/subscriptions/{running.gateway_subscription_id}/pause")
    me.post(f"{PAGE}/check")
    running.refresh_from_db()
    assert running.status == "paused"
    sandbox.api("POST", f"/v1/subscriptions/{running.gateway_subscription_id}/resume")
    me.post(f"{PAGE}/check")
    running.refresh_from_db()
    assert running.status == "paused"


# --- Cancelling ---
def test_cancelling_keeps_what_was_paid_for(sandbox, running, me, alice, course):
    response = me.post(f"{PAGE}/cancel", {"when": "later"}, follow=True)
    assert "You have cancelled it" in response.text
    running.refresh_from_db()
    assert (running.status, running.ends_with_period) == ("active", True)
    assert explain_access(alice, course).is_allowed
    assert letters() == ["Your subscription is cancelled"]
    sandbox.let_days_pass(32)
    sync(running)
    assert (running.status, running.live_key) == ("cancelled", None)
    assert (Order.objects.count(), len(letters())) == (1, 1)
    assert Grant.objects.get().revoked_at is None


def test_cancelling_now_ends_everything_now(sandbox, running, me, alice, course):
    assert "has ended" in me.post(f"{PAGE}/cancel", {"when": "now"}, follow=True).text
    running.refresh_from_db()
    assert (running.status, running.live_key, status_there(sandbox, running)) == ("cancelled", None, "cancelled")
    access = explain_access(alice, course)
    assert not access.is_allowed
    assert "You ended your subscription" in access.explanation
    sync(running)
    assert not explain_access(alice, course).is_allowed
    assert letters() == ["Your subscription is cancelled"]


def test_it_has_to_be_said_when(sandbox, running, me):
    for when in ("", "never", "later\0", "now "):
        response = me.post(f"{PAGE}/cancel", {"when": when})
        assert response.status_code == 400
        assert response.context["form"].errors
    assert status_there(sandbox, running) == "active"


def test_one_that_waits_to_be_paid_is_cancelled_without_a_question(sandbox, waiting, me):
    assert me.get(f"{PAGE}/cancel").context["form"] is None
    me.post(f"{PAGE}/cancel")
    waiting.refresh_from_db()
    assert (waiting.status, status_there(sandbox, waiting)) == ("cancelled", "cancelled")
    assert not letters()


@pytest.mark.parametrize("status", ["pending", "paused", "halted"])
def test_each_that_goes_on_can_be_cancelled(sandbox, running, me, status):
    if status == "paused":
        sandbox.api("POST", f"/v1/subscriptions/{running.gateway_subscription_id}/pause")
    else:
        fail_renewal(sandbox, running)
        sandbox.let_days_pass(5 if status == "halted" else 0)
    sync(running)
    me.post(f"{PAGE}/cancel")
    running.refresh_from_db()
    assert (running.status, status_there(sandbox, running)) == ("cancelled", "cancelled")
    grant = Grant.objects.get()
    assert (grant.revoked_at, grant.ends_at) == (None, running.period_ends_at)


def test_one_that_was_cancelled_in_the_dashboard_is_cancelled(sandbox, running, me):
    sandbox.api("POST", f"/v1/subscriptions/{running.gateway_subscription_id}/cancel", {"cancel_at_cycle_end": 0})
    assert "has ended" in me.post(f"{PAGE}/cancel", {"when": "later"}, follow=True).text


def test_one_whose_renewal_failed_unheard_is_cancelled_at_once(sandbox, running, me):
    """Razorpay cancels at the end of a period only while there is one."""
    sandbox.renewals(running, "fail")
    sandbox.let_days_pass(32)
    me.post(f"{PAGE}/cancel", {"when": "later"})
    running.refresh_from_db()
    assert (running.status, running.ends_with_period, status_there(sandbox, running)) == (
        "cancelled",
        False,
        "cancelled",
    )


@pytest.mark.parametrize(("when", "says"), [("later", "has not cancelled"), ("now", "has not ended")])
def test_a_refusal_is_not_taken_for_a_cancellation(sandbox, running, me, when, says):
    sandbox.renewals(running, "pay", is_cancellable=False)
    assert says in me.post(f"{PAGE}/cancel", {"when": when}, follow=True).text
    assert not Grant.objects.get().revoked_at
    running.refresh_from_db()
    assert (running.status, running.ends_with_period) == ("active", False)
    assert letters() == []


def test_nothing_changes_while_the_gateway_does_not_answer(sandbox, running, me, alice, course):
    sandbox.switch(api_failure="json500")
    for path, when in (("cancel", "later"), ("cancel", "now"), ("pause", ""), ("pay", "")):
        response = me.post(f"{PAGE}/{path}", {"when": when}, follow=True)
        assert "does not answer" in response.text
    running.refresh_from_db()
    assert (running.status, running.ends_with_period) == ("active", False)
    assert explain_access(alice, course).is_allowed


# --- Pausing and resuming ---
def test_a_pause_charges_nothing_and_keeps_what_was_paid_for(sandbox, running, me):
    assert "is paused" in me.post(f"{PAGE}/pause", follow=True).text
    sandbox.let_days_pass(70)
    sync(running)
    assert (running.status, Order.objects.count()) == ("paused", 1)
    assert Grant.objects.get().revoked_at is None


def test_resuming_charges_what_is_due(sandbox, running, me):
    me.post(f"{PAGE}/pause")
    sandbox.let_days_pass(70)
    assert "Your subscription runs" in me.post(f"{PAGE}/resume", follow=True).text
    running.refresh_from_db()
    assert (running.status, Order.objects.count()) == ("active", 2)


def test_resuming_in_time_charges_nothing(sandbox, running, me):
    me.post(f"{PAGE}/pause")
    me.post(f"{PAGE}/resume")
    running.refresh_from_db()
    assert (running.status, Order.objects.count()) == ("active", 1)


def test_only_one_that_runs_is_paused_and_only_a_paused_one_is_resumed(sandbox, running, me):
    assert "not paused" in me.post(f"{PAGE}/resume", follow=True).text
    me.post(f"{PAGE}/cancel", {"when": "later"})
    assert "Only a subscription that goes on" in me.post(f"{PAGE}/pause", follow=True).text
    assert status_there(sandbox, running) == "active"


# --- Paying what is pending ---
def test_what_is_pending_can_be_paid_with_another_card(sandbox, running, me):
    fail_renewal(sandbox, running)
    page = me.get(PAGE).text
    assert "The last payment failed" in page
    assert f"{running.period_ends_at + timedelta(days=4):%-d %B %Y}" in page
    fields = me.post(f"{PAGE}/pay").context["fields"]
    assert fields["subscription_card_change"] == "1"
    sandbox.agree(running, "card")
    me.post(f"{PAGE}/check")
    running.refresh_from_db()
    assert (running.status, Order.objects.count()) == ("active", 2)


def test_there_is_nothing_to_pay_while_it_runs(running, me):
    assert "nothing to pay" in me.post(f"{PAGE}/pay", follow=True).text
