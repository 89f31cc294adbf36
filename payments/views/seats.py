"""Buying for others: gifts and team seats, the buyer's page about them, and the page of whoever gets the link."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.models import Course
from payments import seats
from payments.models import Bundle, Order, Seat
from payments.pricing import product_key
from payments.seat_forms import GiftForm, InvitationsForm, SeatCountForm, SeatEmailForm
from payments.views.checkout import sell
from users.requests import UserRequest

LINK = "seat"  # in the session: the secret of a link that was opened
RESEND_SECONDS = 60


# --- Buying ---
@require_http_methods(["GET", "HEAD", "POST"])
def gift_checkout(request: UserRequest, kind: str, slug: str) -> HttpResponse:
    """As the checkout, for one other person."""
    product = _product(kind, slug)
    key = product_key(product, seat_count=1)
    unpaid = Order.objects.unpaid().filter(user=request.user, product_key=key).exclude(recipient_email="").first()
    form = GiftForm(request.POST if request.method == "POST" else None, giver=request.user, unpaid=unpaid)
    return _sell_to_others(request, product, 1, form)


@require_http_methods(["GET", "HEAD", "POST"])
def seats_checkout(request: UserRequest, kind: str, slug: str) -> HttpResponse:
    """As the checkout, for a number of people; another number than the one shown is a new price (409)."""
    form = SeatCountForm(request.POST if request.method == "POST" else None)
    return _sell_to_others(request, _product(kind, slug), form.count, form)


def _sell_to_others(
    request: UserRequest, product: Course | Bundle, seat_count: int, form: GiftForm | SeatCountForm
) -> HttpResponse:
    if isinstance(product, Course) and product.is_free:
        messages.info(request, "This course is free for everyone.")
        return redirect(product)
    return sell(request, product, seat_count=seat_count, fields=form)


def _product(kind: str, slug: str) -> Course | Bundle:
    if kind == "courses":
        return get_object_or_404(Course.objects.published().select_related("instructor"), slug=slug)
    if kind == "bundles":
        return get_object_or_404(Bundle.objects.published(), slug=slug)
    raise Http404("Courses and bundles are for sale, and nothing else.")


# --- The buyer's page ---
@require_http_methods(["GET", "HEAD", "POST"])
def seat_list(request: UserRequest, order_id: uuid.UUID) -> HttpResponse:
    """The seats of an order, their links and who took them. POST sends the links of free ones; 409: taken meanwhile."""
    order = _order(request, order_id)
    rows = list(order.seats.select_related("claimed_by", "order__user"))
    form = InvitationsForm(request.POST if request.method == "POST" else None, seats=rows)
    status = 200
    if request.method == "POST":
        if not form.is_valid():
            status = 400
        elif _address(request, form.pairs):
            return redirect("payments:seat_list", order.pk)
        else:
            status = 409
    return render(request, "payments/seat_list.html", _page(order, rows, form), status=status)


def _page(order: Order, rows: list[Seat], form: InvitationsForm, **more: Any) -> dict[str, Any]:
    free = [seat for seat in rows if seat.is_open and not seat.email]
    taken = [seat for seat in rows if seat.claimed_by_id]
    return {"order": order, "seats": rows, "form": form, "free_count": len(free), "taken_count": len(taken), **more}


@require_POST
def seat_address(request: UserRequest, order_id: uuid.UUID, number: int) -> HttpResponse:
    """Send the link to somebody else, or make a new one for nobody in particular (`email` is not there)."""
    order = _order(request, order_id)
    seat = get_object_or_404(order.seats.select_related("order__user"), number=number)
    form = SeatEmailForm(request.POST)
    if "email" in request.POST and not form.is_valid():
        rows = list(order.seats.select_related("claimed_by", "order__user"))
        page = _page(order, rows, InvitationsForm(seats=rows), email_form=form, number=number)
        return render(request, "payments/seat_list.html", page, status=400)
    _address(request, [(seat, form.cleaned_data["email"] if "email" in request.POST else "")])
    return redirect("payments:seat_list", order.pk)


def _address(request: UserRequest, pairs: list[tuple[Seat, str]]) -> bool:
    try:
        seats.address(pairs)
    except seats.SeatTaken:
        messages.error(request, "Somebody has just taken one of these seats. Please look again; nothing was sent.")
        return False
    messages.success(
        request, "The links are on their way." if pairs[0][1] else "There is a new link; the old one is dead."
    )
    return True


@require_POST
def seat_resend(request: UserRequest, order_id: uuid.UUID, number: int) -> HttpResponse:
    """The same link once more, and not again within a minute."""
    seat = get_object_or_404(_order(request, order_id).seats.exclude(email=""), number=number)
    if not cache.add(f"seat-resent:{seat.pk}", 1, RESEND_SECONDS):
        messages.info(request, "It was sent less than a minute ago. Please wait before you send it again.")
        return redirect("payments:seat_list", seat.order_id)
    try:
        if seats.send_again(seat):
            messages.success(request, f"The link is on its way to {seat.email}.")
        else:
            messages.error(request, "The mail could not be sent. We try again by ourselves.")
    except seats.SeatTaken:
        messages.error(request, "This seat has been taken or given back.")
    return redirect("payments:seat_list", seat.order_id)


def _order(request: UserRequest, order_id: uuid.UUID) -> Order:
    return get_object_or_404(Order.objects.paid(), pk=order_id, user=request.user, seat_count__gt=0)


# --- Whoever has the link ---
@never_cache
@login_not_required
@require_safe
def seat_link(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail. Its secret goes into the session at once, so that no log, no `next` and no referrer of a
    later page has it; whether it is good for something is said behind the login."""
    request.session[LINK] = token[:43]
    return redirect("payments:seat_claim")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def seat_claim(request: UserRequest) -> HttpResponse:
    """What the link holds; POST takes it. Always 200: a refusal must not get the link into an error log."""
    seat = Seat.objects.filter(token=request.session.get(LINK, "")).select_related("order__user", "claimed_by").first()
    if seat is None:
        return render(request, "payments/seat_claim_nothing.html")
    state = _state(request, seat)
    if request.method == "POST" and state == "open":
        try:
            seats.claim(seat, request.user)
            messages.success(request, f"It is yours, from {seat.giver}.")
        except seats.SeatTaken:
            seat.refresh_from_db()
        state = _state(request, seat)
    if state == "mine":
        request.session.pop(LINK, None)
        return redirect(_way_in(seat))
    return render(request, "payments/seat_claim.html", {"seat": seat, "lines": seat.lines.all(), "state": state})


def _state(request: UserRequest, seat: Seat) -> str:
    if seat.claimed_by_id:
        return "mine" if seat.claimed_by_id == request.user.pk else "taken"
    if seat.closed_at:
        return "closed"
    return "owned" if seats.has_everything(request.user, seat) else "open"


def _way_in(seat: Seat) -> str:
    lines = list(seat.lines.select_related("course")[:2])
    if len(lines) == 1 and lines[0].course:
        return lines[0].course.get_absolute_url()
    return reverse("courses:my_courses")
