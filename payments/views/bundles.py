"""Bundles on offer, with the price for whoever looks."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from courses.page_cache import cached_for_anonymous
from courses.views.catalogue import page_of
from payments.models import Bundle
from payments.pricing import Shelf


@require_safe
@login_not_required
@cached_for_anonymous
def bundle_list(request: HttpRequest) -> HttpResponse:
    bundles = Bundle.objects.published()
    page = page_of(bundles, request.GET.get("page", "1"), bundles.count())
    return render(request, "payments/bundle_list.html", {"page": page, "offers": Shelf.offers(page, request.user)})


@require_safe
@login_not_required
@cached_for_anonymous
def bundle_detail(request: HttpRequest, slug: str) -> HttpResponse:
    bundle = get_object_or_404(Bundle.objects.published(), slug=slug)
    (offer,) = Shelf.offers([bundle], request.user)
    return render(request, "payments/bundle_detail.html", {"bundle": bundle, "offer": offer})
