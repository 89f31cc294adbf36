"""A buyer's invoices: theirs alone, as pages and as PDFs."""

import re

import pytest
from django.urls import reverse

from payments.invoice_pdf import Paper, as_pdf
from payments.invoices import issue_credit_note, issue_invoice
from payments.models import TaxDocument

pytestmark = [pytest.mark.django_db, pytest.mark.detail]
BUSINESS = {"name": "Rope Works", "address": "2 Dock\nMumbai", "state": "27", "gstin": "27AAPFU0939F1ZV"}


@pytest.fixture
def order(paid_order, alice, course):
    return paid_order(alice, course, billing=BUSINESS)


def test_it_lists_the_documents_of_an_order(client_of, alice, order, refunded):
    documents = [issue_invoice(order), issue_credit_note(refunded(order))]
    page = client_of(alice).get(reverse("payments:invoice_list", args=[order.pk])).text
    for document in documents:
        assert document.number in page
        assert document.get_absolute_url() in page


def test_it_issues_the_invoice_that_is_missing(client_of, alice, order):
    page = client_of(alice).get(reverse("payments:invoice_list", args=[order.pk])).text
    assert TaxDocument.objects.get().number in page


def test_an_order_that_is_not_paid_has_none(client_of, alice, paid_order, course):
    order = paid_order(alice, course, amount_paise=0)
    response = client_of(alice).get(reverse("payments:invoice_list", args=[order.pk]))
    assert "once something has been paid" in response.text
    assert not TaxDocument.objects.exists()


def test_the_page_says_what_the_law_asks_for(client_of, alice, order, refunded):
    invoice, note = issue_invoice(order), issue_credit_note(refunded(order))
    page = client_of(alice).get(invoice.get_absolute_url()).text
    parties = ("29ABCDE1234F1ZW", "1 Example Road", "Karnataka", "27AAPFU0939F1ZV", "Rope Works", "2 Dock<br>Mumbai")
    for text in (*parties, "Tax invoice", "999293", "27 Maharashtra", "₹422.88", "18 %", "IGST", "₹76.12", "₹499.00"):
        assert text in page
    assert "CGST" not in page
    correction = client_of(alice).get(note.get_absolute_url()).text
    assert f'corrects invoice <a href="{invoice.get_absolute_url()}">{invoice.number}</a>' in correction


def test_seats_of_a_course_are_one_line(client_of, alice, order):
    invoice = issue_invoice(order)
    invoice.lines = [{**invoice.lines[0], "line": str(number)} for number in range(3)]
    (line,) = invoice.shown_lines
    assert (line["title"], line["taxable_paise"], line["taxes"], line["total_paise"]) == (
        "Knots for sailors × 3",
        3 * 42288,
        [3 * 7612],
        3 * 49900,
    )


def test_without_a_gstin_no_tax_is_shown(settings, client_of, alice, order):
    settings.SELLER_GSTIN = ""
    page = client_of(alice).get(issue_invoice(order).get_absolute_url()).text
    assert "not registered under GST" in page
    for word in ("Tax invoice", "Taxable", "CGST", "IGST", "Place of supply"):
        assert word not in page


def test_it_gives_the_pdf(client_of, alice, order):
    invoice = issue_invoice(order)
    response = client_of(alice).get(reverse("payments:invoice_pdf", args=[order.pk, invoice.number]))
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert response["Content-Disposition"] == f'inline; filename="{invoice.number}.pdf"'
    assert "no-store" in response["Cache-Control"]
    assert response.content.startswith(b"%PDF-")


@pytest.mark.parametrize("view", ["invoice_list", "invoice_detail", "invoice_pdf"])
def test_nobody_else_may_see_it(client_of, client, bob, stella, order, view):
    number = issue_invoice(order).number
    url = reverse(f"payments:{view}", args=[order.pk] if view == "invoice_list" else [order.pk, number])
    for other in (bob, stella):
        assert client_of(other).get(url).status_code == 404
    assert client.get(url).status_code == 302


@pytest.mark.parametrize("view", ["invoice_detail", "invoice_pdf"])
def test_it_is_at_its_own_order_only(client_of, alice, order, paid_order, make_course, view):
    number, another = issue_invoice(order).number, paid_order(alice, make_course("Ropes"))
    assert client_of(alice).get(reverse(f"payments:{view}", args=[another.pk, number])).status_code == 404


@pytest.mark.parametrize("number", ["INV2627-999999", "0", "x" * 3000, "%00", "-1"])
def test_an_unknown_number_is_a_404(client_of, alice, order, number):
    for end in ("", "/pdf"):
        assert client_of(alice).get(f"/orders/{order.pk}/invoices/{number}{end}").status_code == 404


def test_the_same_document_is_the_same_pdf(order):
    invoice = issue_invoice(order)
    assert as_pdf(invoice) == as_pdf(TaxDocument.objects.get())


def test_the_pdf_goes_on_over_pages(paid_order, alice, course):
    invoice = issue_invoice(paid_order(alice, course))
    invoice.lines = [{**invoice.lines[0], "title": f"Knots {number}"} for number in range(100)]
    assert len(re.findall(rb"/Type /Page\b", as_pdf(invoice))) > 1


@pytest.mark.parametrize("name", ["अलका", "李", "😀", "a\0b\u200f\u202e", "Ḍ̈ Ñandú Łódź Ωμέγα", "", "x" * 500, "  "])
def test_no_name_breaks_the_pdf(order, name):
    invoice = issue_invoice(order)
    invoice.buyer |= {"name": name}
    assert as_pdf(invoice).startswith(b"%PDF-")


def test_the_pdf_says_that_letters_were_replaced(order):
    paper = Paper(issue_invoice(order))
    assert (paper.shown("Łódź ₹5 why?"), paper.has_replaced) == ("Łódź ₹5 why?", False)
    assert (paper.shown("①अ"), paper.has_replaced) == ("1?", True)
    paper.output()  # which closes the fonts
