"""The queries that list rows which grow in number, as pages ask them: `manage.py explain_queries` shows their plans.

A new listing belongs here (docs/database.md, "Adding a query"). It is in this app because this one may import from all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db.models import Count, Max, Model, Q, QuerySet, Sum
from django.utils import timezone

from coursebundler.fields import uuid7
from coursebundler.plans import Find
from courses.models import Course, Grant, Lecture, Progress, Saved, SearchToken, Section
from courses.views.catalogue import SORTS, find_courses
from payments import additions, disputes, reconciliation, refunds
from payments.models import (
    BooksDifference,
    BooksReport,
    Bundle,
    BundleEdition,
    Coupon,
    CouponUse,
    Dispute,
    Earning,
    EditionCourse,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    Refund,
    RefundLine,
    Seat,
    Subscription,
    TaxDocument,
    WebhookEvent,
)
from payments.subscriptions import boundary_rows
from users.models import User

ADMIN_PAGE_SIZE = 100


@dataclass(frozen=True)
class Listing:
    """`rows` makes the queryset. `sorts_few` says why sorting in memory is fine: how few they are, whatever grows.

    `reads_all` says why reading a whole table is.
    """

    name: str
    rows: Callable[[], "QuerySet[Any] | Find"]
    sorts_few: str = ""
    reads_all: str = ""


def listings() -> list[Listing]:
    return [
        *_of_the_catalogue(),
        *_of_a_course(),
        *_of_a_student(),
        *_of_payments(),
        *_of_subscriptions(),
        *_of_accounts(),
        *_of_the_cache(),
        *_of_the_admin(),
        *_of_the_admins_searches(),
    ]


def some(model: type[Model], column: str = "pk") -> Any:
    """The value in some row, so that what is counted means something; one of no row if there is none."""
    found = model._default_manager.exclude(**{column: None}).order_by("pk").values_list(column, flat=True).first()
    return found or uuid7()


def _of_the_catalogue() -> Iterator[Listing]:
    def asked(query: str = "", category: str = "", sort: str = "newest") -> "QuerySet[Any]":
        page: QuerySet[Any] = find_courses(query, category, sort, "1")["page"].object_list
        return page

    published = Course.objects.published()
    category = some(Course, "category__slug")
    yield Listing("home", lambda: published.for_cards()[:6])
    for sort in SORTS:
        yield Listing(f"catalogue, {sort}", lambda sort=sort: asked(sort=sort))  # type: ignore[misc]
        yield Listing(
            f"catalogue, one category, {sort}",
            lambda sort=sort: asked(category=str(category), sort=sort),  # type: ignore[misc]
            sorts_few="" if sort == "newest" else "the courses of a category",
        )
    counted = published.order_by().values_list("category_id")
    yield Listing("courses counted by category", lambda: counted.annotate(count=Count("pk")))
    yield Listing("words searched", lambda: SearchToken.objects.filter(_beginning("kn")))
    yield Listing("two words searched", lambda: SearchToken.objects.filter(_beginning("kn") | _beginning("sa")))
    word = str(some(SearchToken, "word"))
    yield Listing("courses found", lambda: asked(query=word), sorts_few="the courses found")


def _beginning(letters: str) -> Q:
    return Q(word__gte=letters, word__lt=letters + "\U0010ffff")


def _of_a_course() -> Iterator[Listing]:
    course, slug = some(Lecture, "course_id"), some(Course, "slug")
    yield Listing("a course by its address", lambda: Course.objects.filter(slug=slug).order_by())
    yield Listing(
        "its lectures",
        lambda: Lecture.objects.filter(course=course).in_course_order().defer("text"),
        sorts_few="the lectures of a course",
    )
    yield Listing("its sections", lambda: Section.objects.filter(course=course), sorts_few="the sections of a course")
    yield Listing("its words", lambda: SearchToken.objects.filter(course=course))


def _of_a_student() -> Iterator[Listing]:
    user, course = some(Grant, "user_id"), Course(pk=some(Grant, "course_id"))
    yield Listing("may they watch it", lambda: Grant.objects.filter(user=user).covering(course), "a student's grants")
    held = Grant.objects.filter(user=user).select_related("course__category").order_by("-pk")
    yield Listing("all that they hold", lambda: held[:24], "a student's grants")
    yield Listing("courses open to them", lambda: Grant.objects.filter(user=user).active(), "a student's grants")
    studied = Progress.objects.filter(user=user).order_by().values("course_id")
    yield Listing("courses begun", lambda: studied.annotate(done=Count("done_at"), last=Max("updated_at")))
    yield Listing("progress in a course", lambda: Progress.objects.filter(user=user, course=course.pk).order_by())
    page = Course.objects.filter(pk__in=list(Course.objects.order_by("pk").values_list("pk", flat=True)[:24]))
    yield Listing("my courses, a page", lambda: page.for_cards().order_by())
    yield Listing(
        "which of a page are saved", lambda: Saved.objects.filter(user=user, course_id__in=[course]).order_by()
    )
    saved = Saved.objects.filter(user=user, course__status=Course.Status.PUBLISHED)
    yield Listing("saved courses", lambda: saved.select_related("course__category")[:24], "a student's saved courses")


def _of_payments() -> Iterator[Listing]:
    user, order = some(Order, "user_id"), some(Payment, "order_id")
    yield Listing("a student's orders", lambda: Order.objects.filter(user=user)[:24])
    yield Listing("an order of a student", lambda: Order.objects.filter(user=user, pk=order).order_by())
    unpaid = Order.objects.unpaid().filter(user=user, product_key="course:1")
    yield Listing("an unpaid order", lambda: unpaid.order_by()[:1])
    yield Listing(
        "an order by the gateway's number", lambda: Order.objects.filter(gateway_order_id="order_1").order_by()
    )
    yield Listing("an order's lines", lambda: OrderLine.objects.filter(order=order), "an order's lines")
    yield Listing("an order's payments", lambda: Payment.objects.filter(order=order), "an order's payments")
    payments = Payment.objects.filter(gateway_payment_id="pay_1", entry="captured")
    yield Listing("a payment by the gateway's number", lambda: payments.order_by())
    yield from _of_bundles(user)
    yield from _of_money_back(order)
    yield from _of_books()
    yield from _of_seats()
    yield from _of_the_reconciler()
    yield Listing("an event seen before", lambda: WebhookEvent.objects.filter(event_id="event_1").order_by())


def _of_bundles(user: Any) -> Iterator[Listing]:
    bundles, courses = Bundle.objects.published(), "the courses of some bundles"
    yield Listing("bundles on offer", lambda: bundles[:24])
    yield Listing("a bundle by its address", lambda: bundles.filter(slug="boats").order_by())
    course, edition = some(EditionCourse, "course_id"), some(BundleEdition)
    yield Listing("editions with a course", lambda: EditionCourse.objects.filter(course__in=[course]).order_by())
    yield Listing("an edition's courses", lambda: EditionCourse.objects.on_sale([edition]), courses)
    bought = Order.objects.paid().filter(user=user, bundle_edition__isnull=False)
    yield Listing("bundles that somebody bought", lambda: bought, "a student's orders")
    yield Listing("an edition's buyers", lambda: additions.buyers_of(edition)[: additions.PAGE_SIZE])
    yield Listing("grants of some lines", lambda: Grant.objects.filter(source_id__in=[some(OrderLine)]).order_by())
    yield Listing("a coupon by its code", lambda: Coupon.objects.filter(code="WELCOME10", is_active=True).order_by())
    uses = CouponUse.objects.filter(coupon=some(Coupon))
    yield Listing("somebody's uses of a coupon", lambda: uses.filter(user=user))
    yield Listing("all uses of a coupon", lambda: uses)


def _of_money_back(order: Any) -> Iterator[Listing]:
    lines, refunds_of = "an order's lines", "an order's refunds"
    yield Listing("an order's refunds", lambda: Refund.objects.filter(order=order), refunds_of)
    yield Listing("an order's disputes", lambda: Dispute.objects.filter(order=order), "an order's disputes")
    yield Listing("an order's timeline", lambda: OrderEvent.objects.filter(order=order), "an order's events")
    yield Listing("lines that go back", lambda: RefundLine.objects.filter(line=some(OrderLine)), lines)
    yield Listing(
        "a refund by the gateway's number", lambda: Refund.objects.filter(gateway_refund_id="rfnd_1").order_by()
    )
    yield Listing("refunds to settle", refunds.unsettled, "the refunds of some days")
    yield Listing("disputes to settle", disputes.unsettled, "the disputes that are open")


def _of_seats() -> Iterator[Listing]:
    seats = Seat.objects.filter(order=some(Seat, "order_id"))
    yield Listing("an order's seats", lambda: seats.select_related("claimed_by", "order__user"), "an order's seats")
    yield Listing("a seat by its link", lambda: Seat.objects.filter(token="secret").order_by())  # noqa: S106


def _of_the_reconciler() -> Iterator[Listing]:
    now = timezone.now()
    yield Listing("orders to look at", lambda: reconciliation.due_orders()[:100])
    since = Payment.objects.filter(created_at__gte=now, created_at__lt=now)
    yield Listing("the ledger of a day", lambda: since.select_related("order").order_by("created_at", "pk"))
    yield Listing(
        "differences of a report", lambda: BooksDifference.objects.filter(report=some(BooksReport)), "a day's"
    )


def _of_books() -> Iterator[Listing]:
    documents, now, key = TaxDocument.objects, timezone.now(), "order:1"
    paid = Order.objects.paid().filter(amount_paise__gt=0)
    yield Listing("an order's documents", lambda: documents.filter(order=some(Order)), "an order's documents")
    yield Listing("a document by what it is for", lambda: documents.filter(source_key=key).order_by())
    numbered = documents.filter(kind="invoice", financial_year="2026-27")
    yield Listing("the largest number", lambda: numbered.order_by("-sequence").values_list("sequence")[:1])
    yield Listing("paid orders since", lambda: paid.filter(paid_at__gte=now).order_by("paid_at", "pk")[:500])
    month = documents.filter(kind="invoice", issued_at__gte=now, issued_at__lt=now)
    yield Listing("the month for the return", lambda: month.select_related("corrects").order_by("issued_at", "pk"))
    earned = Earning.objects.filter(instructor=some(Earning, "instructor_id"))
    yield Listing("months of earnings", lambda: earned.order_by().values("month").annotate(sum=Sum("amount_paise")))
    yield Listing("a statement", lambda: earned.filter(month="2026-11").order_by("created_at", "pk"))


def _of_subscriptions() -> Iterator[Listing]:
    user = some(Subscription, "user_id")
    mine = Subscription.objects.filter(user=user)
    yield Listing("a student's subscriptions", lambda: mine.select_related("plan", "user")[:1])
    yield Listing("the one that runs", lambda: Subscription.objects.filter(live_key=str(user)).order_by())
    by_id = Subscription.objects.filter(gateway_subscription_id="sub_1")
    yield Listing("a subscription by the gateway's number", lambda: by_id.order_by())
    charged = some(Order, "subscription_id")
    yield Listing("its charges", lambda: Order.objects.filter(subscription=charged), "the charges of a subscription")
    for number, rows in enumerate(boundary_rows(), 1):
        yield Listing(f"subscriptions near their boundary, {number}", lambda rows=rows: rows)  # type: ignore[misc]


def _of_accounts() -> Iterator[Listing]:
    key, now = some(Session), timezone.now()
    yield Listing("a session", lambda: Session.objects.filter(session_key=str(key), expire_date__gt=now))
    yield Listing("sessions that have ended", lambda: Session.objects.filter(expire_date__lt=now))
    yield Listing("login", lambda: User.objects.filter(email="somebody@example.org"))
    yield Listing("an address", lambda: EmailAddress.objects.filter(email="somebody@example.org"))
    yield Listing(
        "administrators", lambda: User.objects.administrators(), reads_all="asked when an administrator is changed"
    )
    yield Listing("a user's addresses", lambda: EmailAddress.objects.filter(user=some(EmailAddress, "user_id")))


def _of_the_cache() -> Iterator[Listing]:
    """On DocumentDB it is a collection, elsewhere memory."""
    cache: Any = caches["default"]
    if hasattr(cache, "collection"):
        yield Listing("a key of the cache", lambda: Find(cache.location, cache.condition("a-key")))
        yield Listing("keys that have expired", lambda: Find(cache.location, {"expires_at": {"$lt": timezone.now()}}))


def _of_the_admin() -> Iterator[Listing]:
    """The first page of each model's list, as it opens, and what Django's pages list beside it."""
    staff, instructor = some(LogEntry, "user_id"), some(Course, "instructor_id")
    acts = LogEntry.objects.filter(user=staff)[:10]
    yield Listing("admin, recent actions", lambda: acts, "what a member of staff did")
    taught = Course.objects.filter(instructor=instructor).order_by("-pk")
    yield Listing("admin, an instructor's courses", lambda: taught[:50], "the courses of an instructor")
    for model, options in admin.site._registry.items():
        name = f"admin, {model._meta.verbose_name_plural}"
        yield Listing(name, lambda model=model, options=options: _admin_page(model, options))  # type: ignore[misc]


def _of_the_admins_searches() -> Iterator[Listing]:
    """Staff look for a part of a word, which no index can find; so these are kept off the site's own pages."""
    for model, options in admin.site._registry.items():
        if options.search_fields:
            yield Listing(
                f"admin, {model._meta.verbose_name_plural} searched",
                lambda model=model, options=options: _admin_search(model, options),  # type: ignore[misc]
                "what is found",
                "staff look for a part of a word",
            )


def _admin_search(model: Any, options: Any) -> "QuerySet[Any]":
    rows: QuerySet[Any] = options.get_search_results(None, model._default_manager.order_by("-pk"), "knot")[0]
    return rows[:ADMIN_PAGE_SIZE]


def _admin_page(model: Any, options: Any) -> "QuerySet[Any]":
    """As django.contrib.admin's ChangeList makes it, for somebody who may see all rows."""
    ordering = list(options.ordering or model._meta.ordering)
    is_total = any(name in ("pk", "id") or model._meta.get_field(name).unique for name in map(_bare, ordering))
    rows = model._default_manager.order_by(*ordering, *([] if is_total else ["-pk"]))
    if options.list_select_related:
        rows = rows.select_related(*options.list_select_related)
    return rows[:ADMIN_PAGE_SIZE]


def _bare(name: str) -> str:
    return name.removeprefix("-")
