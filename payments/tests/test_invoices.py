"""Invoices and credit notes: one for each thing, right to the paisa, numbered without a gap."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from payments import earnings, invoices
from payments.disputes import assign_lines
from payments.invoices import (
    check_numbers,
    issue_credit_note,
    issue_invoice,
    issue_missing_documents,
    missing_numbers,
    try_to_issue,
)
from payments.models import Dispute, Earning, Order, OrderEvent, Refund, RefundLine, TaxDocument
from payments.models.ledger import LedgerError
from payments.tax import financial_year

pytestmark = pytest.mark.django_db
KARNATAKA, MAHARASHTRA = "29", "27"
BUSINESS = {"name": "Rope Works", "address": "2 Dock, Mumbai", "state": MAHARASHTRA, "gstin": "27AAPFU0939F1ZV"}


def parts_of(document):
    return (document.taxable_paise, document.cgst_paise, document.sgst_paise, document.igst_paise)


def test_it_makes_an_invoice(paid_order, alice, course):
    order = paid_order(alice, course)
    invoice = issue_invoice(order)
    year = financial_year(timezone.now())
    assert invoice.number == f"INV{year[2:4]}{year[5:]}-000001"
    assert len(invoice.number) <= 16
    assert (invoice.title, invoice.financial_year, invoice.sequence) == ("Tax invoice", year, 1)
    assert invoice.buyer == {"name": "Alice", "address": "", "gstin": "", "state": ""}
    assert invoice.seller["gstin"] == "29ABCDE1234F1ZW"
    assert (invoice.place_of_supply, invoice.total_paise, parts_of(invoice)) == (
        KARNATAKA,
        49900,
        (42288, 3806, 3806, 0),
    )
    assert invoice.lines == [
        {
            "line": str(order.lines.get().pk),
            "title": "Knots for sailors",
            "sac": "999293",
            "rate_bp": 1800,
            "taxable_paise": 42288,
            "cgst_paise": 3806,
            "sgst_paise": 3806,
            "igst_paise": 0,
            "total_paise": 49900,
        }
    ]
    assert OrderEvent.objects.get(order=order).text == f"Tax invoice {invoice.number} issued."


@pytest.mark.parametrize("billing", [{"state": MAHARASHTRA}, BUSINESS, BUSINESS | {"state": ""}])
def test_another_state_means_igst(paid_order, alice, course, billing):
    invoice = issue_invoice(paid_order(alice, course, billing=billing))
    assert (invoice.place_of_supply, parts_of(invoice)) == (MAHARASHTRA, (42288, 0, 0, 7612))
    assert (invoice.buyer["gstin"], invoice.buyer["name"]) == (billing.get("gstin", ""), billing.get("name", "Alice"))


def test_a_school_without_gstin_charges_no_tax(settings, paid_order, alice, course):
    settings.SELLER_GSTIN = settings.SELLER_STATE = ""
    invoice = issue_invoice(paid_order(alice, course))
    assert (invoice.title, parts_of(invoice), invoice.total_paise) == ("Invoice", (49900, 0, 0, 0), 49900)


def test_a_school_that_lost_its_gstin_shows_no_tax(settings, paid_order, alice, course):
    order = paid_order(alice, course)
    settings.SELLER_GSTIN = ""
    assert parts_of(issue_invoice(order)) == (49900, 0, 0, 0)


def test_it_taxes_what_was_agreed(settings, paid_order, alice, course):
    """The rate of the day of the order, though another is in force when the document is made."""
    order = paid_order(alice, course)
    settings.GST_RATE_BP = 500
    assert issue_invoice(order).lines[0]["rate_bp"] == 1800


def test_it_is_issued_once(paid_order, alice, course):
    order = paid_order(alice, course)
    assert issue_invoice(order) == issue_invoice(order)
    assert (TaxDocument.objects.count(), Earning.objects.count(), OrderEvent.objects.count()) == (1, 1, 1)


def test_there_is_none_for_what_was_not_paid(paid_order, alice, bob, course):
    unpaid = paid_order(alice, course)
    Order.objects.filter(pk=unpaid.pk).update(status="created", paid_at=None)
    free = paid_order(bob, course, amount_paise=0)
    assert (issue_invoice(unpaid), issue_invoice(free)) == (None, None)
    assert not TaxDocument.objects.exists()


def test_buying_issues_it(sandbox, order, come_back, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        come_back(sandbox.pay(order))
    assert TaxDocument.objects.get().order == order
    (receipt,) = mail.outbox
    for text in (receipt.body, receipt.alternatives[0].content):
        assert reverse("payments:invoice_list", args=[order.pk]) in text


def test_numbers_go_on_within_a_year_and_kind(monkeypatch, paid_order, refunded, alice, bob, charlie, ida, course):
    first, second, third, fourth = (paid_order(user, course) for user in (alice, bob, charlie, ida))
    in_march, in_april = datetime(2027, 3, 31, 18, 29, tzinfo=UTC), datetime(2027, 3, 31, 18, 31, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: in_march)
    numbers = [issue_invoice(first).number, issue_invoice(second).number, issue_credit_note(refunded(first)).number]
    monkeypatch.setattr(timezone, "now", lambda: in_april)
    numbers += [issue_invoice(third).number, issue_invoice(fourth).number, issue_credit_note(refunded(third)).number]
    assert numbers == [
        *["INV2627-000001", "INV2627-000002", "CRN2627-000001"],
        *["INV2728-000001", "INV2728-000002", "CRN2728-000001"],
    ]
    assert check_numbers() == {}


def test_a_refund_takes_back_what_the_invoice_says(monkeypatch, paid_order, refunded, alice, course):
    order = paid_order(alice, course, billing=BUSINESS)
    invoice = issue_invoice(order)
    refund = refunded(order)
    monkeypatch.setattr(invoices, "split_tax", None)  # another rule of today changes nothing
    note = issue_credit_note(refund)
    assert (note.kind, note.corrects, note.refund, note.sequence) == ("credit_note", invoice, refund, 1)
    assert (note.lines, note.buyer, note.place_of_supply) == (invoice.lines, invoice.buyer, MAHARASHTRA)
    assert parts_of(note) == parts_of(invoice)
    assert issue_credit_note(refund) == note
    assert TaxDocument.objects.count() == 2


def test_a_refund_of_one_line_leaves_the_others(paid_order, refunded, alice, make_course):
    order = paid_order(alice, make_course("Knots"), make_course("Ropes", price_paise=10001))
    note = issue_credit_note(refunded(order, lines=[order.lines.get(title="Ropes")]))
    assert [line["title"] for line in note.lines] == ["Ropes"]
    assert note.total_paise == sum(parts_of(note)) == 10001


def test_part_of_a_line_is_split_by_the_same_rule(paid_order, refunded, alice, course):
    note = issue_credit_note(refunded(paid_order(alice, course), amount_paise=11800))
    assert (note.total_paise, parts_of(note)) == (11800, (10000, 900, 900, 0))


def test_there_is_no_credit_note_before_the_money_is_back(paid_order, refunded, disputed, alice, course):
    order = paid_order(alice, course)
    assert issue_credit_note(refunded(order, status=Refund.Status.SENT)) is None
    assert issue_credit_note(disputed(order, lines=[], status=Dispute.Status.UNDER_REVIEW)) is None
    assert TaxDocument.objects.count() == 0


def test_a_payment_that_was_none_of_a_sale_has_none(paid_order, refunded, alice, course):
    assert issue_credit_note(refunded(paid_order(alice, course), lines=[])) is None
    assert TaxDocument.objects.get().kind == "invoice"


def test_a_lost_dispute_takes_back_its_lines(paid_order, disputed, alice, make_course):
    order = paid_order(alice, make_course("Knots"), make_course("Ropes", price_paise=20000))
    dispute = disputed(order, lines=[order.lines.get(title="Ropes")], amount_paise=20000)
    note = issue_credit_note(dispute)
    assert (note.dispute, note.total_paise, [line["title"] for line in note.lines]) == (dispute, 20000, ["Ropes"])


def test_a_bank_that_took_a_part_gets_a_part_of_each_line(paid_order, disputed, alice, make_course):
    order = paid_order(alice, make_course("Knots", price_paise=30000), make_course("Ropes", price_paise=10000))
    note = issue_credit_note(disputed(order, amount_paise=39999))
    assert [(line["title"], line["total_paise"]) for line in note.lines] == [("Knots", 29999), ("Ropes", 10000)]


def test_a_dispute_without_lines_waits_for_a_person(paid_order, disputed, alice, stella, course):
    order = paid_order(alice, course)
    dispute = disputed(order, lines=[], amount_paise=100, flag="Which lines?")
    assert issue_credit_note(dispute) is None
    assign_lines(dispute, list(order.lines.all()), stella)
    assert TaxDocument.objects.get(dispute=dispute).total_paise == 100


def test_it_never_takes_back_more_than_was_sold(paid_order, refunded, alice, course, caplog):
    order = paid_order(alice, course)
    issue_credit_note(refunded(order, amount_paise=40000))
    RefundLine.objects.update(line=None)
    note = issue_credit_note(refunded(order))
    assert note.total_paise == 9900
    assert "more than is left" in caplog.text


def test_documents_are_never_changed_or_deleted(paid_order, alice, course):
    invoice = issue_invoice(paid_order(alice, course))
    for change in (invoice.save, invoice.delete, TaxDocument.objects.all().delete):
        with pytest.raises(LedgerError):
            change()
    with pytest.raises(LedgerError):
        Earning.objects.update(amount_paise=1)


def test_the_reconciler_issues_what_is_missing(
    monkeypatch, paid_order, refunded, disputed, alice, bob, charlie, course
):
    monkeypatch.setattr(invoices, "PAGE", 2)
    orders = [paid_order(user, course) for user in (alice, bob, charlie)]
    refunded(orders[0])
    disputed(orders[1])
    Order.objects.update(paid_at=timezone.now())  # the same for all, over more than a page
    assert issue_missing_documents() == 5
    assert issue_missing_documents() == 0
    kinds = sorted(TaxDocument.objects.values_list("kind", flat=True))
    assert kinds == ["credit_note"] * 2 + ["invoice"] * 3


def test_the_reconciler_looks_back_as_far_as_it_is_told(paid_order, alice, course):
    order = paid_order(alice, course)
    long_ago = timezone.now() - timedelta(days=100)
    Order.objects.filter(pk=order.pk).update(paid_at=long_ago)
    assert issue_missing_documents() == 0
    assert issue_missing_documents(since=long_ago - timedelta(days=1)) == 1


def test_a_failure_harms_nobody_and_is_healed(monkeypatch, paid_order, alice, course, caplog):
    order = paid_order(alice, course)
    with monkeypatch.context() as broken:
        broken.setattr(invoices, "_seller", lambda: 1 / 0)
        assert try_to_issue(order) is False
    assert "the reconciler tries again" in caplog.text
    assert issue_missing_documents() == 1


def test_it_finds_gaps(paid_order, alice, course):
    order = paid_order(alice, course)
    for sequence in (1, 2, 5):
        TaxDocument.objects.create(
            kind="invoice",
            financial_year="2026-27",
            sequence=sequence,
            number=f"INV2627-{sequence:06}",
            order=order,
            source_key=str(sequence),
            seller={},
            buyer={},
            lines=[],
            taxable_paise=1,
            total_paise=1,
        )
    assert missing_numbers("invoice", "2026-27") == [3, 4]
    assert missing_numbers("credit_note", "2026-27") == []
    assert check_numbers() == {"invoice 2026-27": [3, 4]}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_eight_threads_leave_no_gap_whatever_breaks(monkeypatch, paid_order, refunded, make_user, course, caplog):
    """Each order is asked for by several at once, and every fourth attempt dies between the document and its end."""
    orders = [paid_order(make_user(f"Student {n}"), course) for n in range(24)]
    refunds = [refunded(order) for order in orders[:8]]
    dice, write = random.Random(4), earnings.write  # noqa: S311  nothing secret

    def die_now_and_then(document):
        write(document)
        if dice.random() < 0.25:
            raise RuntimeError("killed")

    def work(source):
        try:
            return try_to_issue(source)
        finally:
            connection.close()

    monkeypatch.setattr(earnings, "write", die_now_and_then)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [*orders, *refunds] * 3))
    monkeypatch.setattr(earnings, "write", write)
    assert check_numbers() == {}
    assert 0 < TaxDocument.objects.count() <= 32
    issue_missing_documents()
    assert check_numbers() == {}
    documents = TaxDocument.objects.order_by("kind", "sequence")
    assert [d.sequence for d in documents] == [*range(1, 9), *range(1, 25)]
    assert [d.issued_at for d in documents[8:]] == sorted(d.issued_at for d in documents[8:])
    assert Earning.objects.count() == 32
    assert "more than is left" not in caplog.text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_nobody_fails_because_others_take_numbers(paid_order, make_user, course):
    orders = [paid_order(make_user(f"Student {n}"), course) for n in range(32)]

    def work(order):
        try:
            return issue_invoice(order).sequence
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, orders)) == [*range(1, 33)]
