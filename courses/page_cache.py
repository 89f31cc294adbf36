"""Anonymous catalogue pages: rendered once per revision of the catalogue, then answered from memory or with 304."""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag

from courses.models import CatalogueRevision

View = Callable[..., HttpResponse]

# A page also shows what no row's change announces, the begin and the end of a sale or an instructor's new name: that
# may lag this long.
MAX_AGE_SECONDS = 60


def cached_for_anonymous(view: View) -> View:
    """Keep the view's page for visitors without a session: one query (the revision) instead of all of them."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_kept(request):
            response = _anonymous_page(request, lambda: view(request, *args, **kwargs))
        else:
            response = view(request, *args, **kwargs)
        patch_vary_headers(response, ["Cookie", "HX-Request"])
        return response

    return answer


def is_kept(request: HttpRequest) -> bool:
    """Whether the page will be shown to others too: its rows must then be as new as the revision that it is kept by."""
    return request.method in ("GET", "HEAD") and settings.SESSION_COOKIE_NAME not in request.COOKIES


def _anonymous_page(request: HttpRequest, render: Callable[[], HttpResponse]) -> HttpResponse:
    key = _cache_key(request)
    stored = caches["local"].get(key)
    if stored is None:
        response = render()
        if response.status_code != 200 or response.cookies:
            return response
        stored = (response.content, quote_etag(sha256(response.content).hexdigest()[:32]))
        caches["local"].set(key, stored, MAX_AGE_SECONDS)
    content, etag = stored
    fresh = HttpResponse(content, headers={"ETag": etag, "Cache-Control": "private, no-cache"})
    return get_conditional_response(request, etag=etag, response=fresh) or fresh


def _cache_key(request: HttpRequest) -> str:
    """The page's address, what asks for it, and the revision of everything that it shows."""
    target = request.headers.get("HX-Target", "") if request.headers.get("HX-Request") else "page"
    what = f"{request.get_host()} {request.get_full_path()} {target}"
    return f"page:{CatalogueRevision.current()}:{sha256(what.encode()).hexdigest()}"
