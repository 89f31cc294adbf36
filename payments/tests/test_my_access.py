"""/my/access: every grant with its source, its end and what to do next; the 403 page says the same."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.access import explain_access
from courses.models import Grant
from payments.confirmation import confirm_order
from payments.models import Order, OrderLine

URL = "/my/access"


def page_of(client_of, user, **query) -> str:
    response = client_of(user).get(URL, query)
    assert response.status_code == 200
    return response.content.decode()


def test_it_names_the_order_and_leads_to_it(client_of, sandbox, order, alice, course):
    sandbox.pay(order)
    confirm_order(order)
    page = page_of(client_of, alice)
    assert f"You have this from order {order.number}." in page
    assert reverse("payments:order_detail", args=[order.pk]) in page
    assert reverse("courses:course_resume", args=[course.slug]) in page
    assert explain_access(alice, course).explanation in page


def test_it_says_why_something_is_closed_and_what_to_do(client_of, alice, make_course, lectures):
    now, hour = timezone.now(), timedelta(hours=1)
    course, other, third = lectures[0].course, make_course("Reading the sky"), make_course("Cooking at sea")
    Grant.objects.give(
        alice, course, Grant.Source.ORDER_LINE, course.pk, source_text="order ABC", revoked_at=now, note="Paid back."
    )
    Grant.objects.give(
        alice,
        None,
        Grant.Source.SUBSCRIPTION,
        other.pk,
        source_text="the plan “Monthly”",
        starts_at=now - 2 * hour,
        ends_at=now - hour,
    )
    Grant.objects.give(alice, third, Grant.Source.STAFF, third.pk, starts_at=now + hour)
    page = page_of(client_of, alice)
    assert "You had it from order ABC. Paid back." in page
    assert reverse("users:contact") in page
    assert "You had it from the plan “Monthly”." in page
    assert "/subscribe" in page
    assert "Your access begins on" in page
    assert page.count("You can still watch it") == 0
    locked = client_of(alice).get(lectures[1].get_absolute_url())
    assert locked.status_code == 403
    assert "You had it from" in locked.content.decode()


def test_what_is_lost_in_one_way_may_be_held_in_another(client_of, alice, course, grant):
    Grant.objects.give(alice, course, Grant.Source.ORDER_LINE, course.pk, revoked_at=timezone.now())
    grant(alice, None)
    assert "You can still watch it" in page_of(client_of, alice)


def test_it_shows_nobody_elses(client_of, sandbox, order, alice, bob):
    sandbox.pay(order)
    confirm_order(order)
    assert order.number not in page_of(client_of, bob)
    line = OrderLine.objects.get()
    Grant.objects.give(bob, line.course, Grant.Source.GIFT, line.pk, source_text="a gift from Alice")
    page = page_of(client_of, bob)
    assert "a gift from Alice" in page
    assert str(order.pk) not in page


def test_it_needs_a_login(client, db):
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "9" * 30, "1.5", "\0"])
def test_pages_that_are_not_there(client_of, alice, number):
    assert client_of(alice).get(URL, {"page": number}).status_code == 404


def test_the_number_of_queries_is_fixed(client_of, alice, make_course, django_assert_max_num_queries):
    for n in range(4):
        course = make_course(f"Course {n}", sections=0)
        order = Order.objects.create(
            user=alice, product_key=f"course:{n}", amount_paise=1, status="paid", paid_at=timezone.now()
        )
        line = OrderLine.objects.create(order=order, course=course, title=course.title, amount_paise=1)
        Grant.objects.give(alice, course, Grant.Source.ORDER_LINE, line.pk)
    client = client_of(alice)
    with django_assert_max_num_queries(7):  # with session and user
        client.get(URL)


def test_the_api_says_the_same(client_of, sandbox, order, alice, course):
    sandbox.pay(order)
    confirm_order(order)
    answer = client_of(alice).get("/api/v1/access").json()
    [held] = answer["access"]
    assert (answer["success"], answer["total"], held["is_open"], held["reason"]) == (True, 1, True, "grant")
    assert held["explanation"] == f"You have this from order {order.number}."
    assert (held["course"]["slug"], held["order_id"]) == (course.slug, str(order.pk))
    assert client_of(alice).get("/api/v1/access?page=2").status_code == 404


def test_the_api_needs_a_login(client, db):
    assert client.get("/api/v1/access").status_code == 401
