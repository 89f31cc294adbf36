"""Gifts and team seats: bought for others, taken once by whoever has the link, given back while nobody has."""

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from courses.access import explain_access
from courses.models import Grant
from payments import refunds, seats
from payments.confirmation import confirm_order
from payments.models import Order, OrderEvent, Seat
from payments.reconciliation import settle_order
from users.tests.test_registration import code_in

pytestmark = pytest.mark.detail

GIFT = {"recipient_email": "Bob@Example.org", "gift_message": "Fair winds!\n<b>Alice</b>"}


@pytest.fixture
def buy(sandbox, client_of, alice, course, django_capture_on_commit_callbacks):
    """Alice buys it for others and pays."""

    def make(how: str = "gift", product=None, kind: str = "courses", count: int = 1, **fields) -> Order:
        page = reverse(f"payments:{how}_checkout", args=[kind, (product or course).slug])
        client = client_of(alice)
        form = (GIFT if how == "gift" else {"seat_count": count}) | fields
        price = client.post(page, {**form, "apply": "1"}).context["quote"].amount_paise
        response = client.post(page, {**form, "amount_paise": price})
        assert response.status_code == 200, response.content.decode()
        order = Order.objects.get(user=alice, status="created")
        sandbox.pay(order)
        with django_capture_on_commit_callbacks(execute=True):
            confirm_order(order)
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def gift(buy) -> Seat:
    return buy().seats.get()


@pytest.fixture
def team(buy) -> Order:
    return buy("seats", count=3)


def open_link(client: Client, seat: Seat):
    """As from the mail."""
    return client.get(reverse("payments:seat_link", args=[seat.token]), follow=True)


def take(client: Client, seat: Seat):
    open_link(client, seat)
    return client.post("/seats/claim")


# --- Gifts ---
def test_a_gift_is_bought_mailed_and_taken(gift, client_of, alice, bob, course):
    assert not explain_access(alice, course).is_allowed
    message = next(message for message in mail.outbox if message.to == ["bob@example.org"])
    assert message.subject == "Alice has a gift for you"
    html = message.alternatives[0][0]
    assert "Fair winds!" in message.body
    assert "&lt;b&gt;Alice&lt;/b&gt;" in html
    [link] = set(re.findall(r"http://localhost:8000(/seats/\S+)", message.body))
    client = client_of(bob)
    page = client.get(link, follow=True).content.decode()
    assert "A gift from Alice" in page
    assert course.title in page
    assert client.post("/seats/claim").url == course.get_absolute_url()
    access = explain_access(bob, course)
    assert access.explanation == "You have this from a gift from Alice."
    assert OrderEvent.objects.filter(key__startswith="seat_claimed").count() == 1
    assert open_link(client, gift).redirect_chain[-1][0] == course.get_absolute_url()  # the link leads to it now
    assert Grant.objects.count() == 1


def test_a_visitor_logs_in_first_and_the_secret_is_in_no_address(gift, alice, bob):
    client = Client()
    answer = open_link(client, gift)
    assert answer.redirect_chain[-1][0] == "/login?next=/seats/claim"
    assert gift.token not in answer.content.decode()
    answer = client.post("/login?next=/seats/claim", {"login": bob.email, "password": "correct horse battery"})
    assert answer.url == "/seats/claim"
    assert client.post(answer.url).status_code == 302
    gift.refresh_from_db()
    assert gift.claimed_by == bob


def test_somebody_new_registers_and_comes_back_to_it(gift, course):
    client = Client()
    page = open_link(client, gift).content.decode()
    assert "/register?next=/seats/claim" in page
    mail.outbox.clear()
    dora = {"email": "dora@example.org", "name": "Dora", "password1": "a rope of three strands"}
    client.post("/register?next=/seats/claim", dora | {"next": "/seats/claim"})
    answer = client.post("/verify", {"code": code_in(mail.outbox[0])})
    assert answer.url == "/seats/claim"
    assert client.post(answer.url).url == course.get_absolute_url()
    gift.refresh_from_db()
    assert gift.claimed_by.name == "Dora"


def test_the_secret_is_not_logged(gift, client_of, bob, charlie, caplog):
    with caplog.at_level(logging.INFO):
        take(client_of(bob), gift)
        take(client_of(charlie), gift)
        Client(enforce_csrf_checks=True).post(reverse("payments:seat_link", args=["x"]))
    assert gift.token not in caplog.text


def test_it_goes_to_one_person_only(gift, client_of, bob, charlie, course):
    take(client_of(bob), gift)
    answer = take(client_of(charlie), gift)
    assert "Somebody has taken it" in answer.content.decode()
    assert not explain_access(charlie, course).is_allowed


def test_who_has_it_already_leaves_it_to_somebody_else(gift, client_of, bob, charlie, course, grant):
    grant(bob, course)
    answer = take(client_of(bob), gift)
    assert "You have all of this already" in answer.content.decode()
    assert take(client_of(charlie), gift).status_code == 302
    gift.refresh_from_db()
    assert gift.claimed_by == charlie


def test_a_subscriber_may_take_it_for_good(gift, client_of, bob, course):
    tomorrow = timezone.now() + timedelta(days=1)
    Grant.objects.give(bob, None, Grant.Source.SUBSCRIPTION, bob.pk, ends_at=tomorrow)
    assert take(client_of(bob), gift).status_code == 302
    assert Grant.objects.filter(user=bob, course=course, source_kind="gift").exists()


@pytest.mark.parametrize("token", ["x", "0" * 43, "%00", "x" * 3000, "💥"])
def test_a_link_that_leads_nowhere(client_of, bob, db, token):
    answer = client_of(bob).get(f"/seats/{token}", follow=True)
    assert "This link leads nowhere" in answer.content.decode()
    assert client_of(bob).post("/seats/claim").status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"recipient_email": ""}, "required"),
        ({"recipient_email": "bob"}, "valid email"),
        ({"recipient_email": "bob\0@example.org"}, "valid email"),
        ({"recipient_email": "alice@example.org"}, "your own address"),
        ({"recipient_email": "x" * 250 + "@example.org"}, "at most 254"),
        ({"gift_message": "x" * 301}, "at most 300"),
        ({"gift_message": "\0"}, "Null characters"),
    ],
)
def test_a_gift_that_is_filled_in_wrongly(sandbox, client_of, alice, course, fields, words):
    page = reverse("payments:gift_checkout", args=["courses", course.slug])
    answer = client_of(alice).post(page, GIFT | {"amount_paise": course.price_paise} | fields)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Order.objects.exists()


def test_only_what_is_for_sale_can_be_given(client_of, alice, make_course):
    draft, free = make_course("A draft", status="draft"), make_course("For free", price_paise=0)
    client = client_of(alice)
    for kind, slug, status in (("courses", draft.slug, 404), ("plans", free.slug, 404), ("bundles", free.slug, 404)):
        assert client.get(f"/checkout/{kind}/{slug}/gift").status_code == status
    assert client.get(f"/checkout/courses/{free.slug}/gift").url == free.get_absolute_url()


def test_a_giver_who_has_it_can_still_give_it(sandbox, client_of, alice, course, grant):
    grant(alice, course)
    page = client_of(alice).get(reverse("payments:gift_checkout", args=["courses", course.slug]))
    assert "Give this course" in page.content.decode()
    assert (
        reverse("payments:gift_checkout", args=["courses", course.slug])
        in client_of(alice).get(course.get_absolute_url()).content.decode()
    )


def test_an_unpaid_gift_can_be_paid_later(sandbox, client_of, alice, course):
    page = reverse("payments:gift_checkout", args=["courses", course.slug])
    client = client_of(alice)
    for _ in range(2):
        assert client.post(page, GIFT | {"amount_paise": course.price_paise}).status_code == 200
    order = Order.objects.get()
    assert page in client.get(order.get_absolute_url()).content.decode()
    again = client.get(page).content.decode()
    assert "bob@example.org" in again
    assert "Fair winds!" in again


# --- Teams ---
def test_a_team_pays_for_each_seat(team, client_of, alice, course, make_user):
    assert (team.amount_paise, team.seats.count(), team.lines.count()) == (3 * 49900, 3, 3)
    assert not Grant.objects.exists()
    page = client_of(alice).get(reverse("payments:seat_list", args=[team.pk])).content.decode()
    for number, seat in enumerate(team.seats.all()):
        assert seat.link in page
        assert take(client_of(make_user(f"Sailor{number}")), seat).status_code == 302
    assert Grant.objects.filter(course=course, source_kind="seat").count() == 3
    page = client_of(alice).get(reverse("payments:seat_list", args=[team.pk])).content.decode()
    assert "3 of 3 taken" in page
    assert "Sailor2 took it on" in page


def test_a_bundle_for_a_team(buy, make_bundle, make_course, client_of, bob):
    bundle = make_bundle(make_course("Course 1"), make_course("Course 2"))
    order = buy("seats", bundle, "bundles", count=2)
    assert (order.amount_paise, order.lines.count()) == (2 * bundle.price_paise, 4)
    assert take(client_of(bob), order.seats.first()).url == reverse("courses:my_courses")
    assert Grant.objects.filter(user=bob).count() == 2


@pytest.mark.parametrize("count", ["1", "101", "0", "-3", "2.5", "1e1", "9" * 30, "", "five", "\0"])
def test_a_number_of_seats_that_is_none(sandbox, client_of, alice, course, count):
    page = reverse("payments:seats_checkout", args=["courses", course.slug])
    answer = client_of(alice).post(page, {"seat_count": count, "amount_paise": 5 * course.price_paise})
    assert answer.status_code == 400
    assert not Order.objects.exists()


def test_another_number_than_was_shown_is_another_price(sandbox, client_of, alice, course):
    page = reverse("payments:seats_checkout", args=["courses", course.slug])
    answer = client_of(alice).post(page, {"seat_count": "100", "amount_paise": 2 * course.price_paise})
    assert answer.status_code == 409
    assert not Order.objects.exists()


def send(client, order, text):
    return client.post(reverse("payments:seat_list", args=[order.pk]), {"emails": text})


@pytest.mark.django_db(transaction=True)
def test_links_are_sent_to_many_at_once(team, client_of, alice):
    mail.outbox.clear()
    assert send(client_of(alice), team, "bob@example.org\n\n  Dora@example.org ,\n").status_code == 302
    assert [message.to for message in mail.outbox] == [["bob@example.org"], ["dora@example.org"]]
    assert list(team.seats.values_list("email", flat=True)) == ["bob@example.org", "dora@example.org", ""]
    assert all(seat.link in message.body for seat, message in zip(team.seats.all(), mail.outbox, strict=False))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "required"),
        ("bob@example.org\nnobody", "Line 2: “nobody” is not"),
        ("bob@example.org\nBOB@example.org", "Line 2: bob@example.org has a seat already"),
        ("\n".join(f"p{n}@example.org" for n in range(4)), "4 addresses, and 3 seats"),
        ("x" * 10_001, "at most 10000"),
        ("a@b.co\0", "Null characters"),
        ("<script>@example.org", "&lt;script&gt;"),
    ],
)
def test_addresses_that_are_none_send_nothing(team, client_of, alice, text, words):
    mail.outbox.clear()
    answer = send(client_of(alice), team, text)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not mail.outbox
    assert not team.seats.exclude(email="").exists()


def test_another_address_kills_the_old_link(gift, client_of, alice, bob, charlie, course):
    mail.outbox.clear()
    page = reverse("payments:seat_address", args=[gift.order_id, 1])
    assert client_of(alice).post(page, {"email": "nobody"}).status_code == 400
    assert client_of(alice).post(page, {"email": "charlie@example.org"}).status_code == 302
    assert [message.to for message in mail.outbox] == [["charlie@example.org"]]
    assert "This link leads nowhere" in take(client_of(bob), gift).content.decode()
    gift.refresh_from_db()
    assert take(client_of(charlie), gift).status_code == 302
    assert client_of(alice).post(page, {"email": "bob@example.org"}, follow=True).status_code == 200
    gift.refresh_from_db()
    assert (gift.email, gift.claimed_by) == ("charlie@example.org", charlie)


def test_a_new_link_for_nobody_in_particular(team, client_of, alice):
    seat = team.seats.get(number=2)
    mail.outbox.clear()
    client_of(alice).post(reverse("payments:seat_address", args=[team.pk, 2]))
    assert team.seats.get(number=2).token != seat.token
    assert not mail.outbox


def test_the_link_is_sent_again_once_a_minute(gift, client_of, alice):
    mail.outbox.clear()
    page = reverse("payments:seat_resend", args=[gift.order_id, 1])
    assert client_of(alice).post(page).status_code == 302
    assert "less than a minute" in client_of(alice).post(page, follow=True).content.decode()
    assert len(mail.outbox) == 1
    assert gift.token in mail.outbox[0].body


def test_nobody_else_sees_or_sends(team, client_of, bob, stella):
    for who in (bob, stella):
        for name, args in (("seat_list", []), ("seat_address", [1]), ("seat_resend", [1])):
            assert client_of(who).post(reverse(f"payments:{name}", args=[team.pk, *args])).status_code == 404
    assert client_of(team.user).post(reverse("payments:seat_address", args=[team.pk, 99])).status_code == 404


def test_a_mail_that_died_on_its_way_is_sent(gift):
    """The process was killed after the payment, or the mail server was down."""
    mail.outbox.clear()
    long_ago = timezone.now() - timedelta(minutes=11)
    Seat.objects.update(invite_sent_at=None, invite_claimed_at=long_ago)
    Order.objects.update(check_at=long_ago)
    settle_order(Order.objects.get())
    assert [message.to for message in mail.outbox] == [["bob@example.org"]]
    assert Order.objects.get().check_at is None


def test_staff_look_seats_up_but_never_their_links(team, client_of, stella, bob):
    take(client_of(bob), team.seats.get(number=1))
    staff = client_of(stella)
    found = staff.get("/admin/payments/seat/", {"q": team.number, "state": "taken"}).content.decode()
    assert "Bob" in found
    pages = [
        found,
        staff.get(f"/admin/payments/seat/{team.seats.first().pk}/change/").content.decode(),
        staff.get("/admin/payments/seat/export/").content.decode(),
    ]
    assert "bob@example.org" in pages[2]
    assert not any(seat.token in page for seat in team.seats.all() for page in pages)


# --- Giving back ---
def test_an_unclaimed_gift_goes_back_and_its_link_is_dead(gift, client_of, alice, bob):
    refunds.request_refund(gift.order, list(gift.order.lines.all()), "", alice)
    answer = take(client_of(bob), gift)
    assert "does not work any more" in answer.content.decode()
    assert not Grant.objects.exists()
    assert "Given back" in client_of(alice).get(reverse("payments:seat_list", args=[gift.order_id])).content.decode()


def test_a_claimed_seat_does_not_go_back(team, client_of, alice, bob):
    lines = {line.seat_number: line for line in team.lines.all()}
    take(client_of(bob), team.seats.get(number=1))
    with pytest.raises(refunds.RefundRefused, match="claimed"):
        refunds.request_refund(team, [lines[1]], "", alice)
    assert refunds.request_refund(team, [lines[2]], "", alice).amount_paise == 49900


def test_a_refund_that_is_faster_leaves_nothing_to_claim(gift, bob):
    Seat.objects.update(closed_at=timezone.now())
    with pytest.raises(seats.SeatTaken):
        seats.claim(gift, bob)
    assert not Grant.objects.exists()


def test_a_page_that_is_out_of_date_takes_nothing(gift, bob, charlie):
    """Somebody else took it, or the buyer made a new link, after this page was shown."""
    shown = Seat.objects.select_related("order__user").get()
    seats.address([(gift, "dora@example.org")])
    with pytest.raises(seats.SeatTaken):
        seats.claim(shown, charlie)
    shown.refresh_from_db()
    seats.claim(gift, bob)
    with pytest.raises(seats.SeatTaken):
        seats.claim(shown, charlie)
    gift.refresh_from_db()
    assert gift.claimed_by == bob
    assert Grant.objects.count() == 1


def at_once(*actions) -> list[str]:
    """Each in a thread with a connection of its own; what each came to."""
    barrier = threading.Barrier(len(actions))

    def run(action) -> str:
        barrier.wait()
        try:
            action()
        except (seats.SeatTaken, refunds.RefundRefused) as error:
            return type(error).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_claim_and_a_refund_at_once_have_one_winner(buy, alice, bob):
    order = buy("seats", count=8)
    lines = {line.seat_number: line for line in order.lines.all()}
    winners = []
    for seat in list(order.seats.select_related("order__user")):
        outcome = at_once(
            lambda seat=seat: seats.claim(seat, bob),
            lambda seat=seat: refunds.request_refund(order, [lines[seat.number]], "", alice),
        )
        seat.refresh_from_db()
        was_claimed = seat.claimed_by_id is not None
        winners.append(was_claimed)
        assert outcome == (["done", "RefundRefused"] if was_claimed else ["SeatTaken", "done"])
        assert was_claimed == (seat.closed_at is None)
        assert was_claimed == Grant.objects.filter(source_id=lines[seat.number].pk).exists()
    assert len(winners) == 8


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_many_who_open_a_link_at_once_one_has_it(buy, make_user):
    seat = buy().seats.select_related("order__user").get()
    crowd = [make_user(f"Person{n}") for n in range(6)]
    outcome = at_once(*(lambda user=user: seats.claim(Seat.objects.get(pk=seat.pk), user) for user in crowd))
    assert sorted(outcome) == ["SeatTaken"] * 5 + ["done"]
    assert Grant.objects.count() == 1
    seat.refresh_from_db()
    assert outcome[crowd.index(seat.claimed_by)] == "done"
