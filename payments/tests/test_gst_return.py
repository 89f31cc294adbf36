"""The month for the return, and how staff find tax documents and earnings."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from coursebundler.exports import harmless
from payments.gst_return import HEADINGS, NotAMonth, month_bounds, return_rows
from payments.invoices import issue_credit_note, issue_invoice
from payments.models import Earning, TaxDocument

pytestmark = [pytest.mark.django_db, pytest.mark.detail]
BUSINESS = {"name": "=Rope Works", "address": "2 Dock", "state": "27", "gstin": "27AAPFU0939F1ZV"}
ADMIN = "/admin/payments/taxdocument/"


@pytest.fixture
def staff(client_of, stella):
    return client_of(stella)


def rows_of(month):
    return [dict(zip(HEADINGS, row, strict=True)) for row in list(return_rows(month))[1:]]


def this_month(document):
    return f"{document.issued_on:%Y-%m}"


def test_each_document_has_its_section(paid_order, refunded, alice, bob, charlie, course, make_course):
    dear = make_course("Ships", price_paise=10_000_01)
    invoices = [
        paid_order(alice, course, billing=BUSINESS),
        paid_order(bob, course),
        paid_order(bob, dear, billing={"state": "27"}),
    ]
    dearest = make_course("Fleets", price_paise=1_00_000_01)
    invoices += [paid_order(charlie, dearest, billing={"state": "27"}), paid_order(alice, dearest)]
    for order in invoices:
        issue_invoice(order)
    for order in invoices:
        note = issue_credit_note(refunded(order))
    sections = [row["section"] for row in rows_of(this_month(note))]
    assert sections == ["B2B", "B2CS", "B2CS", "B2CL", "B2CS", "CDNR", "B2CS", "B2CS", "CDNUR", "B2CS"]


def test_a_row_says_everything(paid_order, refunded, alice, course):
    order = paid_order(alice, course, billing=BUSINESS)
    invoice, note = issue_invoice(order), issue_credit_note(refunded(order))
    first, second = rows_of(this_month(invoice))
    date = f"{invoice.issued_on:%d-%m-%Y}"
    expected = {
        "section": "B2B",
        "number": invoice.number,
        "date": date,
        "corrects_number": "",
        "corrects_date": "",
        "buyer_gstin": "27AAPFU0939F1ZV",
        "buyer_name": "=Rope Works",
        "place_of_supply": "27-Maharashtra",
        "reverse_charge": "N",
        "document_value": "499.00",
        "sac": "999293",
        "rate_percent": "18.00",
        "taxable_value": "422.88",
        "igst": "76.12",
        "cgst": "0.00",
        "sgst": "0.00",
        "cess": "0.00",
    }
    assert first == expected
    assert second == expected | {
        "section": "CDNR",
        "number": note.number,
        "corrects_number": invoice.number,
        "corrects_date": date,
    }


def test_what_goes_back_to_consumers_is_taken_off(paid_order, refunded, alice, course):
    order = paid_order(alice, course)
    sold, back = rows_of(this_month(issue_credit_note(refunded(order))))
    assert (sold["document_value"], back["document_value"]) == ("499.00", "-499.00")
    assert (sold["cgst"], back["cgst"]) == ("38.06", "-38.06")


def test_each_rate_has_a_row(settings, paid_order, alice, make_course):
    order = paid_order(alice, make_course("Knots", price_paise=11800), make_course("Ropes", price_paise=10500))
    order.lines.filter(title="Ropes").update(tax_rate_bp=500)
    rows = rows_of(this_month(issue_invoice(order)))
    assert [(row["rate_percent"], row["taxable_value"], row["document_value"]) for row in rows] == [
        ("18.00", "100.00", "223.00"),
        ("5.00", "100.00", "223.00"),
    ]


def test_a_month_begins_at_midnight_in_india(monkeypatch, paid_order, alice, bob, course):
    midnight = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    orders = [paid_order(alice, course), paid_order(bob, course)]
    for order, moment in zip(orders, (midnight - timedelta(seconds=1), midnight), strict=True):
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        issue_invoice(order)
    assert [row["date"] for row in rows_of("2026-11")] == ["30-11-2026"]
    assert [row["date"] for row in rows_of("2026-12")] == ["01-12-2026"]


def test_a_year_ends(paid_order):
    begins, ends = month_bounds("2026-12")
    assert (begins.isoformat(), ends.isoformat()) == ("2026-12-01T00:00:00+05:30", "2027-01-01T00:00:00+05:30")


@pytest.mark.parametrize(
    "month", ["", "2026", "2026-13", "2026-1", "1999-01", "9" * 400, "2026-11\n", "a\0", "２026-11"]
)
def test_anything_else_is_no_month(month):
    with pytest.raises(NotAMonth):
        return_rows(month)


def test_the_command_writes_it(paid_order, alice, course):
    invoice = issue_invoice(paid_order(alice, course, billing=BUSINESS))
    out = io.StringIO()
    call_command("gst_return", this_month(invoice), stdout=out)
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows[0] == HEADINGS
    assert rows[1][:2] == ["B2B", invoice.number]
    assert rows[1][6] == "'=Rope Works"
    with pytest.raises(CommandError, match="like 2026-11"):
        call_command("gst_return", "November")


def test_no_cell_is_a_formula():
    assert harmless(["=1+1", "-1.50", "-cmd", "@x", "\tx", "", "12"]) == [
        "'=1+1",
        "-1.50",
        "'-cmd",
        "'@x",
        "'\tx",
        "",
        "12",
    ]


# --- Staff ---
def test_staff_download_the_month(staff, paid_order, alice, course):
    invoice = issue_invoice(paid_order(alice, course))
    response = staff.get(reverse("admin:payments_taxdocument_return"), {"month": this_month(invoice)})
    assert response["Content-Disposition"] == f'attachment; filename="gst-return-{this_month(invoice)}.csv"'
    assert invoice.number in b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("month", ["", "nonsense", "\0", "9" * 3000])
def test_a_wrong_month_is_said(staff, month):
    response = staff.get(reverse("admin:payments_taxdocument_return"), {"month": month}, follow=True)
    assert "A month is written like 2026-11." in response.text
    assert 'name="month"' in response.text


def test_staff_find_read_and_download_a_document(staff, paid_order, refunded, alice, course):
    order = paid_order(alice, course, billing=BUSINESS)
    invoice, note = issue_invoice(order), issue_credit_note(refunded(order))
    for term in (invoice.number, order.number, "alice@example.org"):
        assert invoice.number in staff.get(ADMIN, {"q": term}).text
    filters = {"kind__exact": "credit_note", "year": note.financial_year, "place": "27"}
    listed = staff.get(ADMIN, filters).context["cl"]
    assert [row.number for row in listed.queryset] == [note.number]
    page = staff.get(f"{ADMIN}{note.pk}/change/").text
    for text in (note.number, invoice.number, "=Rope Works, 2 Dock, 27, 27AAPFU0939F1ZV", "IGST ₹76.12", "Knots"):
        assert text in page
    assert staff.get(reverse("admin:payments_taxdocument_pdf", args=[note.pk])).content.startswith(b"%PDF-")


def test_staff_find_earnings(staff, paid_order, alice, course):
    document = issue_invoice(paid_order(alice, course))
    response = staff.get("/admin/payments/earning/", {"q": "ida@example.org", "in": this_month(document)})
    assert response.context["cl"].result_count == 1
    assert "₹296.01" in response.text
    assert "70 %" in staff.get(f"/admin/payments/earning/{Earning.objects.get().pk}/change/").text


@pytest.mark.parametrize(("model", "text"), [("taxdocument", "Rope Works"), ("earning", "ida@example.org")])
def test_staff_export_them(staff, paid_order, alice, course, model, text):
    invoice = issue_invoice(paid_order(alice, course, billing=BUSINESS))
    exported = staff.get(f"/admin/payments/{model}/export/").text
    assert text in exported
    assert invoice.number in exported


@pytest.mark.parametrize("model", [TaxDocument, Earning])
def test_nothing_can_be_added_changed_or_deleted(staff, paid_order, alice, course, model):
    issue_invoice(paid_order(alice, course))
    base, row = f"/admin/payments/{model._meta.model_name}/", model.objects.get()
    assert staff.get(f"{base}add/").status_code == 403
    assert staff.post(f"{base}{row.pk}/change/", {"total_paise": 1}).status_code == 403
    assert staff.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_staff_with_the_right_may_look(client_of, make_user, alice, paid_order, course):
    invoice = issue_invoice(paid_order(alice, course))
    urls = [
        reverse("admin:payments_taxdocument_pdf", args=[invoice.pk]),
        reverse("admin:payments_taxdocument_return") + f"?month={this_month(invoice)}",
    ]
    for url in urls:
        assert client_of(alice).get(url).status_code == 302
        assert client_of(make_user(f"Sam{len(url)}", is_staff=True)).get(url).status_code == 403


def test_the_lists_ask_as_much_for_many_as_for_one(staff, paid_order, alice, bob, course, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    issue_invoice(paid_order(alice, course))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            staff.get(ADMIN)
            staff.get("/admin/payments/earning/")
        counts.append(len(asked))
        issue_invoice(paid_order(bob, course))
    assert counts[0] == counts[1]
