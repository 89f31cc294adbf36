"""Plans and subscriptions for staff: to look at, to search, to export, to check; only plans can be edited."""

import pytest
from django.urls import reverse

from courses.models import Grant
from payments.models import Order, Payment, Plan, Subscription

pytestmark = pytest.mark.detail

LIST = "/admin/payments/subscription/"
PLANS = "/admin/payments/plan/"


@pytest.fixture
def staff(client_of, stella):
    return client_of(stella)


def found(client, **query: str) -> int:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return response.context["cl"].result_count


def test_it_shows_a_subscription_with_its_charges(staff, running):
    page = staff.get(f"{LIST}{running.pk}/change/").text
    order = Order.objects.get()
    for text in (running.gateway_subscription_id, order.number, "₹799", "Active", f"/payments/order/{order.pk}/"):
        assert text in page
    assert 'name="status"' not in page


def test_it_is_found_by_everything_that_people_quote(staff, running, open_subscription, bob, plan):
    open_subscription(bob, plan)
    order, payment = Order.objects.get(), Payment.objects.get()
    terms = ["alice@example.org", running.gateway_subscription_id, order.number, order.number.lower()]
    for term in [*terms, payment.gateway_payment_id]:
        assert found(staff, q=term) == 1, term
    for term in ("nobody@example.org", "sub_unknown", "9" * 500):
        assert found(staff, q=term) == 0


def test_it_filters_and_exports(staff, running):
    assert found(staff, status__exact="active") == 1
    assert found(staff, status__exact="halted") == 0
    file = staff.get(f"{LIST}export/").text
    for text in ("alice@example.org", "Everything, monthly", "79900", "active"):
        assert text in file


def test_the_list_asks_the_same_number_of_questions_however_long_it_is(
    staff, running, make_user, plan, django_assert_max_num_queries
):
    for number in range(5):
        user = make_user(f"Student{number}")
        Subscription.objects.create(user=user, plan=plan, live_key=str(user.pk), price_paise=1)
    with django_assert_max_num_queries(12):
        staff.get(LIST)


def test_nothing_can_be_added_changed_or_deleted(staff, running):
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{running.pk}/change/", {"status": "cancelled"}).status_code == 403
    assert staff.post(f"{LIST}{running.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in staff.get(LIST).text


def test_it_checks_with_the_gateway(sandbox, staff, waiting):
    sandbox.agree(waiting)
    page = staff.get(f"{LIST}{waiting.pk}/change/").text
    url = reverse("admin:payments_subscription_check", args=[waiting.pk])
    assert f'action="{url}"' in page
    assert staff.get(url).status_code == 405
    assert "Razorpay says “Active”" in staff.post(url, follow=True).text
    assert Grant.objects.count() == 1


def test_it_checks_a_selection(sandbox, staff, waiting):
    sandbox.agree(waiting)
    form = {"action": "check_selected", "_selected_action": [str(waiting.pk)]}
    assert "Razorpay says “Active”" in staff.post(LIST, form, follow=True).text


def test_it_says_when_the_gateway_does_not_answer(sandbox, staff, running):
    sandbox.switch(api_failure="html502")
    url = reverse("admin:payments_subscription_check", args=[running.pk])
    assert "did not answer" in staff.post(url, follow=True).text
    running.refresh_from_db()
    assert running.status == "active"


def test_only_those_who_may_look_may_check(client_of, make_user, running):
    helper = client_of(make_user("Helper", is_staff=True))
    url = reverse("admin:payments_subscription_check", args=[running.pk])
    assert helper.post(url).status_code in (302, 403)
    assert helper.get(LIST).status_code == 403


def test_a_plan_keeps_its_gateway_plan_unless_its_price_changes(staff, running, plan):
    plan.refresh_from_db()
    form = {"name": plan.name, "slug": plan.slug, "period": plan.period, "price_paise": plan.price_paise}
    staff.post(f"{PLANS}{plan.pk}/change/", form)  # no longer offered
    assert Plan.objects.get().gateway_plan_id == plan.gateway_plan_id
    assert not Plan.objects.get().is_offered
    staff.post(f"{PLANS}{plan.pk}/change/", form | {"period": "yearly"})
    assert Plan.objects.get().gateway_plan_id is None


def test_a_plan_needs_a_price(staff, plan):
    form = {"name": "Another", "slug": "another", "period": "monthly"}
    for price in ("0", "-1", "", "799.5", "9" * 25, "a\0b"):
        response = staff.post(f"{PLANS}add/", form | {"price_paise": price})
        assert response.status_code == 200
        assert response.context["adminform"].form.errors
    assert Plan.objects.count() == 1


def test_a_plan_that_was_sold_cannot_be_deleted(staff, running, plan):
    staff.post(f"{PLANS}{plan.pk}/delete/", {"post": "yes"})
    assert Plan.objects.count() == 1
