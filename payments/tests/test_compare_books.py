"""manage.py compare_books: every rupee is on both sides, and every sale led to what it must lead to."""

from datetime import date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from courses.models import Grant
from payments import disputes, refunds
from payments.comparison import compare_books
from payments.confirmation import confirm_order
from payments.invoices import issue_credit_note, issue_invoice
from payments.models import BooksDifference, BooksReport, Dispute, Earning, Order, Payment, Refund, TaxDocument
from payments.models.ledger import LedgerError
from payments.razorpay import fetch_order_payments
from payments.tax import INDIA

pytestmark = pytest.mark.detail


@pytest.fixture
def today() -> date:
    return datetime.now(INDIA).date()


@pytest.fixture
def gateway(sandbox):
    """The sandbox without the payments of other tests, whose orders nobody here knows."""
    for kind in ("payments", "refunds", "disputes"):
        while items := sandbox.api("GET", f"/v1/{kind}?count=100").json()["items"]:
            for entity in items:
                sandbox.forget(entity["id"])
    return sandbox


@pytest.fixture
def sale(gateway, order) -> Order:
    """A sale with everything that belongs to it."""
    gateway.pay(order)
    confirm_order(order)
    order.refresh_from_db()
    issue_invoice(order)
    return order


def erase_credit_notes() -> None:
    """As if they had never been issued, with what instructors earn by them."""
    notes = list(TaxDocument.objects.filter(kind="credit_note").values_list("pk", flat=True))
    Earning.objects.filter(document_id__in=notes)._raw_delete("default")
    TaxDocument.objects.filter(pk__in=notes)._raw_delete("default")


def kinds_of(report: BooksReport) -> list[str]:
    return sorted(report.differences.values_list("kind", flat=True))


def test_books_that_balance(sale, today):
    report = compare_books(today)
    assert kinds_of(report) == []
    assert (report.payments_here, report.payments_there) == (1, 1)
    assert (report.paise_here, report.paise_there) == (49900, 49900)
    out = StringIO()
    call_command("compare_books", "--date", today.isoformat(), stdout=out)
    assert "1 payments here, 1 there; 0 differences" in out.getvalue()


def test_a_payment_that_we_do_not_have(gateway, order, today):
    gateway.pay(order)
    out = StringIO()
    with pytest.raises(CommandError, match="do not balance"):
        call_command("compare_books", "--date", today.isoformat(), stdout=out)
    assert "missing_here pay_" in out.getvalue()
    assert BooksDifference.objects.get().paise_there == 49900
    confirm_order(order)
    issue_invoice(Order.objects.get())
    assert kinds_of(compare_books(today)) == []
    assert BooksDifference.objects.count() == 1  # what was, stays written


def test_a_payment_that_the_gateway_does_not_have(gateway, sale, today):
    gateway.forget(Payment.objects.get().gateway_payment_id)
    assert kinds_of(compare_books(today)) == ["missing_there"]


def test_a_failed_payment_is_none(gateway, order, today):
    gateway.pay(order, kind="fail")
    confirm_order(order)
    assert kinds_of(compare_books(today)) == []


def test_a_payment_of_another_day_is_no_difference(sale, today):
    """Begun before midnight and booked after it: each day finds it under its id."""
    tomorrow = today + timedelta(days=1)
    row = Payment.objects.values().get() | {"created_at": timezone.now() + timedelta(days=1)}
    Payment.objects.all()._raw_delete("default")
    Payment.objects.create(**row)
    assert kinds_of(compare_books(today)) == []
    assert kinds_of(compare_books(tomorrow)) == []


@pytest.mark.parametrize(("change", "kind"), [({"amount_paise": 49901}, "amount"), ({"currency": "USD"}, "currency")])
def test_another_amount_or_currency(sale, today, change, kind):
    row = Payment.objects.values().get() | change
    Payment.objects.all()._raw_delete("default")
    Payment.objects.create(**row)
    assert kinds_of(compare_books(today)) == [kind]


def test_money_that_pays_nothing(gateway, order, today):
    gateway.pay(order, amount=100)
    confirm_order(order)
    assert kinds_of(compare_books(today)) == ["unmatched"]


def test_a_paid_order_without_what_belongs_to_it(gateway, order, today):
    Order.objects.filter(pk=order.pk).update(status="paid", paid_at=timezone.now())
    assert kinds_of(compare_books(today)) == ["no_grant", "no_invoice", "no_payment"]


def test_a_missing_number(sale, today):
    row = TaxDocument.objects.values().get()
    TaxDocument.objects.create(**row | {"id": sale.pk, "sequence": 3, "number": "INV-3", "source_key": "other"})
    assert "number_gap" in kinds_of(compare_books(today))
    assert "Number 2" in BooksDifference.objects.get(kind="number_gap").explanation


@pytest.fixture
def refund(sale, stella) -> Refund:
    made = refunds.request_refund(sale, list(sale.lines.all()), "Asked for", stella)
    refunds.send(made)
    made.refresh_from_db()
    assert made.status == "processed"
    return made


def test_a_refund_that_balances(refund, today):
    issue_credit_note(refund)
    report = compare_books(today)
    assert kinds_of(report) == []
    assert (report.refunds_here, report.refunded_paise_here) == (report.refunds_there, report.refunded_paise_there)
    assert report.refunded_paise_there == 49900


def test_a_refund_without_what_belongs_to_it(refund, today):
    erase_credit_notes()
    Grant.objects.update(revoked_at=None)
    assert kinds_of(compare_books(today)) == ["no_credit_note", "not_revoked"]


def test_a_refund_on_one_side_only(gateway, refund, today):
    issue_credit_note(refund)
    row = Payment.objects.filter(entry="refunded").values().get()
    Payment.objects.filter(entry="refunded")._raw_delete("default")
    assert kinds_of(compare_books(today)) == ["missing_here"]
    Payment.objects.create(**row)
    gateway.forget(refund.gateway_refund_id)
    assert kinds_of(compare_books(today)) == ["missing_there"]


@pytest.fixture
def lost(gateway, sale) -> Dispute:
    payment_id = Payment.objects.get().gateway_payment_id
    raised = gateway.api("POST", "/sandbox/disputes", {"payment_id": payment_id}).json()["id"]
    assert gateway.api("POST", "/sandbox/disputes", {"dispute_id": raised, "how": "lost"}).ok
    disputes.confirm_dispute(raised)
    issue_credit_note(Dispute.objects.get())
    return Dispute.objects.get()


def test_a_lost_dispute_that_balances(lost, today):
    assert lost.status == "lost"
    assert kinds_of(compare_books(today)) == []


def test_a_lost_dispute_that_does_not(gateway, lost, today):
    erase_credit_notes()
    Grant.objects.update(revoked_at=None)
    row = Payment.objects.filter(entry="charged_back").values().get()
    Payment.objects.filter(entry="charged_back")._raw_delete("default")
    assert kinds_of(compare_books(today)) == ["missing_here"]
    Payment.objects.create(**row | {"amount_paise": 1})
    assert kinds_of(compare_books(today)) == ["amount", "no_credit_note", "not_revoked"]
    gateway.forget(lost.gateway_dispute_id)
    assert kinds_of(compare_books(today)) == ["missing_there", "no_credit_note", "not_revoked"]


def test_it_needs_a_day_that_has_begun_and_a_gateway(db, gateway, today):
    for day in (today + timedelta(days=1), date(1999, 1, 1)):
        with pytest.raises(CommandError, match="has begun"):
            call_command("compare_books", "--date", day.isoformat())
    with pytest.raises(CommandError, match="date"):
        call_command("compare_books", "--date", "yesterday")
    gateway.switch(api_failure="html502")
    with pytest.raises(CommandError, match="did not answer"):
        call_command("compare_books")
    assert not BooksReport.objects.exists()


def test_many_payments_come_in_pages(gateway, order, today, monkeypatch):
    monkeypatch.setattr("payments.razorpay.PAGE_SIZE", 2)
    for _ in range(5):
        gateway.pay(order)
    assert len(fetch_order_payments(order)) == 5
    assert compare_books(today).payments_there == 5


def test_reports_are_never_changed(sale, today):
    report = compare_books(today)
    report.difference_count = 7
    with pytest.raises(LedgerError):
        report.save()
    with pytest.raises(LedgerError):
        report.delete()


def test_staff_look_at_them_and_export_them(gateway, order, today, client_of, stella, alice):
    gateway.pay(order)
    report = compare_books(today)
    for name in ("booksreport", "booksdifference"):
        page = reverse(f"admin:payments_{name}_changelist")
        assert client_of(stella).get(page).status_code == 200
        assert client_of(alice).get(page).status_code in (302, 403)
    page = reverse("admin:payments_booksdifference_changelist")
    found = client_of(stella).get(page, {"q": report.differences.get().reference})
    assert "not in our ledger" in found.content.decode()
    exported = client_of(stella).get(reverse("admin:payments_booksdifference_export"))
    exported = (
        exported
        if exported["Content-Type"].startswith("text/csv")
        else client_of(stella).post(reverse("admin:payments_booksdifference_export"), {"format": "0"})
    )
    assert "missing_here" in exported.content.decode()


def test_staff_compare_a_day_again(gateway, order, today, client_of, stella):
    gateway.pay(order)
    report = compare_books(today)
    confirm_order(order)
    issue_invoice(Order.objects.get())
    page = reverse("admin:payments_booksreport_changelist")
    chosen = {"action": "compare_again", "_selected_action": [str(report.pk)]}
    answer = client_of(stella).post(page, chosen, follow=True)
    assert "no differences" in answer.content.decode()
    assert BooksReport.objects.count() == 2
    gateway.switch(api_failure="html502")
    assert "did not answer" in client_of(stella).post(page, chosen, follow=True).content.decode()
