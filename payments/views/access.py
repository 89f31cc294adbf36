"""What the student may watch, and where each of it comes from."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from courses.access import explain_grant
from courses.models import Grant
from courses.views.catalogue import page_of
from payments.entitlements import LINE_SOURCES
from payments.models import OrderLine
from users.requests import UserRequest


@require_safe
def my_access(request: UserRequest) -> HttpResponse:
    """Every grant, the newest first, in the words of `explain_access`. Five queries, however many there are."""
    grants = Grant.objects.filter(user=request.user)
    rows = grants.select_related("course__category").order_by("-pk")
    page = page_of(rows, request.GET.get("page", "1"), grants.count())
    now = timezone.now()
    open_course_ids = set(grants.active(now).order_by().values_list("course_id", flat=True))
    orders = _orders_of(request, list(page))
    page.object_list = [
        {
            "grant": grant,
            "access": explain_grant(grant, now),
            "order_url": orders.get(grant.source_id, ""),
            "is_open_anyway": bool({grant.course_id, None} & open_course_ids),
        }
        for grant in page
    ]
    return render(request, "payments/my_access.html", {"page": page})


def _orders_of(request: UserRequest, grants: list[Grant]) -> dict[UUID, str]:
    """{source id: page of the order}, for grants from orders of the student's own."""
    line_ids = [grant.source_id for grant in grants if grant.source_kind in LINE_SOURCES]
    lines = OrderLine.objects.filter(pk__in=line_ids, order__user=request.user).order_by()
    order_ids = dict(lines.values_list("pk", "order_id"))
    of_bundles = [grant.source_id for grant in grants if grant.source_kind == Grant.Source.BUNDLE_EDITION]
    order_ids |= {order_id: order_id for order_id in of_bundles}
    return {source_id: reverse("payments:order_detail", args=[pk]) for source_id, pk in order_ids.items()}
