"""What the student may watch, and where each of it comes from."""

from uuid import UUID

from django.core.paginator import Page
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from courses.access import explain_grant
from courses.models import Grant
from courses.views.catalogue import page_of
from payments.entitlements import LINE_SOURCES
from payments.models import OrderLine
from users.models import User
from users.requests import UserRequest


@require_safe
def my_access(request: UserRequest) -> HttpResponse:
    return render(request, "payments/my_access.html", {"page": access_page(request.user, request.GET.get("page", "1"))})


def access_page(user: User, number: str) -> Page:
    """Every grant, the newest first, in the words of `explain_access`; 404 for a page that is not there.

    Each with `order_id`, if it comes from an order of the user's own, and `is_open_anyway`: what is closed in one way
    may be held in another. Four queries, however many there are.
    """
    grants = Grant.objects.filter(user=user)
    page = page_of(grants.select_related("course__category").order_by("-pk"), number, grants.count())
    now = timezone.now()
    open_course_ids = set(grants.active(now).order_by().values_list("course_id", flat=True))
    order_ids = _orders_of(user, list(page))
    page.object_list = [
        {
            "grant": grant,
            "access": explain_grant(grant, now),
            "order_id": order_ids.get(grant.source_id),
            "is_open_anyway": bool({grant.course_id, None} & open_course_ids),
        }
        for grant in page
    ]
    return page


def _orders_of(user: User, grants: list[Grant]) -> dict[UUID, UUID]:
    """{source id: order id}, for grants from orders of the user's own."""
    line_ids = [grant.source_id for grant in grants if grant.source_kind in LINE_SOURCES]
    lines = OrderLine.objects.filter(pk__in=line_ids, order__user=user).order_by()
    of_bundles = [grant.source_id for grant in grants if grant.source_kind == Grant.Source.BUNDLE_EDITION]
    return dict(lines.values_list("pk", "order_id")) | {order_id: order_id for order_id in of_bundles}
