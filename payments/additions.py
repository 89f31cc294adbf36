"""What a growing bundle gives to those who bought it, when it grows.

The rule is pinned with the edition that an order bought: if that one says “additions included”, every course that a
later edition has and it has not is the buyer's, also if a still later one drops it, for as long as the order stands.
The grants have the order as their source, so they can be given again without doubling; no edition takes one away.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from coursebundler.db import run_in_transaction
from courses.models import Course, Grant
from payments.models import Bundle, BundleEdition, EditionCourse, Order, OrderEvent, OrderLine

logger = logging.getLogger(__name__)

PAGE_SIZE = 500


def give_additions(order: Order) -> int:
    """What this order's bundle got since it was bought; says how many grants are new. Safe to repeat.

    Called after an order was paid, too: whoever publishes an edition at that moment may not have seen the order yet,
    and what it pinned may be the edition before.
    """
    return _give_to([order])


def try_to_give_additions(order: Order) -> None:
    """The same where nothing else may fail for it: the reconciler heals."""
    try:
        give_additions(order)
    except Exception:
        logger.exception("The additions of order %s were not given; the reconciler tries again.", order.pk)


def give_to_buyers(bundle: Bundle) -> int:
    """The same for every order of the bundle: call it after a new edition is stored. The reconciler
    does, too. Safe to repeat."""
    growing = BundleEdition.objects.filter(bundle=bundle, additions_included=True)
    return sum(_give_to(page) for edition in growing for page in _pages(buyers_of(edition)))


def take_back(order_ids: Iterable[UUID], note: str) -> int:
    """Take the additions of those orders that have nothing left, since every line went back. Safe to repeat."""
    ids = set(order_ids)
    gone = ids - _standing(Order.objects.filter(pk__in=ids))
    given = Grant.objects.filter(source_kind=Grant.Source.BUNDLE_EDITION, source_id__in=gone, revoked_at__isnull=True)
    return given.update(revoked_at=timezone.now(), note=note[:200])


def buyers_of(edition: BundleEdition) -> QuerySet[Order]:
    return Order.objects.filter(bundle_edition=edition, status=Order.Status.PAID, seat_count=0).order_by("pk")


def _pages(orders: QuerySet[Order]) -> Iterable[list[Order]]:
    """By key, so that an order that is paid meanwhile moves none of the others."""
    last = None
    while page := list((orders.filter(pk__gt=last) if last else orders)[:PAGE_SIZE]):
        yield page
        last = page[-1].pk


def _give_to(orders: list[Order]) -> int:
    """The missing grants of these orders: eight queries."""
    pinned = BundleEdition.objects.filter(additions_included=True).in_bulk(
        {order.bundle_edition_id for order in orders if not order.seat_count}
    )
    standing = _standing(Order.objects.filter(pk__in=[order.pk for order in orders]))
    added = _courses_after(pinned.values())
    grants = Grant.objects.filter(source_kind=Grant.Source.BUNDLE_EDITION, source_id__in=[order.pk for order in orders])
    given = set(grants.order_by().values_list("source_id", "course_id"))
    missing = [
        (order, course)
        for order in orders
        if order.pk in standing
        for course in added.get(order.bundle_edition_id, ())
        if (order.pk, course.pk) not in given
    ]
    try:
        run_in_transaction(lambda: _store(missing))
    except IntegrityError:  # Somebody else stores some of them at this moment.
        for pair in missing:
            run_in_transaction(lambda pair=pair: _store_one(*pair))  # type: ignore[misc]
    return len(missing)


def _store(missing: list[tuple[Order, Course]]) -> None:
    Grant.objects.bulk_create(
        Grant(user_id=order.user_id, course=course, source_kind=Grant.Source.BUNDLE_EDITION, source_id=order.pk)
        for order, course in missing
    )
    OrderEvent.objects.bulk_create(
        OrderEvent(order=order, key=_key(course), text=_text(course)) for order, course in missing
    )


def _store_one(order: Order, course: Course) -> None:
    Grant.objects.give(order.user, course, Grant.Source.BUNDLE_EDITION, order.pk)
    OrderEvent.note(order, _key(course), _text(course))


def _key(course: Course) -> str:
    return f"added:{course.pk}"


def _text(course: Course) -> str:
    return f"The bundle grew: “{course.title}” opened."


def _standing(orders: Any) -> set[UUID]:
    """Ids of the paid ones with a course that was not taken back."""
    order_of = dict(OrderLine.objects.filter(order__in=list(orders.paid())).order_by().values_list("pk", "order_id"))
    kept = Grant.objects.filter(
        source_kind=Grant.Source.ORDER_LINE, source_id__in=list(order_of), revoked_at__isnull=True
    )
    return {order_of[line_id] for line_id in kept.order_by().values_list("source_id", flat=True)}


def _courses_after(editions: Iterable[BundleEdition]) -> dict[UUID | None, set[Course]]:
    """{edition: courses of later editions of its bundle that it does not have itself}; published ones only."""
    bundles = {edition.bundle_id for edition in editions}
    entries = EditionCourse.objects.filter(edition__bundle__in=bundles).select_related("edition", "course")
    by_bundle: dict[UUID, list[EditionCourse]] = defaultdict(list)
    for entry in entries:
        by_bundle[entry.edition.bundle_id].append(entry)
    return {edition.pk: _additions_to(edition, by_bundle[edition.bundle_id]) for edition in editions}


def _additions_to(edition: BundleEdition, entries: list[EditionCourse]) -> set[Course]:
    own = {entry.course for entry in entries if entry.edition_id == edition.pk}
    later = [entry for entry in entries if entry.edition.number > edition.number]
    return {entry.course for entry in later if entry.course.is_published} - own
