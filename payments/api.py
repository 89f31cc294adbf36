"""Bundles, prices and what one holds, in JSON. Amounts are integer paise, and a price is a sum of lines."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema

from coursebundler.api import ApiError
from courses.access import Access
from courses.models import Course, Grant
from courses.views.catalogue import page_of
from payments import pricing
from payments.models import Bundle, Coupon, CouponError
from payments.pricing import BundleOffer, Shelf
from payments.views.access import access_page

router = Router(tags=["prices"])


class BundledCourseOut(Schema):
    id: UUID
    slug: str
    title: str
    price_paise: int


class BundleOut(Schema):
    id: UUID
    slug: str
    url: str
    title: str
    promise: str
    edition: int
    additions_included: bool
    regular_price_paise: int
    price_paise: int
    courses: list[BundledCourseOut]


class BundlesOut(Schema):
    success: bool = True
    page: int
    pages: int
    total: int
    bundles: list[BundleOut]


class SumLineOut(Schema):
    label: str
    amount_paise: int


class PriceOut(Schema):
    success: bool = True
    amount_paise: int
    currency: str = "INR"
    sum: list[SumLineOut]
    courses: list[str]


class HeldCourseOut(Schema):
    id: UUID
    slug: str
    title: str


class HeldOut(Schema):
    course: HeldCourseOut | None
    is_open: bool
    reason: str
    explanation: str
    source_kind: str
    order_id: UUID | None
    starts_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    next_step_label: str
    next_step_url: str


class AccessOut(Schema):
    success: bool = True
    page: int
    pages: int
    total: int
    access: list[HeldOut]


@router.get("/access", response=AccessOut, summary="What you may watch, and why")
def my_access(request: HttpRequest, page: str = "1") -> Any:
    """Every grant you ever had, 24 a page, newest first; without a `course` it is for the whole catalogue. `reason` is
    grant, revoked, not_started or ended."""
    found = access_page(request.user, page)  # type: ignore[arg-type]
    return {
        "page": found.number,
        "pages": found.paginator.num_pages,
        "total": found.paginator.count,
        "access": [_held_out(**row) for row in found],
    }


def _held_out(grant: Grant, access: Access, order_id: UUID | None, **_: Any) -> dict[str, Any]:
    columns = ("course", "source_kind", "starts_at", "ends_at", "revoked_at")
    words = {name: getattr(access, name) for name in ("reason", "explanation", "next_step_label", "next_step_url")}
    return (
        {name: getattr(grant, name) for name in columns} | words | {"is_open": access.is_allowed, "order_id": order_id}
    )


@router.get("/bundles", auth=None, response=BundlesOut, summary="Bundles on offer")
def bundles(request: HttpRequest, page: str = "1") -> Any:
    """24 a page, newest first; a page that is not there is 404. Prices are those for somebody who has nothing yet."""
    published = Bundle.objects.published()
    found = page_of(published, page, published.count())
    return {
        "page": found.number,
        "pages": found.paginator.num_pages,
        "total": found.paginator.count,
        "bundles": [_bundle_out(offer) for offer in Shelf.offers(found, AnonymousUser())],
    }


@router.get("/bundles/{slug:slug}/price", response=PriceOut, summary="What a bundle costs you")
def bundle_price(request: HttpRequest, slug: str, coupon: str = "") -> Any:
    """`courses` are those that you do not have yet. 409 if there is none; 400 with the reason for a coupon that is not
    good here. Takes no place of the coupon."""
    return _price(request, get_object_or_404(Bundle.objects.published(), slug=slug), coupon)


@router.get("/courses/{slug:slug}/price", response=PriceOut, summary="What a course costs you")
def course_price(request: HttpRequest, slug: str, coupon: str = "") -> Any:
    """As for a bundle."""
    return _price(
        request, get_object_or_404(Course.objects.published().select_related("instructor"), slug=slug), coupon
    )


def _price(request: HttpRequest, product: Course | Bundle, code: str) -> dict[str, Any]:
    try:
        coupon = Coupon.objects.named(code) if code else None
        if coupon:
            coupon.check_for(request.user, product, pricing.product_key(product))
    except CouponError as error:
        raise ApiError(400, "Please correct the marked fields.", {"coupon": [str(error)]}) from error
    quote = pricing.quote(request.user, product, coupon)
    if not quote.lines:
        raise ApiError(409, "You have all of this already.")
    return {
        "amount_paise": quote.amount_paise,
        "sum": quote.sum_lines,
        "courses": [line.title for line in quote.lines],
    }


def _bundle_out(offer: BundleOffer) -> dict[str, Any]:
    bundle, edition = offer.bundle, offer.quote.edition
    return {
        "id": bundle.pk,
        "slug": bundle.slug,
        "url": bundle.get_absolute_url(),
        "title": bundle.title,
        "promise": bundle.promise,
        "edition": edition.number if edition else 0,
        "additions_included": bool(edition and edition.additions_included),
        "regular_price_paise": bundle.price_paise,
        "price_paise": offer.quote.amount_paise,
        "courses": [
            {"id": course.pk, "slug": course.slug, "title": course.title, "price_paise": course.current_price_paise}
            for course in offer.courses
        ],
    }
