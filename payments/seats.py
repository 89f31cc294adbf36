"""Seats: sending their links, claiming them, and who may.

A claim and a refund want the same seat: each is one conditional update of an open seat, so one of them wins. The link's
secret is in the mail and on the buyer's page; every change of the address makes a new one, and the old link is dead.
"""

import logging
from collections.abc import Iterable

from django.utils import timezone

from coursebundler.db import run_in_transaction
from coursebundler.logs import log_event
from courses.models import Grant
from payments import emails, entitlements
from payments.leases import send_once
from payments.models import Order, OrderEvent, Seat
from payments.models.orders import first_check_at
from payments.models.seats import make_token
from users.models import User

logger = logging.getLogger(__name__)


class SeatTaken(Exception):
    """It has been claimed or closed meanwhile; nothing was changed."""


# --- Claiming ---
def has_everything(user: User, seat: Seat) -> bool:
    """Whether all that the seat gives is theirs for good already; a subscription does not count."""
    courses = {line.course_id for line in seat.lines}
    held = Grant.objects.filter(user=user, ends_at__isnull=True).active().values_list("course_id", flat=True)
    return None in held or courses <= set(held)


def claim(seat: Seat, user: User) -> None:
    """Give what the seat holds to `user`. Safe to repeat and to race; raises SeatTaken if somebody else was faster."""
    run_in_transaction(lambda: _claim(seat, user))
    log_event("seat_claimed", seat=seat.pk, order=seat.order_id, user=user.pk)


def _claim(seat: Seat, user: User) -> None:
    is_mine = (
        Seat.objects.open().filter(pk=seat.pk, token=seat.token).update(claimed_by=user, claimed_at=timezone.now())
    )
    seat.refresh_from_db()
    if seat.claimed_by_id != user.pk or seat.closed_at:
        raise SeatTaken
    entitlements.give_seat(seat)
    if is_mine:
        OrderEvent.note(seat.order, f"seat_claimed:{seat.pk}", f"Seat {seat.number} was taken by {user}.", user)


# --- Sending links ---
def send_invitations(order: Order) -> bool:
    """The link of every seat that has an address and was not sent; whether all of them have gone out now."""
    waiting = list(
        order.seats.open().exclude(email="").filter(invite_sent_at__isnull=True).select_related("order__user")
    )
    sent = [invite(seat) for seat in waiting]
    return all(sent)


def invite(seat: Seat) -> bool:
    """Mail the link, once; whether this call did. The reconciler tries again if the mail server fails."""
    rows = Seat.objects.open().filter(pk=seat.pk, token=seat.token)
    was_sent = send_once(rows, "invite", lambda: emails.send_seat(seat), about=f"seat {seat.pk}")
    if was_sent:
        OrderEvent.note(seat.order, _event_key("seat_sent", seat), f"The link of seat {seat.number} was sent.")
    return was_sent


def address(seats: Iterable[tuple[Seat, str]]) -> None:
    """Send the links of these seats to these addresses from now on; older links of theirs are dead.

    All or none: raises SeatTaken if one of them is not open any more.
    """
    seats = list(seats)
    run_in_transaction(lambda: _address_all(seats))
    for seat, email in seats:
        if email:
            invite(seat)


def _address_all(seats: list[tuple[Seat, str]]) -> None:
    for seat, email in seats:
        _address(seat, email)


def _address(seat: Seat, email: str) -> None:
    values = {"email": email, "token": make_token(), "invite_sent_at": None, "invite_claimed_at": None}
    if not Seat.objects.open().filter(pk=seat.pk).update(**values):
        raise SeatTaken
    Order.objects.filter(pk=seat.order_id).update(check_at=first_check_at())  # for mail that dies on its way
    for name, value in values.items():
        setattr(seat, name, value)
    OrderEvent.note(seat.order, _event_key("seat_addressed", seat), f"Seat {seat.number} has another address and link.")


def send_again(seat: Seat) -> bool:
    """The same link to the same address once more; whether it went out."""
    if not Seat.objects.open().filter(pk=seat.pk).update(invite_sent_at=None, invite_claimed_at=None):
        raise SeatTaken
    return invite(seat)


def _event_key(name: str, seat: Seat) -> str:
    """It may happen again; the moment tells one from another."""
    return f"{name}:{seat.pk}:{timezone.now().timestamp():.3f}"
