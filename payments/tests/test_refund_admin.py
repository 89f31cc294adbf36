"""Refunds for staff: nothing without a page that says what it will do, and never more than each may."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from courses.models import Grant
from payments import refunds
from payments.models import Order, Payment, Refund, RefundPolicy

pytestmark = pytest.mark.detail


@pytest.fixture
def order(sold, alice, make_course):
    return sold(alice, {make_course("Knots for sailors"): 30000, make_course("Splices"): 20000})


@pytest.fixture
def lines(order):
    return list(order.lines.order_by("-amount_paise"))


@pytest.fixture
def staff(client_of, stella):
    return client_of(stella)


@pytest.fixture
def sam(make_user):
    """Staff who may do everything with refunds."""
    user = make_user("Sam", is_staff=True)
    names = ["view_order", "view_refund", "add_refund", "change_refund", "approve_refund"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="payments"))
    return user


@pytest.fixture
def url(order):
    return reverse("admin:payments_refund_order", args=[order.pk])


def decide(refund, what):
    return reverse("admin:payments_refund_decide", args=[refund.pk, what])


def asked(lines, paise, reason="A mistake"):
    return {"line": [str(line.pk) for line in lines], "amount_paise": str(paise), "reason": reason}


def test_staff_see_the_sum_before_they_refund_a_line(staff, url, order, lines):
    assert f'href="{url}"' in staff.get(f"/admin/payments/order/{order.pk}/change/").text
    page = staff.get(url, {"choose": "1", "line": str(lines[1].pk)}).text
    assert "₹200 back" in page
    assert not Refund.objects.exists()
    response = staff.post(url, asked(lines[1:], 20000), follow=True)
    assert "paid back." in response.text
    refund = Refund.objects.get()
    assert (refund.status, refund.amount_paise, Grant.objects.active().count()) == ("processed", 20000, 1)
    again = staff.post(url, asked(lines[1:], 20000))
    assert "Paid back on" in again.text
    assert Refund.objects.count() == 1


def test_beyond_the_policy_staff_say_why(staff, url, order, lines):
    Order.objects.filter(pk=order.pk).update(paid_at=timezone.now() - timedelta(days=40))
    assert "This is beyond the policy." in staff.get(url).text
    assert staff.post(url, asked(lines, 50000, reason="")).status_code == 200
    assert not Refund.objects.exists()
    staff.post(url, asked(lines, 50000, reason="Illness"))
    assert Refund.objects.get().is_beyond_policy


@pytest.mark.parametrize("changes", [{"amount_paise": "1"}, {"amount_paise": "x"}, {"line": []}, {"line": ["\0"]}])
def test_it_refuses_bad_input(staff, url, lines, changes):
    response = staff.post(url, asked(lines, 50000) | changes)
    assert response.status_code == 200
    assert "errornote" in response.text
    assert not Refund.objects.exists()


def test_above_the_limit_a_colleague_decides(staff, client_of, sam, url, lines, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 40000
    assert "a second person has to approve it" in staff.post(url, asked(lines, 50000), follow=True).text
    refund = Refund.objects.get()
    assert "cannot be called back" not in staff.get(decide(refund, "approve")).text
    assert "you asked for this refund" in staff.post(decide(refund, "approve"), follow=True).text
    refund.refresh_from_db()
    assert refund.status == "waiting"
    assert client_of(sam).get(decide(refund, "approve")).status_code == 200
    refund.refresh_from_db()
    assert refund.status == "waiting", "looking does nothing"
    client_of(sam).post(decide(refund, "approve"))
    refund.refresh_from_db()
    assert (refund.status, refund.approved_by) == ("processed", sam)


def test_declining_takes_a_reason(client_of, sam, order, lines, alice, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 40000
    refund = refunds.request_refund(order, lines, "", alice)
    for reason in ("", "x" * 151, "\0"):
        assert client_of(sam).post(decide(refund, "decline"), {"reason": reason}).status_code == 200
    refund.refresh_from_db()
    assert refund.status == "waiting"
    client_of(sam).post(decide(refund, "decline"), {"reason": "All of it was watched."})
    refund.refresh_from_db()
    assert refund.status == "declined"


def test_what_the_gateway_refuses_can_be_sent_again_or_called_off(staff, sandbox, url, lines, stella):
    sandbox.switch(refund_ends="refused")
    page = staff.post(url, asked(lines[:1], 30000), follow=True).text
    assert "Razorpay did not do it" in page
    refund = Refund.objects.get()
    assert "enough balance" in refund.flag
    assert staff.get("/admin/payments/refund/", {"flagged": "yes"}).context["cl"].result_count == 1
    sandbox.switch()
    staff.post(decide(refund, "send"))
    refund.refresh_from_db()
    assert refund.status == "processed"
    other = refunds.request_refund(refund.order, lines[1:], "", stella)
    staff.post(decide(other, "give-up"), {"reason": "Paid in cash"})
    other.refresh_from_db()
    assert other.status == "failed"


def test_a_refund_from_the_dashboard_gets_its_lines_from_a_person(staff, sandbox, order, lines):
    payment = Payment.objects.get().gateway_payment_id
    sandbox.api("POST", f"/v1/payments/{payment}/refund", {"amount": 25000})
    page = staff.post(reverse("admin:payments_order_check", args=[order.pk]), follow=True).text
    assert "it is not clear which lines went back" in page
    refund = Refund.objects.get()
    url = reverse("admin:payments_refund_lines", args=[refund.pk])
    assert f'href="{url}"' in staff.get(f"/admin/payments/refund/{refund.pk}/change/").text
    assert staff.get(url).status_code == 200
    staff.post(url, {"line": [str(lines[1].pk), "\0"]})
    refund.refresh_from_db()
    assert (refund.flag, Grant.objects.active().count()) == ("", 1)


def test_a_flag_is_taken_down_with_a_word(staff, order, lines, stella):
    refund = refunds.request_refund(order, lines[:1], "", stella)
    refund.raise_flag("Look at me.")
    staff.post(decide(refund, "seen"), {"reason": "I looked."})
    refund.refresh_from_db()
    assert refund.flag == ""
    assert order.events.filter(text__contains="Look at me.").get().actor == stella


def test_a_second_payment_is_refunded_from_the_order(staff, sandbox, order):
    extra = sandbox.pay(order)["razorpay_payment_id"]
    staff.post(reverse("admin:payments_order_check", args=[order.pk]))
    payment = Payment.objects.get(gateway_payment_id=extra)
    url = reverse("admin:payments_refund_payment", args=[payment.pk])
    assert f'href="{url}"' in staff.get(f"/admin/payments/order/{order.pk}/change/").text
    assert "₹500" in staff.get(url).text
    assert staff.post(url, {"reason": ""}).status_code == 200
    staff.post(url, {"reason": "Paid twice"})
    assert Refund.objects.get().status == "processed"
    assert Grant.objects.active().count() == 2
    assert f'href="{url}"' not in staff.get(f"/admin/payments/order/{order.pk}/change/").text
    first = Payment.objects.exclude(gateway_payment_id=extra).get(entry="captured")
    assert "Give its lines back" in staff.get(reverse("admin:payments_refund_payment", args=[first.pk])).text


def test_the_timeline_tells_everything_in_order(staff, sandbox, open_order, alice, course, stella):
    order = open_order(alice, course)
    failed = json.loads(sandbox.pay(order, kind="fail")["error[metadata]"])["payment_id"]
    for pay in (lambda: None, lambda: sandbox.pay(order)):
        pay()
        staff.post(reverse("admin:payments_order_check", args=[order.pk]))
    order.refresh_from_db()
    refunds.send(refunds.request_refund(order, order.lines.all(), "Too many knots", stella))
    response = staff.get(f"/admin/payments/order/{order.pk}/change/")
    told = [moment.text for moment in response.context["timeline"]]
    words = ["Ordered for ₹499", failed, "Paid ₹499", "₹499 asked for", "₹499 paid back"]
    places = [next(n for n, text in enumerate(told) if word in text) for word in words]
    assert places == sorted(places)
    assert all(text in response.text for text in ("Too many knots", "Stella", failed))


def test_checking_a_refunded_order_says_so(staff, order, lines, stella):
    refunds.send(refunds.request_refund(order, lines, "", stella))
    page = staff.post(reverse("admin:payments_order_check", args=[order.pk]), follow=True).text
    assert "Razorpay says refunded" in page


def test_lists_can_be_searched_filtered_and_exported(staff, order, lines, alice):
    refund = refunds.request_refund(order, lines[:1], "Knots", alice)
    refunds.send(refund)
    base = "/admin/payments/refund/"
    for term in (order.number, "alice@example.org", refund.gateway_refund_id, refund.gateway_payment_id):
        assert staff.get(base, {"q": term}).context["cl"].result_count == 1, term
    assert staff.get(base, {"q": "nobody"}).context["cl"].result_count == 0
    assert staff.get(base, {"status__exact": "waiting"}).context["cl"].result_count == 0
    assert "alice@example.org" in staff.get(f"{base}export/").text
    orders = "/admin/payments/order/"
    assert staff.get(orders, {"money_back": "refund"}).context["cl"].result_count == 1
    assert staff.get(orders, {"money_back": "dispute"}).context["cl"].result_count == 0
    ledger = "/admin/payments/payment/"
    assert staff.get(ledger, {"q": refund.gateway_refund_id}).context["cl"].result_count == 1
    assert staff.get(ledger, {"q": order.number, "entry__exact": "refunded"}).context["cl"].result_count == 1
    for model in ("dispute", "refundpolicy", "orderevent", "webhookevent", "payment"):
        assert staff.get(f"/admin/payments/{model}/").status_code == 200
        assert staff.get(f"/admin/payments/{model}/export/").status_code == 200


@pytest.mark.parametrize("model", ["refund", "dispute", "orderevent", "refundpolicy"])
def test_nothing_is_edited_by_hand(staff, order, lines, alice, model):
    refunds.request_refund(order, lines[:1], "", alice)
    order.disputes.create(gateway_dispute_id="disp_1", gateway_payment_id="pay_1", status="open", amount_paise=1)
    row = {"refund": Refund.objects, "dispute": order.disputes, "orderevent": order.events}.get(
        model, RefundPolicy.objects
    )
    base = f"/admin/payments/{model}/{row.first().pk}"
    assert staff.get(f"{base}/change/").status_code == 200
    assert staff.post(f"{base}/change/", {"status": "processed", "text": "x", "flag": ""}).status_code == 403
    assert staff.post(f"{base}/delete/", {"post": "yes"}).status_code == 403


def test_the_number_of_queries_does_not_grow(staff, order, lines, stella, sold, alice, make_course):
    many = sold(alice, {make_course(f"Course {n}", sections=0): 10000 for n in range(6)})
    first = refunds.request_refund(order, lines[:1], "", stella)
    for line in list(many.lines.all())[:4]:
        refunds.request_refund(many, [line], "", stella)
    large = refunds.request_refund(many, list(many.lines.all())[4:], "", stella)

    def count(url):
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(url).status_code == 200
        return len(queries)

    for few, more in (
        (f"/admin/payments/order/{order.pk}/change/", f"/admin/payments/order/{many.pk}/change/"),
        (f"/admin/payments/refund/{first.pk}/change/", f"/admin/payments/refund/{large.pk}/change/"),
        ("/admin/payments/refund/?flagged=yes", "/admin/payments/refund/"),
    ):
        count(few)
        assert count(more) <= count(few) + 1, more


def test_a_new_policy_is_a_new_version(staff, order):
    url = "/admin/payments/refundpolicy/add/"
    assert "14" in staff.get(url).text
    assert staff.post(url, {"text": "New.", "window_days": "7", "progress_percent": "101"}).status_code == 200
    assert staff.post(url, {"text": "New.", "window_days": "7", "progress_percent": "20"}).status_code == 302
    assert list(RefundPolicy.objects.values_list("version", "window_days")) == [(2, 7), (1, 14)]
    order.refresh_from_db()
    assert order.refund_policy.version == 1


def test_it_requires_the_permission_for_each_step(client_of, make_user, order, lines, url, alice, settings):
    settings.REFUND_APPROVAL_ABOVE_PAISE = 40000
    refund = refunds.request_refund(order, lines, "", alice)
    helper = make_user("Henry", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "view_refund"]))
    payment = Payment.objects.get(entry="captured")
    pages = [
        url,
        reverse("admin:payments_refund_payment", args=[payment.pk]),
        reverse("admin:payments_refund_lines", args=[refund.pk]),
        *[decide(refund, what) for what in ("approve", "decline", "send", "give-up", "check", "seen")],
    ]
    for page in pages:
        assert client_of(helper).get(page).status_code == 403, page
        assert client_of(helper).post(page, {"reason": "x"}).status_code == 403, page
        assert client_of(alice).post(page, {"reason": "x"}).status_code == 302, "to the login of the admin"
    shown = client_of(helper).get(f"/admin/payments/refund/{refund.pk}/change/").text
    assert "Approve and send" not in shown
    refund.refresh_from_db()
    assert refund.status == "waiting"


def test_unknown_steps_and_refunds_are_not_found(staff, order, lines, alice):
    refund = refunds.request_refund(order, lines[:1], "", alice)
    assert staff.get(decide(refund, "teleport")).status_code == 404
    assert staff.get(decide(order, "approve")).status_code == 404
    assert staff.get(reverse("admin:payments_refund_order", args=[refund.pk])).status_code == 404
    assert staff.get(reverse("admin:payments_refund_payment", args=[refund.pk])).status_code == 404
