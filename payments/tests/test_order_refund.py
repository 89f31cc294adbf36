"""The student's refund calculator, and the policy."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from courses.models import Grant
from payments.models import Order, Refund, RefundPolicy
from payments.models.ledger import LedgerError

pytestmark = pytest.mark.detail


@pytest.fixture
def order(sold, alice, make_course):
    return sold(alice, {make_course("Knots for sailors"): 30000, make_course("Splices"): 20000})


@pytest.fixture
def lines(order):
    return list(order.lines.order_by("-amount_paise"))


@pytest.fixture
def url(order):
    return reverse("payments:order_refund", args=[order.pk])


@pytest.fixture
def student(client_of, alice):
    return client_of(alice)


def test_it_shows_the_sum_and_does_nothing(student, url, order, lines):
    assert f'href="{url}"' in student.get(order.get_absolute_url()).text
    page = student.get(url).text
    assert "₹500 back to you" in page
    page = student.get(url, {"choose": "1", "line": str(lines[1].pk)}).text
    assert "₹200 back to you" in page
    assert "Nothing would come back" in student.get(url, {"choose": "1"}).text
    assert not Refund.objects.exists()


def test_it_gives_back_what_was_chosen(student, url, order, lines, alice):
    form = {"line": [str(lines[1].pk)], "amount_paise": "20000", "reason": "Too long"}
    page = student.post(url, form, follow=True)
    assert page.redirect_chain[0][0] == order.get_absolute_url()
    assert "Your refund of ₹200 is on its way." in page.text
    assert 'data-refund="processed"' in page.text
    refund = Refund.objects.get()
    assert (refund.status, refund.amount_paise, refund.reason, refund.requested_by) == (
        "processed",
        20000,
        "Too long",
        alice,
    )
    assert [grant.source_id for grant in Grant.objects.active()] == [lines[0].pk]
    assert f"Start {lines[0].title}" in page.text
    assert f"Start {lines[1].title}" not in page.text, "it is closed"
    assert "Refunded" in student.get(reverse("payments:order_list")).text
    again = student.post(url, form)
    assert again.status_code == 409
    assert "Paid back on" in again.text
    assert Refund.objects.count() == 1


def test_it_says_why_not(student, url, order):
    Order.objects.filter(pk=order.pk).update(paid_at=timezone.now() - timedelta(days=15))
    page = student.get(url).text
    assert "The 14 days of the refund policy ended on" in page
    assert "Nothing would come back" in page


def test_a_large_sum_waits(student, url, order, lines, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 40000
    assert "a second person looks at it first" in student.get(url).text
    form = {"line": [str(line.pk) for line in lines], "amount_paise": "50000"}
    page = student.post(url, form, follow=True).text
    assert "A second person looks at sums of this size first" in page
    assert 'data-refund="waiting"' in page
    assert Refund.objects.get().status == "waiting"


def test_without_the_gateway_it_is_noted_and_sent_later(student, sandbox, url, order, lines):
    sandbox.switch(api_failure="html502")
    form = {"line": [str(line.pk) for line in lines], "amount_paise": "50000"}
    assert "as soon as it can be reached" in student.post(url, form, follow=True).text
    assert Refund.objects.get().status == "approved"
    assert Grant.objects.active().count() == 2


def test_the_order_page_asks_how_it_stands(student, sandbox, url, order, lines):
    sandbox.switch(refund_seconds=3600)
    form = {"line": [str(line.pk) for line in lines], "amount_paise": "50000"}
    assert 'data-refund="sent"' in student.post(url, form, follow=True).text
    sandbox.switch()
    cache.clear()  # it asks once a minute only
    assert 'data-refund="processed"' in student.get(order.get_absolute_url()).text


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_paise": "49999"},
        {"amount_paise": "500.00"},
        {"amount_paise": "-50000"},
        {"amount_paise": "9" * 5000},
        {"amount_paise": ""},
        {"amount_paise": "50000\0"},
        {"line": []},
        {"line": ["x"]},
        {"line": ["\0"]},
        {"line": ["0190b5c4-0000-7000-8000-000000000000"]},
        {"reason": "x" * 201},
        {"reason": "\0"},
    ],
    ids=str,
)
def test_it_refuses_bad_input(student, url, order, lines, changes):
    form = {"line": [str(line.pk) for line in lines], "amount_paise": "50000", "reason": ""}
    response = student.post(url, form | changes)
    assert response.status_code == 409
    assert 'role="alert"' in response.text
    assert not Refund.objects.exists()


def test_it_refuses_a_line_of_another_order(student, url, sold, alice, lines):
    other = sold(alice, {lines[0].course: 10000}).lines.get()
    assert student.post(url, {"line": [str(other.pk)], "amount_paise": "10000"}).status_code == 409
    assert not Refund.objects.exists()


def test_it_requires_the_order_to_be_ones_own(client_of, bob, url, lines):
    form = {"line": [str(line.pk) for line in lines], "amount_paise": "50000"}
    assert client_of(bob).get(url).status_code == 404
    assert client_of(bob).post(url, form).status_code == 404
    assert Client().post(url, form).status_code == 302, "to the login"
    assert not Refund.objects.exists()


def test_an_unpaid_order_has_nothing_to_give_back(student, url, order):
    Order.objects.filter(pk=order.pk).update(status="created")
    assert "This order is not paid" in student.get(url).text
    assert f'href="{url}"' not in student.get(order.get_absolute_url()).text


def test_the_number_of_queries_does_not_grow(
    student, sold, alice, make_course, django_assert_max_num_queries, order, url
):
    many = sold(alice, {make_course(f"Course {n}", sections=0): 10000 for n in range(8)})
    student.get(url)
    with django_assert_max_num_queries(16):
        student.get(url)
    with django_assert_max_num_queries(16):
        student.get(reverse("payments:order_refund", args=[many.pk]))


# --- The policy ---
def test_everybody_can_read_the_policy_and_its_versions(db):
    page = Client().get("/refund-policy").text
    assert "within <strong>14 days</strong> of paying" in page
    RefundPolicy.objects.create(version=2, text="Other *terms*.", window_days=7)
    assert "Other <em>terms</em>" in Client().get("/refund-policy").text
    assert "This is an earlier version" in Client().get("/refund-policy/1").text
    for version in ("3", "9" * 30):
        assert Client().get(f"/refund-policy/{version}").status_code == 404


def test_an_order_keeps_its_version_and_a_version_its_words(order):
    policy = RefundPolicy.objects.get()
    assert order.refund_policy == policy
    policy.text = "Changed."
    with pytest.raises(LedgerError):
        policy.save()
    with pytest.raises(LedgerError):
        RefundPolicy.objects.update(window_days=0)
    with pytest.raises(LedgerError):
        policy.delete()
