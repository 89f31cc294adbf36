"""Orders and ledgers for staff: to look at, to search, to export, to check; never to edit."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from courses.models import Grant
from payments.models import Order, Payment, WebhookEvent

pytestmark = pytest.mark.detail

LIST = "/admin/payments/order/"


@pytest.fixture
def paid(sandbox, order, come_back):
    come_back(sandbox.pay(order))
    order.refresh_from_db()
    return order


@pytest.fixture
def staff(client_of, stella):
    return client_of(stella)


def found(client, term: str) -> int:
    response = client.get(LIST, {"q": term})
    assert response.status_code == 200
    return response.context["cl"].result_count


def test_it_shows_an_order_with_its_lines_and_payments(staff, paid):
    page = staff.get(f"{LIST}{paid.pk}/change/").text
    for text in (paid.number, "Knots for sailors", "₹499", Payment.objects.get().gateway_payment_id, "Captured"):
        assert text in page
    assert 'name="amount_paise"' not in page
    assert 'name="status"' not in page


def test_it_is_found_by_everything_that_people_quote(staff, paid, open_order, bob, course):
    open_order(bob, course)
    payment = Payment.objects.get()
    terms = ["alice@example.org", paid.number, paid.number.lower(), str(paid.pk), paid.pk.hex, paid.gateway_order_id]
    for term in [*terms, payment.gateway_payment_id, f" {payment.gateway_payment_id} "]:
        assert found(staff, term) == 1, term
    for term in ("nobody@example.org", "pay_unknown", "9" * 500):
        assert found(staff, term) == 0


@pytest.mark.parametrize("model", ["order", "payment", "webhookevent"])
def test_nothing_can_be_added_changed_or_deleted(staff, paid, model):
    WebhookEvent.objects.create(event_id="evt_1", kind="order.paid", outcome="paid")
    row = {"order": Order, "payment": Payment, "webhookevent": WebhookEvent}[model].objects.get()
    base = f"/admin/payments/{model}/"
    assert staff.get(base).status_code == 200
    assert staff.get(f"{base}{row.pk}/change/").status_code == 200
    assert staff.get(f"{base}add/").status_code == 403
    assert staff.post(f"{base}{row.pk}/change/", {"status": "paid", "outcome": "x"}).status_code == 403
    assert staff.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in staff.get(base).text


def test_it_filters(staff, paid):
    assert staff.get(LIST, {"status__exact": "paid"}).context["cl"].result_count == 1
    assert staff.get(LIST, {"status__exact": "created"}).context["cl"].result_count == 0


@pytest.mark.parametrize(("model", "text"), [("order", "alice@example.org"), ("payment", "captured")])
def test_it_exports(staff, paid, model, text):
    response = staff.get(f"/admin/payments/{model}/export/")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv"
    assert text in response.text
    assert "49900" in response.text


def test_it_checks_one_order_with_the_gateway(sandbox, staff, order):
    sandbox.pay(order)
    page = staff.get(f"{LIST}{order.pk}/change/").text
    url = reverse("admin:payments_order_check", args=[order.pk])
    assert f'action="{url}"' in page
    response = staff.post(url, follow=True)
    assert "Razorpay says paid" in response.text
    order.refresh_from_db()
    assert order.is_paid
    assert Grant.objects.count() == 1


def test_it_checks_the_selected_orders(sandbox, staff, order):
    sandbox.pay(order)
    response = staff.post(LIST, {"action": "check_selected", "_selected_action": [order.pk]}, follow=True)
    assert "Razorpay says paid" in response.text
    order.refresh_from_db()
    assert order.is_paid


def test_it_says_when_the_gateway_does_not_answer(sandbox, staff, order):
    sandbox.switch(api_failure="html502")
    response = staff.post(reverse("admin:payments_order_check", args=[order.pk]), follow=True)
    assert "Razorpay did not answer" in response.text
    assert "JSONDecodeError" not in response.text


def test_checking_requires_a_post_and_an_order(staff, order):
    assert staff.get(reverse("admin:payments_order_check", args=[order.pk])).status_code == 405
    assert staff.post(reverse("admin:payments_order_check", args=[order.lines.get().pk])).status_code == 404


def test_it_requires_the_permission_to_look_at_orders(sandbox, order, make_user, client_of, alice):
    sandbox.pay(order)
    helper = make_user("Henry", is_staff=True)
    url = reverse("admin:payments_order_check", args=[order.pk])
    assert client_of(helper).post(url).status_code == 403
    assert client_of(helper).get(LIST).status_code == 403
    assert client_of(alice).post(url).status_code == 302, "to the login of the admin"
    order.refresh_from_db()
    assert not order.is_paid
    helper.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert client_of(helper).post(url).status_code == 302
    order.refresh_from_db()
    assert order.is_paid
