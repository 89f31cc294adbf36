"""Deleting an account: the subscription ends at the gateway first; the person is forgotten; the books stay."""

import pytest
from django.core import mail

from conftest import PASSWORD
from courses.models import Grant, Progress, Saved
from payments.models import Order, Payment, Subscription
from payments.subscriptions import sync
from users.models import User

pytestmark = pytest.mark.detail

PAGE = "/deleteaccount"
RIGHT = {"password": PASSWORD, "address": "Alice@example.org "}


@pytest.fixture
def leave(client_of):
    return lambda user, **changes: client_of(user).post(PAGE, RIGHT | {"address": user.email} | changes)


def test_it_works(sandbox, running, alice, client_of, lectures):
    Saved.objects.create(user=alice, course=lectures[0].section.course)
    Progress.objects.create(user=alice, lecture=lectures[0], course=lectures[0].section.course)
    client, elsewhere = client_of(alice), client_of(alice)
    assert "Everything, monthly" in client.get(PAGE).text
    response = client.post(PAGE, RIGHT)
    assert (response.status_code, response.url) == (302, "/")
    running.refresh_from_db()
    assert (running.status, running.live_key) == ("cancelled", None)
    there = sandbox.api("GET", f"/v1/subscriptions/{running.gateway_subscription_id}").json()
    assert there["status"] == "cancelled"
    alice.refresh_from_db()
    assert (alice.email, alice.name) == (f"deleted-{alice.pk.hex}@deleted.invalid", "")
    assert not alice.is_active
    assert not alice.has_usable_password()
    assert not alice.emailaddress_set.exists()
    assert not Progress.objects.exists()
    assert not Saved.objects.exists()
    assert (Order.objects.count(), Payment.objects.count(), Grant.objects.count()) == (1, 1, 1)
    assert client.get("/profile").status_code == elsewhere.get("/profile").status_code == 302
    letters = [letter for letter in mail.outbox if "receipt" not in letter.subject]
    assert [(letter.subject, letter.to) for letter in letters] == [
        ("Your subscription is cancelled", ["alice@example.org"]),
        ("Your account is deleted", ["alice@example.org"]),
    ]
    assert not User.objects.filter(email="alice@example.org").exists()  # who leaves may come back


def test_nothing_is_deleted_while_the_gateway_does_not_answer(sandbox, running, alice, leave):
    sandbox.switch(api_failure="json500")
    response = leave(alice)
    assert response.status_code == 503
    assert "Nothing was deleted" in response.text
    alice.refresh_from_db()
    running.refresh_from_db()
    assert (alice.email, alice.is_active, running.status) == ("alice@example.org", True, "active")
    sandbox.switch()
    assert leave(alice).status_code == 302


def test_nothing_is_deleted_while_the_gateway_does_not_know_the_subscription(sandbox, running, alice, leave):
    sandbox.forget(running.gateway_subscription_id)
    assert leave(alice).status_code == 503
    alice.refresh_from_db()
    assert alice.is_active


def test_nothing_is_deleted_while_the_gateway_goes_on(sandbox, running, alice, leave):
    sandbox.renewals(running, "pay", is_cancellable=False)
    response = leave(alice)
    assert response.status_code == 409
    assert "Razorpay has not ended your subscription" in response.text
    alice.refresh_from_db()
    assert alice.is_active


def test_one_that_was_begun_at_the_last_moment_is_in_the_way(sandbox, running, alice, leave, monkeypatch):
    monkeypatch.setattr("payments.leaving.end_all_of", lambda user: None)
    assert leave(alice).status_code == 409
    alice.refresh_from_db()
    assert alice.is_active


def test_one_that_waits_to_be_paid_is_cancelled_as_well(sandbox, waiting, alice, leave):
    assert leave(alice).status_code == 302
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    assert mail.outbox[0].subject == "Your account is deleted"


def test_a_charge_that_was_under_way_is_booked_all_the_same(
    sandbox, waiting, alice, leave, django_capture_on_commit_callbacks
):
    sandbox.switch(pending_seconds=0)
    sandbox.agree(waiting, "later")
    assert leave(alice).status_code == 302
    before = len(mail.outbox)
    for _ in range(100):
        with django_capture_on_commit_callbacks(execute=True):
            sync(Subscription.objects.get())
        if Order.objects.exists():
            break
    assert Order.objects.get().status == "paid"
    assert len(mail.outbox) == before  # whom should it go to?


def test_it_requires_the_password_and_the_address(alice, leave):
    wrong = [("password", "wrong"), ("password", ""), ("password", "a\0b"), ("address", ""), ("address", "bob@x.org")]
    for field, value in wrong:
        response = leave(alice, **{field: value})
        assert response.status_code == 400
        assert response.context["form"].errors.keys() == {field}
    alice.refresh_from_db()
    assert alice.is_active


def test_it_does_not_let_anybody_guess_passwords(alice, leave):
    assert {leave(alice, password="wrong").status_code for _ in range(11)} == {400, 429}
    assert leave(alice).status_code == 429
    alice.refresh_from_db()
    assert alice.is_active


def test_it_requires_a_login(client, alice):
    assert client.post(PAGE, RIGHT).url.startswith("/login")
    alice.refresh_from_db()
    assert alice.is_active


def test_it_refuses_the_last_administrator(stella, leave, make_user, client_of):
    response = leave(stella)
    assert response.status_code == 409
    assert "without an administrator" in response.text
    page = client_of(stella).get(PAGE)
    assert "without an administrator" in page.text
    assert page.context["form"] is None
    stella.refresh_from_db()
    assert stella.is_active
    make_user("Second", is_superuser=True, is_staff=True)
    assert leave(stella).status_code == 302


def test_two_administrators_cannot_both_leave(stella, make_user, monkeypatch, leave):
    """Each was asked whether the other is there before either left."""
    second = make_user("Second", is_superuser=True, is_staff=True)
    monkeypatch.setattr("payments.leaving.refusal", lambda user: "")
    assert leave(stella).status_code == 302
    assert leave(second).status_code == 409
    second.refresh_from_db()
    assert (second.email, second.is_active) == ("second@example.org", True)


def test_it_refuses_who_teaches(course, ida, leave):
    response = leave(ida)
    assert response.status_code == 409
    assert "You teach" in response.text


def test_the_admin_cannot_delete_a_subscriber(running, stella, client_of):
    client_of(stella).post(f"/admin/users/user/{running.user.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=running.user.pk).exists()
    assert Subscription.objects.exists()
