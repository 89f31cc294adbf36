"""What instructors earn: their share of what was invoiced, without tax, less what went back."""

import csv
import io

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from payments.earnings import share_of
from payments.invoices import issue_credit_note, issue_invoice
from payments.models import Earning, OrderLine

pytestmark = [pytest.mark.django_db, pytest.mark.detail]


def test_a_sale_earns_a_share_of_it_without_tax(paid_order, alice, ida, course):
    order = paid_order(alice, course)
    invoice = issue_invoice(order)
    earning = Earning.objects.get()
    assert (earning.instructor, earning.document, earning.line) == (ida, invoice, order.lines.get())
    assert (earning.net_paise, earning.share_bp, earning.amount_paise) == (42288, 7000, 29601)
    assert (earning.month, earning.title) == (f"{invoice.issued_on:%Y-%m}", "Knots for sailors")


def test_the_terms_are_those_of_the_day_of_the_order(paid_order, alice, stella, ida, course):
    order = paid_order(alice, course)
    course.instructor, course.instructor_share_bp = stella, 100
    course.save()
    issue_invoice(order)
    assert (Earning.objects.get().instructor, Earning.objects.get().share_bp) == (ida, 7000)


def test_a_refund_takes_it_back_once(paid_order, refunded, alice, course):
    order = paid_order(alice, course)
    refund = refunded(order)
    for _ in range(2):
        issue_credit_note(refund)
    assert [row.amount_paise for row in Earning.objects.order_by("created_at")] == [29601, -29601]


def test_a_refund_of_one_line_leaves_the_other_teachers_share(paid_order, refunded, alice, stella, make_course):
    order = paid_order(alice, make_course("Knots"), make_course("Ropes", instructor=stella))
    issue_credit_note(refunded(order, lines=[order.lines.get(title="Ropes")]))
    sums = {}
    for row in Earning.objects.all():
        sums[row.title] = sums.get(row.title, 0) + row.amount_paise
    assert sums == {"Knots": 29601, "Ropes": 0}


def test_a_lost_dispute_takes_it_back(paid_order, disputed, alice, course):
    issue_credit_note(disputed(paid_order(alice, course)))
    assert sum(Earning.objects.values_list("amount_paise", flat=True)) == 0


def test_nobody_earns_by_nothing(paid_order, alice, bob, charlie, course, make_course):
    issue_invoice(
        paid_order(
            charlie, make_course("Free knots", price_paise=0), make_course("Shared by nobody", instructor_share_bp=0)
        )
    )
    issue_invoice(paid_order(alice, make_course("Ropes", instructor_share_bp=0)))
    issue_invoice(paid_order(bob, course, amount_paise=0))
    assert not Earning.objects.exists()


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10_000))
def test_a_share_is_right_to_the_paisa_and_never_too_much(net, share):
    earned = share_of(net, share)
    assert 0 <= net * share - earned * 10_000 < 10_000


def test_a_line_keeps_teacher_share_and_rate(settings, paid_order, alice, ida, course):
    line = paid_order(alice, course).lines.get()
    assert (line.instructor, line.instructor_share_bp, line.tax_rate_bp) == (ida, 7000, 1800)
    settings.SELLER_GSTIN = ""
    assert OrderLine.for_course(course).tax_rate_bp == 0


# --- The statement ---
@pytest.fixture
def month(paid_order, refunded, alice, bob, course):
    issue_credit_note(refunded(paid_order(alice, course)))
    return f"{issue_invoice(paid_order(bob, course)).issued_on:%Y-%m}"


def test_the_page_shows_each_month(client_of, ida, month):
    page = client_of(ida).get(reverse("payments:earnings")).text
    assert "₹296.01" in page
    assert reverse("payments:earning_month", args=[month]) in page
    assert '<progress max="100" value="100"' in page


def test_the_page_is_empty_for_those_who_earned_nothing(client_of, charlie, month):
    assert "Nothing yet" in client_of(charlie).get(reverse("payments:earnings")).text


def test_a_month_of_refunds_only_has_no_bar(client_of, ida, paid_order, refunded, alice, course):
    issue_credit_note(refunded(paid_order(alice, course)))
    assert '<progress max="100" value="0"' in client_of(ida).get(reverse("payments:earnings")).text


def test_the_statement_shows_each_line(client_of, ida, month, django_assert_max_num_queries):
    client = client_of(ida)
    with django_assert_max_num_queries(5):
        page = client.get(reverse("payments:earning_month", args=[month])).text
    for text in ("Knots for sailors", "₹422.88", "₹296.01", "−₹296.01", "70 %", "refund"):
        assert text in page


def test_the_statement_as_csv(client_of, ida, course, month):
    response = client_of(ida).get(reverse("payments:earning_month_csv", args=[month]))
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0] == ["date", "document", "course", "net_rupees", "share_percent", "earned_rupees"]
    assert [row[2:] for row in rows[1:]] == [
        ["Knots for sailors", "422.88", "70.00", "296.01"],
        ["Knots for sailors", "-422.88", "70.00", "-296.01"],
        ["Knots for sailors", "422.88", "70.00", "296.01"],
    ]


def test_nobody_sees_what_another_earns(client_of, client, charlie, stella, month):
    url, csv_url = (reverse(f"payments:earning_month{end}", args=[month]) for end in ("", "_csv"))
    for other in (charlie, stella):
        assert client_of(other).get(url).status_code == 404
        assert b"Knots" not in b"".join(client_of(other).get(csv_url).streaming_content)
    assert client.get(url).status_code == client.get(csv_url).status_code == 302


@pytest.mark.parametrize("month", ["2026", "2026-13", "1999-01-01", "x" * 3000, "9999-12", "２026-11"])
def test_another_text_than_a_month_is_a_404(client_of, ida, month):
    assert client_of(ida).get(f"/my/earnings/{month}").status_code == 404
