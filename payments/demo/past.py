"""What students did, collected as rows and stored together: orders with their payments and grants, progress, saves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone

from coursebundler.db import atomic
from courses.models import Course, Grant, Lecture, Progress, Saved
from payments.models import Order, OrderLine, Payment
from users.models import User


def store_rows(*tables: Sequence[Model]) -> None:
    """All of it or nothing, parents first.

    Goes past the catalogue's own managers, which would make cached pages stale once for each call.
    """
    with atomic():
        for rows in tables:
            if rows:
                QuerySet[Any](type(rows[0])).bulk_create(rows)


class Past:
    """Each verb adds rows; nothing is in the database before `store`."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.lines: list[OrderLine] = []
        self.payments: list[Payment] = []
        self.grants: list[Grant] = []
        self.progress: list[Progress] = []
        self.saved: list[Saved] = []

    def store(self, *parents: Sequence[Model]) -> None:
        store_rows(*parents, self.orders, self.lines, self.payments, self.grants, self.progress, self.saved)

    def take(self, user: User, course: Course, at: datetime, method: str = "upi") -> None:
        """Buy the course, or enrol in it if it is free."""
        if course.is_free:
            self._grant(user, course, at, Grant.Source.FREE, course.pk)
            return
        line = self._order(user, course, at, Order.Status.PAID)
        self._pay(line.order, at, Payment.Entry.CAPTURED, method)
        self._grant(user, course, at, Grant.Source.ORDER_LINE, line.pk, f"order {line.order.number}")

    def try_to_buy(
        self, user: User, course: Course, at: datetime, failures: Sequence[tuple[str, str]] = (), *, is_cancelled: bool
    ) -> None:
        """An order that was not paid; `failures` are the attempts, as pairs of method and reason.

        Nothing for a free course: there is no order without an amount.
        """
        if course.is_free:
            return
        line = self._order(user, course, at, Order.Status.CANCELLED if is_cancelled else Order.Status.CREATED)
        for attempt, (method, reason) in enumerate(failures):
            self._pay(line.order, at + timedelta(minutes=3 * attempt), Payment.Entry.FAILED, method, reason)

    def watch(
        self, user: User, course: Course, lectures: Sequence[Lecture], done_percent: int, since: datetime
    ) -> None:
        """The first lectures done, the next one left in the middle; 0 per cent is a course not opened yet."""
        done = len(lectures) * done_percent // 100
        days = max((timezone.now() - since).days - 1, 0)
        for number, lecture in enumerate(lectures[: done + 1] if done_percent else []):
            at = since + timedelta(days=days * number / (done + 1), minutes=6 + 7 * number)
            self._watch_one(user, course, lecture, min(at, timezone.now()), is_done=number < done)

    def keep(self, user: User, course: Course, at: datetime) -> None:
        self.saved.append(Saved(user=user, course=course, created_at=at))

    def _order(self, user: User, course: Course, at: datetime, status: str) -> OrderLine:
        """Of one line. Only paid ones name a gateway order: the sandbox knows none of these, and would be asked."""
        paid_at = at + timedelta(seconds=48) if status == Order.Status.PAID else None
        order = Order(
            user=user,
            status=status,
            product_key=f"course:{course.pk}",
            amount_paise=course.price_paise,
            created_at=at,
            returned_at=paid_at,
            paid_at=paid_at,
            receipt_sent_at=paid_at,
            check_at=None,
        )
        order.gateway_order_id = f"order_demo{order.pk.hex[-14:]}" if paid_at else None
        line = OrderLine.for_course(course, order=order)
        self.orders.append(order)
        self.lines.append(line)
        return line

    def _pay(self, order: Order, at: datetime, entry: str, method: str, reason: str = "") -> None:
        payment = Payment(
            order=order,
            entry=entry,
            amount_paise=order.amount_paise,
            currency=order.currency,
            method=method,
            reason=reason,
            created_at=at + timedelta(seconds=45),
        )
        payment.gateway_payment_id = f"pay_demo{payment.pk.hex[-14:]}"
        self.payments.append(payment)

    def _grant(
        self, user: User, course: Course, at: datetime, source: str, source_id: UUID, source_text: str = ""
    ) -> None:
        given = {"source_kind": source, "source_id": source_id, "source_text": source_text}
        self.grants.append(Grant(user=user, course=course, starts_at=at, created_at=at, **given))

    def _watch_one(self, user: User, course: Course, lecture: Lecture, at: datetime, *, is_done: bool) -> None:
        seconds = lecture.duration_seconds if is_done else lecture.duration_seconds * 55 // 100
        if is_done or seconds:
            self.progress.append(
                Progress(
                    user=user,
                    course=course,
                    lecture=lecture,
                    position_seconds=seconds,
                    watched_ranges=[[0, seconds]] if seconds else [],
                    watched_seconds=seconds,
                    done_at=at if is_done else None,
                    version=1,
                    updated_at=at,
                )
            )
