"""Giving money back: who may ask for what, and that each rupee goes back once, whatever breaks."""

import json
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from courses.models import Grant, Progress
from payments import razorpay, refund_settling, refunds
from payments.confirmation import confirm_order, confirm_payment
from payments.models import Order, OrderEvent, OrderLine, Payment, Refund, RefundLine, RefundPolicy, Seat
from payments.razorpay import GatewayRefused, GatewayUnavailable
from payments.refunds import RefundRefused


@pytest.fixture
def courses(make_course):
    return [make_course("Knots for sailors"), make_course("Splices"), make_course("Whippings")]


@pytest.fixture
def order(sold, alice, courses):
    return sold(alice, dict(zip(courses, [30000, 20000, 10000], strict=True)))


@pytest.fixture
def lines(order):
    return list(order.lines.order_by("-amount_paise"))


@pytest.fixture
def hook(webhook):
    """An event about a refund."""

    def post(kind, refund_id, event_id="evt_1"):
        body = {"event": f"refund.{kind}", "payload": {"refund": {"entity": {"id": refund_id}}}}
        return webhook("", body=json.dumps(body).encode(), event_id=event_id)

    return post


@pytest.fixture
def in_dashboard(sandbox):
    """What staff do in Razorpay's dashboard."""

    def make(order, amount_paise, **fields):
        payment = order.payments.order_by("created_at").first()
        path = f"/v1/payments/{payment.gateway_payment_id}/refund"
        answer = sandbox.api("POST", path, {"amount": amount_paise} | fields)
        assert answer.ok, answer.text
        return answer.json()["id"]

    return make


def at_gateway(sandbox, order):
    payment = order.payments.order_by("created_at").first()
    return sandbox.api("GET", f"/v1/payments/{payment.gateway_payment_id}/refunds").json()["items"]


def active(user):
    return Grant.objects.filter(user=user).active().count()


def test_a_line_goes_back_and_takes_its_course_and_no_other(
    sandbox, order, lines, alice, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        refund = refunds.request_refund(order, lines[1:2], "Too many knots", alice)
        assert (refund.status, refund.amount_paise, active(alice)) == ("approved", 20000, 3)
        refunds.send(refund)
    assert refund.status == "processed"
    assert not Grant.objects.active().filter(source_id=lines[1].pk).exists()
    assert active(alice) == 2
    booked = Payment.objects.get(entry="refunded")
    assert (booked.amount_paise, booked.gateway_reference) == (20000, refund.gateway_refund_id)
    assert [told["amount"] for told in at_gateway(sandbox, order)] == [20000]
    subjects = [message.subject for message in mail.outbox]
    assert subjects.count(f"Your refund for order {order.number}") == 1
    assert "₹200" in mail.outbox[-1].body
    notes = [event.key.split(":")[0] for event in order.events.all() if not event.key.startswith("document")]
    assert notes == ["paid", "refund_requested", "refund_processed", "refund_mailed"]


def test_everything_goes_back_in_two_steps_and_no_more(sandbox, order, lines, alice):
    refunds.send(refunds.request_refund(order, lines[:1], "", alice))
    refunds.send(refunds.request_refund(order, lines[1:], "", alice))
    assert (active(alice), sum(told["amount"] for told in at_gateway(sandbox, order))) == (0, order.amount_paise)
    with pytest.raises(RefundRefused, match="Paid back on"):
        refunds.request_refund(order, lines[:1], "", alice)


def test_a_course_held_in_another_way_stays_open(order, lines, alice, grant):
    grant(alice, lines[0].course)
    refunds.send(refunds.request_refund(order, lines, "", alice))
    assert Grant.objects.active().filter(course=lines[0].course).exists()


def test_the_additions_of_a_growing_bundle_go_with_the_last_line(order, lines, alice, make_course):
    Grant.objects.give(alice, make_course("Bends"), Grant.Source.BUNDLE_EDITION, order.pk)
    refunds.send(refunds.request_refund(order, lines[:2], "", alice))
    assert active(alice) == 2
    refunds.send(refunds.request_refund(order, lines[2:], "", alice))
    assert active(alice) == 0


# --- Who may ask for what ---
def test_the_policy_binds_students_and_not_staff(order, lines, alice, stella):
    Order.objects.filter(pk=order.pk).update(paid_at=timezone.now() - timedelta(days=15))
    order.refresh_from_db()
    with pytest.raises(RefundRefused, match="The 14 days of the refund policy ended on"):
        refunds.request_refund(order, lines, "", alice)
    assert refunds.request_refund(order, lines, "Illness", stella).is_beyond_policy


def test_the_policy_is_the_one_that_the_order_was_sold_under(order, lines, alice):
    RefundPolicy.objects.create(version=2, text="None.", window_days=0)
    Order.objects.filter(pk=order.pk).update(paid_at=timezone.now() - timedelta(days=13))
    order.refresh_from_db()
    assert order.refund_policy.version == 1
    assert not refunds.request_refund(order, lines, "", alice).is_beyond_policy


def test_what_is_mostly_done_stays(order, lines, alice):
    for lecture in lines[0].course.lectures.all()[:2]:
        Progress.objects.create(user=alice, lecture=lecture, course=lines[0].course, done_at=timezone.now())
    with pytest.raises(RefundRefused, match="50 % of it is done; the refund policy goes up to 30 %"):
        refunds.request_refund(order, lines, "", alice)
    assert [share.reason_if_not for share in refunds.refundable(order)] == ["", "", ""]
    refunds.request_refund(order, lines[1:], "", alice)


@pytest.mark.parametrize("which", ["none", "another's", "unpaid"])
def test_it_refuses_what_is_not_there(order, lines, alice, bob, sold, which):
    if which == "unpaid":
        Order.objects.filter(pk=order.pk).update(status="created")
        order.refresh_from_db()
    chosen = {"none": [], "unpaid": lines}.get(which)
    if chosen is None:
        chosen = list(sold(bob, {lines[0].course: 30000}).lines.all())
    with pytest.raises(RefundRefused):
        refunds.request_refund(order, chosen, "", alice)
    assert not Refund.objects.exists()


def test_it_refuses_less_than_the_gateway_pays(sold, alice, courses):
    order = sold(alice, {courses[0]: 99, courses[1]: 201})
    with pytest.raises(RefundRefused, match="₹1 or more"):
        refunds.request_refund(order, order.lines.filter(amount_paise=99), "", alice)
    assert refunds.request_refund(order, order.lines.all(), "", alice).amount_paise == 300


def test_a_period_of_a_plan_goes_back_while_nothing_was_watched(sandbox, alice, course):
    order = Order.objects.create(user=alice, product_key="plan:1", amount_paise=49900)
    line = OrderLine(order=order, kind="plan", title="All courses", amount_paise=49900, starts_at=timezone.now())
    line.ends_at = timezone.now() + timedelta(days=30)
    line.save()
    Order.objects.filter(pk=order.pk).update(gateway_order_id=razorpay.create_order(order))
    order.refresh_from_db()
    sandbox.pay(order)
    confirm_order(order)
    order.refresh_from_db()
    assert active(alice) == 1
    watched = Progress.objects.create(user=alice, lecture=course.lectures.first(), course=course)
    with pytest.raises(RefundRefused, match="You have watched something in this period"):
        refunds.request_refund(order, [line], "", alice)
    watched.delete()
    refunds.send(refunds.request_refund(order, [line], "", alice))
    assert active(alice) == 0


# --- Approval ---
@pytest.fixture
def waiting(order, lines, alice, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 59999
    return refunds.request_refund(order, lines, "Please", alice)


def test_above_the_limit_a_second_person_decides(sandbox, waiting, stella, alice):
    assert waiting.status == "waiting"
    refunds.send(waiting)
    refunds.heal_refunds(older_than=timedelta(0))
    assert not at_gateway(sandbox, waiting.order), "nothing leaves before it is approved"
    refunds.approve(waiting, stella)
    refunds.send(waiting)
    assert (waiting.status, waiting.approved_by, active(alice)) == ("processed", stella, 0)


def test_slices_are_counted_together(order, lines, alice, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 30000
    assert refunds.request_refund(order, lines[:1], "", alice).status == "approved"
    assert refunds.request_refund(order, lines[2:], "", alice).status == "waiting"


def test_nobody_approves_their_own_request_or_their_own_order(waiting, alice, stella, make_user, sold, courses):
    with pytest.raises(RefundRefused, match="you asked for this refund"):
        refunds.approve(waiting, alice)
    mine = sold(stella, {courses[0]: 90000})
    by_colleague = refunds.request_refund(mine, mine.lines.all(), "", make_user("Sam", is_staff=True))
    for decide in (lambda: refunds.approve(by_colleague, stella), lambda: refunds.decline(by_colleague, stella, "No")):
        with pytest.raises(RefundRefused, match="your own order"):
            decide()
    with pytest.raises(RefundRefused, match="you asked for this refund"):
        refunds.approve(by_colleague, by_colleague.requested_by)
    by_colleague.refresh_from_db()
    assert by_colleague.status == "waiting"


def test_declined_it_frees_its_lines_and_tells_the_student(waiting, stella, order, lines, alice):
    refunds.decline(waiting, stella, "You finished all of it.")
    assert "You finished all of it." in mail.outbox[-1].body
    with pytest.raises(RefundRefused, match="any more"):
        refunds.approve(waiting, stella)
    assert refunds.request_refund(order, lines, "", stella).status == "waiting"


# --- The gateway ---
def test_a_crash_after_the_gateways_yes_pays_once(sandbox, order, lines, alice, in_dashboard):
    """As if the process had died before it could write down what the gateway answered."""
    refund = refunds.request_refund(order, lines[:1], "", alice)
    made = in_dashboard(order, 30000, receipt=str(refund.pk))
    refunds.send(refund)
    assert (refund.status, refund.gateway_refund_id) == ("processed", made)
    assert len(at_gateway(sandbox, order)) == 1


def test_the_gateway_itself_makes_it_once(sandbox, order, lines, alice, monkeypatch):
    """Even if it is not found, because the list lags behind: the idempotency key holds."""
    monkeypatch.setattr("payments.refunds._find_at_gateway", lambda refund: None)
    refund = refunds.request_refund(order, lines[:1], "", alice)
    refunds.send(refund)
    Refund.objects.filter(pk=refund.pk).update(status="approved", sending_at=None, gateway_refund_id=None)
    refund.refresh_from_db()
    refunds.send(refund)
    assert len(at_gateway(sandbox, order)) == 1


@pytest.mark.parametrize("failure", ["html502", "json500"])
def test_without_an_answer_it_stays_approved_and_is_sent_later(sandbox, order, lines, alice, failure):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    sandbox.switch(api_failure=failure)
    with pytest.raises(GatewayUnavailable):
        refunds.send(refund)
    assert refunds.heal_refunds(older_than=timedelta(0)) == 0
    sandbox.switch()
    assert refunds.heal_refunds() == 0, "it is too young"
    assert refunds.heal_refunds(older_than=timedelta(0)) == 1
    assert Refund.objects.get().status == "processed"


def test_refused_by_the_gateway_it_is_flagged_and_tried_again(sandbox, order, lines, alice, stella, caplog):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    sandbox.switch(refund_ends="refused")
    for _ in range(2):
        with pytest.raises(GatewayRefused):
            refunds.send(refund)
    assert "enough balance" in Refund.objects.get().flag
    assert caplog.text.count("a person must look") == 1, "said once"
    sandbox.switch()
    refunds.send(refund)
    assert (refund.status, refund.flag) == ("processed", "")


def test_staff_call_off_what_the_gateway_refuses(sandbox, order, lines, alice, stella, in_dashboard):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    refunds.give_up(refund, stella, "Paid in cash")
    assert (refund.status, RefundLine.objects.get().line) == ("failed", None)
    again = refunds.request_refund(order, lines[:1], "", alice)
    in_dashboard(order, 30000, receipt=str(again.pk))
    with pytest.raises(RefundRefused, match="has it after all"):
        refunds.give_up(again, stella, "")
    assert Refund.objects.get(pk=again.pk).status == "processed"


def test_what_was_called_off_and_is_at_the_gateway_all_the_same_is_flagged(
    sandbox, order, lines, alice, stella, in_dashboard, caplog
):
    """As if a sender had slept between its claim and its call, longer than its claim was good for."""
    refund = refunds.request_refund(order, lines[:1], "", alice)
    refunds.give_up(refund, stella, "")
    sandbox.switch(refund_seconds=60)
    assert refund_settling.confirm_refund(in_dashboard(order, 30000, receipt=str(refund.pk))) == "pending"
    refund.refresh_from_db()
    assert (refund.status, bool(refund.flag)) == ("failed", True)
    assert "a person must look" in caplog.text


def test_paid_back_although_called_off_it_is_booked_once(order, lines, alice, stella, in_dashboard, caplog):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    refunds.give_up(refund, stella, "")
    again = refunds.request_refund(order, lines[:2], "", stella)
    refund_settling.confirm_refund(in_dashboard(order, 30000, receipt=str(refund.pk)))
    refund.refresh_from_db()
    assert (refund.status, bool(refund.flag), active(alice)) == ("processed", True, 3)
    refunds.give_up(again, stella, "")
    assert Payment.objects.get(entry="refunded").amount_paise == 30000
    assert "a person must look" in caplog.text


def test_a_claimed_refund_is_not_sent_by_another(sandbox, order, lines, alice, stella):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    Refund.objects.filter(pk=refund.pk).update(sending_at=timezone.now())
    refunds.send(refund)
    with pytest.raises(RefundRefused, match="being sent"):
        refunds.give_up(refund, stella, "")
    assert not at_gateway(sandbox, order)
    Refund.objects.filter(pk=refund.pk).update(sending_at=timezone.now() - timedelta(minutes=2))
    refunds.send(refund)
    assert refund.status == "processed", "a claim runs out with the process that made it"


def test_a_slow_refund_keeps_the_course_open_until_it_is_processed(sandbox, order, lines, alice, hook):
    sandbox.switch(refund_seconds=60)
    refund = refunds.request_refund(order, lines, "", alice)
    refunds.send(refund)
    assert (refund.status, active(alice)) == ("sent", 3)
    assert hook("processed", refund.gateway_refund_id).status_code == 200
    assert Refund.objects.get().status == "sent", "the gateway is believed, not the event"


def test_a_failed_refund_changes_nothing_and_can_be_asked_for_again(sandbox, order, lines, alice, hook, caplog):
    sandbox.switch(refund_seconds=3600)
    refund = refunds.request_refund(order, lines, "", alice)
    refunds.send(refund)
    sandbox.switch(refund_ends="failed")
    assert hook("failed", refund.gateway_refund_id).status_code == 200
    refund.refresh_from_db()
    assert (refund.status, active(alice), Payment.objects.filter(entry="refunded").count()) == ("failed", 3, 0)
    assert refund.flag
    assert "failed at the gateway" in caplog.text
    sandbox.switch()
    again = refunds.request_refund(order, lines, "", alice)
    refunds.send(again)
    assert (again.status, active(alice)) == ("processed", 0)


def test_events_in_any_order_and_number_are_one_refund(sandbox, order, lines, alice, hook):
    refund = refunds.request_refund(order, lines, "", alice)
    refunds.send(refund)
    for number, kind in enumerate(["processed", "created", "processed", "created"]):
        assert hook(kind, refund.gateway_refund_id, f"evt_{number}").status_code == 200
    assert Payment.objects.filter(entry="refunded").count() == 1
    assert OrderEvent.objects.filter(key__startswith="refund_processed").count() == 1
    Grant.objects.update(revoked_at=None)
    refund_settling.confirm_refunds(order)
    assert active(alice) == 0, "what a crash left out is made up for"


def test_a_refund_of_another_sum_is_flagged(order, lines, alice, in_dashboard, caplog):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    assert refund_settling.confirm_refund(in_dashboard(order, 12300, receipt=str(refund.pk))) == "mismatch"
    refund.refresh_from_db()
    assert (refund.status, active(alice)) == ("approved", 3)
    assert "₹123" in refund.flag
    assert "a person must look" in caplog.text


# --- Razorpay's dashboard ---
@pytest.mark.parametrize(("amount", "gone"), [(60000, 3), (20000, 1)])
def test_a_refund_from_the_dashboard_finds_its_lines(order, alice, in_dashboard, hook, amount, gone):
    made = in_dashboard(order, amount, notes={"comment": "By telephone"})
    assert hook("processed", made).status_code == 200
    refund = Refund.objects.get()
    assert (refund.status, refund.amount_paise, refund.reason, refund.requested_by) == (
        "processed",
        amount,
        "By telephone",
        None,
    )
    assert (refund.flag, refund.lines.count(), active(alice)) == ("", gone, 3 - gone)
    assert Payment.objects.get(entry="refunded").amount_paise == amount


def test_one_that_matches_nothing_waits_for_a_person(order, lines, alice, stella, in_dashboard, hook, caplog):
    assert hook("processed", in_dashboard(order, 25000)).status_code == 200
    refund = Refund.objects.get()
    assert (refund.status, active(alice), refund.lines.count()) == ("processed", 3, 0)
    assert "not clear which lines" in refund.flag
    assert "a person must look" in caplog.text
    assert Payment.objects.get(entry="refunded").amount_paise == 25000
    with pytest.raises(RefundRefused, match="worth more"):
        refund_settling.assign_lines(refund, lines[:1], stella)
    refund_settling.assign_lines(refund, lines[1:2], stella)
    assert (refund.flag, active(alice)) == ("", 2)
    with pytest.raises(RefundRefused, match="needs no lines"):
        refund_settling.assign_lines(refund, lines[2:], stella)


def test_two_lines_of_the_same_price_are_in_doubt(sold, alice, courses, in_dashboard):
    order = sold(alice, {courses[0]: 20000, courses[1]: 20000})
    refund_settling.confirm_refund(in_dashboard(order, 20000))
    assert (Refund.objects.get().lines.count(), bool(Refund.objects.get().flag)) == (0, True)


def test_what_waits_for_approval_may_be_done_by_hand(waiting, order, in_dashboard, alice):
    refund_settling.confirm_refund(in_dashboard(order, 60000))
    waiting.refresh_from_db()
    assert (waiting.status, Refund.objects.count(), active(alice)) == ("processed", 1, 0)


def test_a_second_refund_under_our_id_is_not_swallowed(order, lines, alice, in_dashboard):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    refunds.send(refund)
    refund_settling.confirm_refund(in_dashboard(order, 30000, receipt=str(refund.pk)))
    assert Payment.objects.filter(entry="refunded").count() == 2
    assert Refund.objects.exclude(pk=refund.pk).get().flag


def test_a_lost_event_is_found_by_sweeping(order, in_dashboard):
    in_dashboard(order, 60000)
    now = timezone.now()
    for told in refunds.sweep(now - timedelta(hours=1), now + timedelta(hours=1)):
        refund_settling.apply_gateway_refund(told)
    assert Refund.objects.get(order=order).status == "processed"
    known = [told.payment_id for told in refunds.sweep(now - timedelta(hours=1), now + timedelta(hours=1))]
    assert order.payments.first().gateway_payment_id not in known


def test_a_refund_that_comes_before_the_payment_is_not_lost(sandbox, alice, course, open_order, hook):
    order = open_order(alice, course)
    payment = sandbox.pay(order)["razorpay_payment_id"]
    made = sandbox.api("POST", f"/v1/payments/{payment}/refund", {"amount": 10000}).json()["id"]
    assert hook("processed", made).status_code == 200
    order.refresh_from_db()
    assert order.is_paid
    assert Payment.objects.filter(order=order, entry="refunded").count() == 1


def test_refunds_of_others_are_left_alone(sandbox, db, hook, caplog):
    other = sandbox.api("POST", "/v1/orders", {"amount": 100, "currency": "INR"}).json()
    paid = sandbox.api("POST", "/sandbox/payments", {"order_id": other["id"]}).json()["payment"]["id"]
    made = sandbox.api("POST", f"/v1/payments/{paid}/refund", {}).json()["id"]
    assert hook("processed", made).status_code == 200
    assert not Refund.objects.exists()
    assert hook("processed", "rfnd_unknown", "evt_2").status_code == 503


# --- Payments that should not have been made ---
def test_a_second_payment_goes_back_whole_and_takes_nothing(sandbox, order, stella, alice):
    extra = sandbox.pay(order)["razorpay_payment_id"]
    confirm_payment(extra)
    first, second = order.payments.order_by("created_at")
    with pytest.raises(RefundRefused, match="Give its lines back"):
        refunds.request_payment_refund(first, "", stella)
    with pytest.raises(RefundRefused, match="a payment of your own"):
        refunds.request_payment_refund(second, "", alice)
    refund = refunds.request_payment_refund(second, "Paid twice", stella)
    with pytest.raises(RefundRefused, match="asked for the same"):
        refunds.request_payment_refund(second, "Paid twice", stella)
    refunds.send(refund)
    assert (refund.status, active(alice)) == ("processed", 3)
    assert Payment.objects.get(entry="refunded").gateway_payment_id == extra


def test_a_payment_that_does_not_match_goes_back(sandbox, alice, course, open_order, stella):
    order = open_order(alice, course)
    confirm_payment(sandbox.pay(order, amount=100)["razorpay_payment_id"])
    payment = Payment.objects.get(entry="mismatch")
    refund = refunds.request_payment_refund(payment, "Wrong sum", stella)
    refunds.send(refund)
    assert (refund.status, Payment.objects.get(entry="refunded").amount_paise) == ("processed", 100)


# --- Seats ---
def test_an_unclaimed_seat_closes_and_a_claimed_one_stays(sandbox, sold, alice, bob, stella, courses):
    order = sold(alice, {courses[0]: 10000, courses[1]: 5000}, seats=2)
    Seat.objects.filter(order=order, number=2).update(claimed_by=bob, claimed_at=timezone.now())
    first, second = order.lines.filter(seat_number=1), order.lines.filter(seat_number=2)
    with pytest.raises(RefundRefused, match="as a whole"):
        refunds.request_refund(order, first[:1], "", alice)
    with pytest.raises(RefundRefused, match="It has been claimed"):
        refunds.request_refund(order, second, "", alice)
    refund = refunds.request_refund(order, first, "", alice)
    assert not Seat.objects.open().exists(), "nobody can claim it while the money is on its way"
    sandbox.switch(refund_ends="failed")
    refunds.send(refund)
    assert Seat.objects.open().get().number == 1
    sandbox.switch()
    refunds.send(refunds.request_refund(order, first, "", alice))
    refunds.send(refunds.request_refund(order, second[:1], "", stella))
    assert not Seat.objects.open().exists()


# --- All at once ---
@pytest.mark.slow
def test_two_members_of_staff_refund_the_same_line_once(transactional_db, order, lines, stella, make_user):
    staff, results, start = [stella, make_user("Sam", is_staff=True)] * 2, [], Barrier(4)

    def ask(actor, chosen):
        start.wait()
        try:
            refunds.send(refunds.request_refund(order, chosen, "", actor))
            results.append("refunded")
        except RefundRefused as error:
            results.append(str(error))
        finally:
            connections.close_all()

    threads = [Thread(target=ask, args=[actor, lines[: n % 2 + 1]]) for n, actor in enumerate(staff)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("refunded") == 1, results
    assert len(results) == 4
    refund = Refund.objects.get()
    assert refund.status == "processed"
    assert Payment.objects.get(entry="refunded").amount_paise == refund.amount_paise
    assert Grant.objects.active().count() == 3 - refund.lines.count()


@pytest.mark.slow
def test_many_confirmations_at_once_book_it_once(transactional_db, order, lines, alice):
    refund = refunds.request_refund(order, lines, "", alice)
    start, errors = Barrier(4), []

    def work(job):
        start.wait()
        try:
            job()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    jobs = [lambda: refunds.send(refund), lambda: refunds.heal_refunds(older_than=timedelta(0))] * 2
    threads = [Thread(target=work, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert Refund.objects.get().status == "processed"
    assert Payment.objects.filter(entry="refunded").count() == 1
    assert len(mail.outbox) == 2, "a receipt and a refund"
