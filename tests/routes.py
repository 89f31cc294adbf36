"""Every address of the site, by walking over the URL resolver and the API, for tests that concern all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

import coursebundler.urls  # noqa: F401  the routes are added to the API there
from coursebundler.api import api


@dataclass(frozen=True)
class Page:
    name: str  # with its namespace, e.g. courses:lecture_detail
    route: str  # e.g. courses/<slug:slug>
    view: Callable[..., Any]
    pattern: URLPattern

    @property
    def is_public(self) -> bool:
        return not getattr(self.view, "login_required", True)

    @property
    def is_ours(self) -> bool:
        return self.view.__module__.split(".")[0] in {"coursebundler", "users", "courses", "payments"}


@dataclass(frozen=True)
class Call:
    method: str
    path: str  # below /api/v1, e.g. /courses/{slug}
    is_public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def walk(patterns: list[Any], route: str = "", namespace: str = "") -> Iterator[Page]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inside = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from walk(pattern.url_patterns, here, inside)
        else:
            yield Page(f"{namespace}{pattern.name}", here, pattern.callback, pattern)


def all_urls() -> list[Page]:
    return list(walk(get_resolver().url_patterns))


def pages() -> list[Page]:
    """All but the API's, which have rules of their own (`calls`)."""
    return [page for page in all_urls() if not page.route.startswith("api/")]


def calls() -> list[Call]:
    found = [
        Call(method, f"{router.prefix}{path}", not operation.auth_callbacks)
        for router in api._get_bound_routers()
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    ]
    return sorted(found, key=str)
