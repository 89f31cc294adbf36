"""What something costs this person now, as a sum of lines, exact to the paisa.

First the arithmetic, on plain numbers and sets: payments/tests/test_pricing.py tries its rules on made-up cases. Then
the same with what the database knows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.formats import date_format

from courses.models import Course, Grant
from courses.models.sales import LOWEST_PRICE_PAISE
from payments.models import Bundle, BundleEdition, Coupon, EditionCourse, Order, OrderLine, RefundLine
from payments.shares import split_amount

MOST_OFFERS = 10  # bundles that are looked at as other ways to buy the same
SumLine = dict[str, Any]  # {"label", "amount_paise"}; a credit also has "line_ids": the order lines it was paid with


@dataclass(frozen=True)
class Holdings:
    """What somebody has for keeps of some courses, and paid for it, net of refunds; subscriptions do not count."""

    held: frozenset[UUID] = frozenset()
    paid_paise: Mapping[UUID, int] = field(default_factory=dict)
    line_ids: Mapping[UUID, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """A bundle as it is sold at this moment."""

    title: str
    price_paise: int
    course_ids: tuple[UUID, ...]

    def missing(self, holdings: Holdings) -> list[UUID]:
        return [course_id for course_id in self.course_ids if course_id not in holdings.held]

    def price_with_credits(self, holdings: Holdings) -> int:
        """Less what was paid for parts of it; never below zero."""
        paid = sum(holdings.paid_paise.get(pk, 0) for pk in self.course_ids if pk in holdings.held)
        return max(0, self.price_paise - paid)


def cheapest_way(wanted: Collection[UUID], prices: Mapping[UUID, int], offers: Iterable[tuple[int, set[UUID]]]) -> int:
    """The least that all of `wanted` can be had for, singly at `prices` or through `offers` of (price, courses).

    Of the offers, the MOST_OFFERS that save most are tried, in every combination.
    """
    useful = []
    for price, ids in offers:
        saving = sum(prices[pk] for pk in wanted if pk in ids) - price
        if saving > 0:
            useful.append((saving, price, ids))
    useful.sort(key=lambda offer: -offer[0])
    cost_of_rest = {frozenset(wanted): 0}
    for _, price, ids in useful[:MOST_OFFERS]:
        for rest, cost in list(cost_of_rest.items()):
            fewer = rest - ids
            cost_of_rest[fewer] = min(cost + price, cost_of_rest.get(fewer, cost + price))
    return min(cost + sum(prices[pk] for pk in rest) for rest, cost in cost_of_rest.items())


def completion_paise(offer: Offer, holdings: Holdings, prices: Mapping[UUID, int], others: Iterable[Offer]) -> int:
    """“Complete the bundle”: its price with credits, but never above the cheapest other way to buy what is missing."""
    ways = [(other.price_with_credits(holdings), set(other.course_ids)) for other in others]
    return min(offer.price_with_credits(holdings), cheapest_way(offer.missing(holdings), prices, ways))


def after_coupon(price_paise: int, kind: str, value: int, minimum_paise: int) -> int:
    """Less `value` per cent, to the buyer's favour, or less `value` paise; never below the minimum, never dearer."""
    off = -(-price_paise * value // 100) if kind == Coupon.Kind.PERCENT else value
    return min(price_paise, max(price_paise - off, minimum_paise, 0))


def payable(amount_paise: int) -> int:
    """Razorpay takes no payment below ₹1, so that is free."""
    return amount_paise if amount_paise >= LOWEST_PRICE_PAISE else 0


def split_over(amount_paise: int, weights: Sequence[int]) -> list[int]:
    """The whole amount in proportion to the weights; in equal parts if nothing has a weight."""
    return split_amount(amount_paise, weights if any(weights) else [1] * len(weights))


@dataclass(frozen=True)
class Quote:
    """The price for one person at one moment. Without lines there is nothing left to buy."""

    product: Course | Bundle
    product_key: str
    lines: list[OrderLine]
    sum_lines: list[SumLine]
    edition: BundleEdition | None = None
    coupon: Coupon | None = None
    seat_count: int = 0

    @property
    def amount_paise(self) -> int:
        return sum_of(self.sum_lines)

    @property
    def terms(self) -> dict[str, Any]:
        """For Order.objects.open_for."""
        return {
            "sum_lines": self.sum_lines,
            "bundle_edition": self.edition,
            "coupon": self.coupon,
            "seat_count": self.seat_count,
        }


def quote(user: Any, product: Course | Bundle, coupon: Coupon | None = None, *, seat_count: int = 0) -> Quote:
    """What `product` costs `user` now; `user` may be anonymous. With `seat_count`, for so many others.

    Whether the user may use the coupon is for the caller to ask (Coupon.check_for).
    """
    if isinstance(product, Bundle):
        return Shelf.around([product]).quote(product, user, coupon, seat_count)
    has_it = not seat_count and product.pk in holdings_of(user, [product.pk]).held
    return _quote(product, None, [] if has_it else [product], _price_lines(product), coupon, seat_count)


def product_key(product: Course | Bundle, *, seat_count: int = 0) -> str:
    key = f"{'bundle' if isinstance(product, Bundle) else 'course'}:{product.pk}"
    return f"seats:{key}" if seat_count else key


def sum_of(lines: Iterable[SumLine]) -> int:
    return sum(line["amount_paise"] for line in lines)


def _quote(
    product: Course | Bundle,
    edition: BundleEdition | None,
    courses: list[Course],
    lines: list[SumLine],
    coupon: Coupon | None,
    seat_count: int,
) -> Quote:
    """`lines` add up to the price for one; the seats, the coupon and the lowest price are added to them here."""
    if seat_count > 1:
        lines = [*lines, _line(f"The same for {seat_count - 1} more", sum_of(lines) * (seat_count - 1))]
    if coupon:
        amount = after_coupon(sum_of(lines), coupon.kind, coupon.value, coupon.minimum_price_paise)
        lines = [*lines, _line(f"Coupon {coupon.code}", amount - sum_of(lines))]
    if payable(sum_of(lines)) != sum_of(lines):
        lines = [*lines, _line("Less than ₹1 is free", -sum_of(lines))]
    key = product_key(product, seat_count=seat_count)
    order_lines = _order_lines(product, courses, sum_of(lines), seat_count)
    return Quote(product, key, order_lines, lines, edition, coupon, seat_count)


def _order_lines(
    product: Course | Bundle, courses: list[Course], amount_paise: int, seat_count: int
) -> list[OrderLine]:
    """One for each course and seat, with its share of the amount in proportion to the courses' own prices."""
    kind = OrderLine.Kind.BUNDLE if isinstance(product, Bundle) else OrderLine.Kind.COURSE
    wanted = [(seat, course) for seat in (range(1, seat_count + 1) or [0]) for course in courses]
    shares = split_over(amount_paise, [course.current_price_paise for _, course in wanted])
    return [
        OrderLine.for_course(course, amount_paise=share, kind=kind, seat_number=seat)
        for (seat, course), share in zip(wanted, shares, strict=True)
    ]


def _line(label: str, amount_paise: int, **more: Any) -> SumLine:
    return {"label": label, "amount_paise": amount_paise, **more}


def _price_lines(product: Course | Bundle) -> list[SumLine]:
    """The price, and what a sale takes off."""
    lines = [_line(product.title, product.price_paise)]
    if product.is_on_sale:
        until = f" until {date_format(product.sale_ends_at, 'j F Y')}" if product.sale_ends_at else ""
        lines.append(_line(f"Sale{until}", product.current_price_paise - product.price_paise))
    return lines


@dataclass(frozen=True)
class BundleOffer:
    """A bundle as one person sees it."""

    bundle: Bundle
    courses: list[Course]
    held: list[Course]
    quote: Quote

    @property
    def is_complete(self) -> bool:
        return len(self.held) == len(self.courses)

    @property
    def singly_paise(self) -> int:
        """What all of its courses cost one by one."""
        return sum(course.current_price_paise for course in self.courses)


class Shelf:
    """Some bundles with their courses, and every other bundle that shares a course with one of them."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        self.bundles = {bundle.pk: bundle for bundle in bundles}
        self.courses: dict[Any, list[Course]] = {bundle.current_edition_id: [] for bundle in self.bundles.values()}
        for entry in EditionCourse.objects.on_sale(self.courses):
            self.courses[entry.edition_id].append(entry.course)

    @classmethod
    def around(cls, bundles: Iterable[Bundle]) -> "Shelf":
        """Four queries, however many bundles there are."""
        asked = cls(bundles)
        ids = {course.pk for courses in asked.courses.values() for course in courses}
        neighbours = Bundle.objects.holding(ids).exclude(pk__in=list(asked.bundles))
        shelf = cls(neighbours)
        shelf.bundles |= asked.bundles
        shelf.courses |= asked.courses
        return shelf

    @classmethod
    def offers(cls, bundles: Iterable[Bundle], user: Any) -> list[BundleOffer]:
        """What each of these bundles is for `user`; six queries at most, four for visitors."""
        bundles = list(bundles)
        return cls.around(bundles).offers_to(user, bundles)

    def offers_to(self, user: Any, bundles: Iterable[Bundle]) -> list[BundleOffer]:
        """The same for bundles of this shelf: two queries at most, none for visitors or without bundles."""
        holdings = self.holdings_of(user)
        return [self._offer_to(bundle, user, holdings) for bundle in bundles]

    def _offer_to(self, bundle: Bundle, user: Any, holdings: Holdings) -> BundleOffer:
        courses = self.courses_of(bundle)
        held = [course for course in courses if course.pk in holdings.held]
        return BundleOffer(bundle, courses, held, self.quote(bundle, user, holdings=holdings))

    def courses_of(self, bundle: Bundle) -> list[Course]:
        return self.courses[bundle.current_edition_id]

    def holdings_of(self, user: Any) -> Holdings:
        """Two queries at most; none for anonymous visitors."""
        return holdings_of(user, {course.pk for courses in self.courses.values() for course in courses})

    def quote(
        self,
        bundle: Bundle,
        user: Any,
        coupon: Coupon | None = None,
        seat_count: int = 0,
        *,
        holdings: Holdings | None = None,
    ) -> Quote:
        holdings = Holdings() if seat_count else (holdings or self.holdings_of(user))
        missing = [course for course in self.courses_of(bundle) if course.pk not in holdings.held]
        lines = self._completion_lines(bundle, holdings)
        return _quote(bundle, bundle.current_edition, missing, lines, coupon, seat_count)

    def _completion_lines(self, bundle: Bundle, holdings: Holdings) -> list[SumLine]:
        """Price, credits, and what brings their sum to the price of completing the bundle."""
        lines = _price_lines(bundle)
        for course in self.courses_of(bundle):
            if course.pk in holdings.held and (paid := holdings.paid_paise.get(course.pk)):
                lines.append(_line(f"You paid for {course.title}", -paid, line_ids=holdings.line_ids[course.pk]))
        if sum_of(lines) < 0:
            lines.append(_line("Never less than nothing", -sum_of(lines)))
        prices = {course.pk: course.current_price_paise for courses in self.courses.values() for course in courses}
        others = [self._offer(other) for other in self.bundles.values() if other.pk != bundle.pk]
        amount = completion_paise(self._offer(bundle), holdings, prices, others)
        if amount < sum_of(lines):
            lines.append(_line("Never more than the cheapest other way", amount - sum_of(lines)))
        return lines

    def _offer(self, bundle: Bundle) -> Offer:
        return Offer(bundle.title, bundle.current_price_paise, tuple(course.pk for course in self.courses_of(bundle)))


def holdings_of(user: Any, course_ids: Collection[UUID]) -> Holdings:
    """What `user` has for keeps of these courses and paid for it. Money counts as long as what it bought is held:
    a refund or a chargeback takes both away."""
    if not user.is_authenticated or not course_ids:
        return Holdings()
    grants = list(Grant.objects.filter(user=user, ends_at__isnull=True).active().of_any(course_ids))
    has_all = any(grant.course_id is None for grant in grants)
    held = frozenset(course_ids) if has_all else frozenset(grant.course_id for grant in grants if grant.course_id)
    paid: dict[UUID, int] = {}
    line_ids: dict[UUID, list[str]] = {}
    bought = [grant.source_id for grant in grants if grant.source_kind == Grant.Source.ORDER_LINE]
    lines = OrderLine.objects.filter(pk__in=bought)
    for line in lines.annotate(going_back=F("refund_line__amount_paise")):
        if line.course_id and (kept := line.amount_paise - (line.going_back or 0)) > 0:
            paid[line.course_id] = paid.get(line.course_id, 0) + kept
            line_ids.setdefault(line.course_id, []).append(str(line.pk))
    return Holdings(held, paid, line_ids)


def has_lost_a_credit(order: Order) -> bool:
    """Whether something that made this order cheaper has gone back since its price was worked out."""
    ids = [line_id for line in order.sum_lines for line_id in line.get("line_ids", ())]
    return bool(ids) and RefundLine.objects.filter(line__in=ids).exists()


def orders_that_credited(lines: Iterable[OrderLine], user: Any) -> dict[UUID, Order]:
    """Which of these lines were counted as paid in a later bundle order that still stands, and in which.

    Refunding such a line as well would pay for the same thing twice: the later order goes back first. Three queries.
    """
    wanted = {str(line.pk): line.pk for line in lines}
    credits = {
        order: {line_id for line in order.sum_lines for line_id in line.get("line_ids", ())} & wanted.keys()
        for order in Order.objects.paid().filter(user=user, bundle_edition__isnull=False)
    }
    order_of = dict(OrderLine.objects.filter(order__in=list(credits)).order_by().values_list("pk", "order_id"))
    went_back = set(RefundLine.objects.filter(line__in=list(order_of)).values_list("line_id", flat=True))
    standing = {order_id for line_id, order_id in order_of.items() if line_id not in went_back}
    return {wanted[line_id]: order for order, used in credits.items() if order.pk in standing for line_id in used}
