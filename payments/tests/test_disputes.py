"""Chargebacks: the bank decides, and what it takes back closes; never the same money twice."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.models import Grant
from payments import disputes, refunds
from payments.models import Dispute, Payment, Refund, RefundLine
from payments.razorpay import GatewayRefused
from payments.refunds import RefundRefused

pytestmark = pytest.mark.detail


@pytest.fixture
def order(sold, alice, make_course):
    return sold(alice, {make_course("Knots for sailors"): 30000, make_course("Splices"): 20000})


@pytest.fixture
def lines(order):
    return list(order.lines.order_by("-amount_paise"))


@pytest.fixture
def bank(sandbox):
    """What the buyer's bank does; `bank(how)` goes on with the dispute that it raised."""

    def act(how=None, *, order=None, amount=None, dispute_id=None):
        if order:
            payment = order.payments.get(entry="captured").gateway_payment_id
            body = {"payment_id": payment, "amount": amount}
        else:
            body = {"dispute_id": dispute_id, "how": how}
        answer = sandbox.api("POST", "/sandbox/disputes", body)
        assert answer.ok, answer.text
        return answer.json()["id"]

    return act


@pytest.fixture
def hook(webhook):
    def post(kind, dispute_id, event_id):
        body = {"event": f"payment.dispute.{kind}", "payload": {"dispute": {"entity": {"id": dispute_id}}}}
        return webhook("", body=json.dumps(body).encode(), event_id=event_id).status_code

    return post


def active():
    return Grant.objects.active().count()


def test_a_lost_dispute_takes_what_a_refund_would(order, alice, bank, hook, caplog):
    raised = bank(order=order)
    assert hook("created", raised, "evt_1") == 200
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.amount_paise, active()) == ("open", 50000, 2), "nothing closes yet"
    assert dispute.respond_by > timezone.now()
    assert "must answer in time" in caplog.text
    bank("lost", dispute_id=raised)
    for n in range(2):
        assert hook("lost", raised, f"evt_lost_{n}") == 200
    dispute.refresh_from_db()
    assert (dispute.status, active(), dispute.lines.count()) == ("lost", 0, 2)
    booked = Payment.objects.get(entry="charged_back")
    assert (booked.amount_paise, booked.gateway_reference) == (50000, raised)
    assert order.events.filter(key__startswith="dispute_").count() == 2
    assert "by your bank" in Grant.objects.first().note


@pytest.mark.parametrize("how", ["won", "closed"])
def test_a_dispute_that_ends_well_changes_nothing(order, lines, alice, bank, hook, how):
    raised = bank(order=order)
    for n, step in enumerate(["under_review", "action_required", how]):
        bank(step, dispute_id=raised)
        assert hook(step, raised, f"evt_{n}") == 200
    assert (Dispute.objects.get().status, active()) == (how, 2)
    assert not Payment.objects.exclude(entry="captured").exists()
    assert refunds.request_refund(order, lines, "", alice).status == "approved", "refunds are possible again"


def test_events_may_come_in_any_order(order, bank, hook):
    raised = bank(order=order)
    bank("lost", dispute_id=raised)
    for n, kind in enumerate(["lost", "created", "under_review"]):
        assert hook(kind, raised, f"evt_{n}") == 200
    assert (Dispute.objects.get().status, active()) == ("lost", 0)


def test_nothing_is_refunded_while_the_bank_decides(sandbox, order, lines, alice, stella, bank):
    """Or the buyer would get the same money twice."""
    refund = refunds.request_refund(order, lines[:1], "", alice)
    disputes.confirm_dispute(bank(order=order))
    with pytest.raises(RefundRefused, match="The bank is looking into this payment"):
        refunds.request_refund(order, lines[1:], "", stella)
    with pytest.raises(GatewayRefused):
        refunds.send(refund)
    payment = order.payments.get(entry="captured").gateway_payment_id
    assert not sandbox.api("GET", f"/v1/payments/{payment}/refunds").json()["items"]


def test_lost_it_ends_the_refunds_that_have_not_been_sent(order, lines, alice, bank):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    raised = bank(order=order)
    disputes.confirm_dispute(raised)
    bank("lost", dispute_id=raised)
    disputes.confirm_dispute(raised)
    refund.refresh_from_db()
    assert (refund.status, RefundLine.objects.filter(line__isnull=False).count()) == ("failed", 2)
    assert set(RefundLine.objects.filter(line__isnull=False).values_list("refund", flat=True)) == {None}
    with pytest.raises(RefundRefused, match="The bank has taken this back"):
        refunds.request_refund(order, lines[:1], "", alice)


def test_part_of_an_order_is_taken_line_by_line_or_flagged(order, lines, bank, stella, client_of):
    for amount, kept, is_flagged in ((20000, 1, False), (12300, 1, True)):
        raised = bank(order=order, amount=amount)
        bank("lost", dispute_id=raised)
        disputes.confirm_dispute(raised)
        dispute = Dispute.objects.get(gateway_dispute_id=raised)
        assert (active(), bool(dispute.flag)) == (kept, is_flagged)
    url = reverse("admin:payments_dispute_lines", args=[dispute.pk])
    staff = client_of(stella)
    assert f'href="{url}"' in staff.get(f"/admin/payments/dispute/{dispute.pk}/change/").text
    assert "Knots for sailors" in staff.get(url).text
    staff.post(url, {"line": [str(lines[0].pk)]})
    dispute.refresh_from_db()
    assert (dispute.flag, active()) == ("", 0)
    staff.post(url, {"line": [str(lines[0].pk)]})
    assert dispute.lines.count() == 1


def test_money_that_went_twice_is_flagged(order, lines, alice, bank, caplog):
    refunds.send(refunds.request_refund(order, lines, "", alice))
    raised = bank(order=order)
    bank("lost", dispute_id=raised)
    disputes.confirm_dispute(raised)
    assert Dispute.objects.get().flag
    assert {row.entry for row in Payment.objects.all()} == {"captured", "refunded", "charged_back"}
    assert "a person must look" in caplog.text


def test_what_was_lost_and_is_won_after_all_waits_for_a_person(sandbox, order, bank, stella, client_of):
    raised = bank(order=order)
    for how in ("lost", "won"):
        bank(how, dispute_id=raised)
        disputes.confirm_dispute(raised)
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.flag) == ("lost", "It was lost, and now it is won.")
    client_of(stella).post(
        "/admin/payments/dispute/", {"action": "take_flags_down", "_selected_action": [str(dispute.pk)]}
    )
    dispute.refresh_from_db()
    assert dispute.flag == ""


def test_a_lost_event_is_found_by_sweeping(order, bank):
    raised = bank(order=order)
    now = timezone.now()
    found = {told.id for told in disputes.sweep(now - timedelta(hours=1), now + timedelta(hours=1))}
    assert raised in found
    disputes.confirm_dispute(raised)
    bank("won", dispute_id=raised)
    assert [disputes.heal(dispute) for dispute in disputes.unsettled()] == [True]
    assert not list(disputes.unsettled())


def test_disputes_of_others_are_left_alone(sandbox, db, hook):
    other = sandbox.api("POST", "/v1/orders", {"amount": 100, "currency": "INR"}).json()
    paid = sandbox.api("POST", "/sandbox/payments", {"order_id": other["id"]}).json()["payment"]["id"]
    raised = sandbox.api("POST", "/sandbox/disputes", {"payment_id": paid}).json()["id"]
    assert hook("created", raised, "evt_1") == 200
    assert not Dispute.objects.exists()
    assert hook("created", "disp_unknown", "evt_2") == 503


def test_the_student_sees_that_the_bank_is_at_it(client_of, alice, order, bank):
    disputes.confirm_dispute(bank(order=order))
    assert "Your bank is looking into it" in client_of(alice).get(order.get_absolute_url()).text
    page = client_of(alice).get(reverse("payments:order_refund", args=[order.pk])).text
    assert "decides who gets the money" in page
    assert not Refund.objects.exists()
