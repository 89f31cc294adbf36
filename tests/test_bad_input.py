"""Whatever anybody sends to any address: never a 500, and what is refused leaves nothing behind.

Walks over every route of the pages and of the API, so a new one is covered from its first day. What each form says
about each wrong value is tested beside the form.
"""

import json
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.test import Client

from courses.models import Course, Grant
from payments.models import Bundle, Order, OrderLine
from tests import routes

pytestmark = pytest.mark.slow

HUGE = "9" * 25
# In an address, percent-encoded as a browser or an attacker would.
BAD_PARTS = [
    "nowhere",
    "%00",
    "%FF%FE",
    "..%2F..%2Fetc%2Fpasswd",
    "x" * 3000,
    "-1",
    HUGE,
    quote("’); DROP TABLE"),
    "💥",
]
BAD_VALUES = ["", "%00", "%FF", "-1", "0", HUGE, "x" * 3000, "[]", quote("' OR 1=1 --")]
QUERY_NAMES = ["page", "q", "keyword", "category", "sort", "order", "reference", "next", "p", "o", "month"]
FIELD_NAMES = [
    *("name", "email", "password", "password1", "login", "oldpassword", "code", "uid", "token", "action", "remember"),
    *("message", "course", "website", "headline", "bio", "photo", "next", "saved", "remove", "query"),
    *("position", "position_seconds", "ranges", "amount_paise", "razorpay_order_id", "razorpay_payment_id"),
    *("razorpay_signature", "error[code]", "error[metadata]", "title", "slug", "promise", "description", "category"),
    *("instructor", "level", "price", "price_rupees", "status", "poster", "poster-token", "file", "createdBy"),
    *("sections-TOTAL_FORMS", "sections-INITIAL_FORMS", "lectures-TOTAL_FORMS", "lectures-INITIAL_FORMS"),
    *("kind", "size", "type", "numbers", "part", "key"),
    *("coupon", "edition", "policy"),
    *("billing-name", "billing-address", "billing-state", "billing-gstin"),
]
ODD_QUERIES = ["page=1&page=2", "%00=%00", "=&&=", "sort", "a" * 5000, "next=//evil.example", "next=javascript:x"]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", FORM),
    "empty fields": ("&".join(f"{name}=" for name in FIELD_NAMES).encode(), FORM),
    "NUL bytes": ("&".join(f"{name}=a%00b" for name in FIELD_NAMES).encode(), FORM),
    "too long": ("&".join(f"{name}={'x' * 12_000}" for name in FIELD_NAMES).encode(), FORM),
    "numbers": ("&".join(f"{name}={HUGE}" for name in FIELD_NAMES).encode(), FORM),
    "twice": ("&".join(f"{name}=1&{name}=-2.5e400" for name in FIELD_NAMES).encode(), FORM),
    "not UTF-8": ("&".join(f"{name}=%FF%FE%80" for name in FIELD_NAMES).encode(), FORM),
    "too many fields": (b"&".join(b"a%d=1" % n for n in range(2000)), FORM),
    "too large": (b"name=" + b"x" * 3_000_000, FORM),
    "broken JSON": (b'{"email": ', JSON),
    "JSON null": (b"null", JSON),
    "JSON list": (b"[1, 2]", JSON),
    "JSON text": (b'"text"', JSON),
    "JSON number": (b"1e999", JSON),
    "JSON too deep": (b"[" * 100_000, JSON),
    "JSON not UTF-8": (b'{"email": "\xff\xfe"}', JSON),
    "JSON half a character": (json.dumps(dict.fromkeys(FIELD_NAMES, "\ud800")).encode(), JSON),
    "JSON NUL": (json.dumps(dict.fromkeys(FIELD_NAMES, "a\0b")).encode(), JSON),
    "JSON objects": (json.dumps({name: {"a": [None]} for name in FIELD_NAMES}).encode(), JSON),
    "JSON lists": (json.dumps({name: [[1, "a"], {}] for name in FIELD_NAMES}).encode(), JSON),
    "JSON numbers": (json.dumps(dict.fromkeys(FIELD_NAMES, 10**30)).encode(), JSON),
    "JSON true": (json.dumps(dict.fromkeys(FIELD_NAMES, True)).encode(), JSON),
    "XML": (b"<a/>", "application/xml"),
    "multipart without boundary": (b"name", "multipart/form-data"),
    "broken multipart": (b"--b\r\nContent-Disposition: form-data; name=", MULTIPART),
    "a file everywhere": (
        b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%s"; filename="../a\x00.png"\r\n\r\nnot a picture\r\n'
            % name.encode()
            for name in FIELD_NAMES
        )
        + b"--b--\r\n",
        MULTIPART,
    ),
    "unknown character set": (b"name=a", f"{FORM}; charset=nonsense"),
    "JSON in an unknown character set": (b"{}", f"{JSON}; charset=nonsense"),
}
# They read nothing from the body, or one word that has a default; what they do is meant.
FOR_STAFF = {page.name for page in routes.pages() if "upload" in page.name or page.name == "courses:createcourse"}
DOES_IT_ANYHOW = {
    "courses:course_save": "saves unless the body says no",
    "courses:course_enrol": "a free course is taken by pressing a button",
    "courses:lecture_done": "done is done",
}


@pytest.fixture
def world(alice, bob, make_course, grant) -> dict[str, Any]:
    """Something real for every part of an address, with Alice's order; and Bob's."""
    course = make_course()
    grant(alice, course)
    bundle = Bundle.objects.create(title="Boats", slug=course.slug, price_paise=60000, status="published")
    bundle.publish_edition([course, make_course("Sails", sections=1, lectures=1)], additions_included=True)

    def order(user: Any) -> Order:
        made = Order.objects.create(user=user, product_key=f"course:{course.pk}", amount_paise=course.price_paise)
        OrderLine.objects.create(order=made, course=course, title=course.title, amount_paise=course.price_paise)
        return made

    return {
        "slug": course.slug,
        "course_id": course.pk,
        "lecture_id": course.lectures.in_course_order()[0].pk,
        "order_id": order(alice).pk,
        "bobs_order_id": order(bob).pk,
        "token": "nonsense",
        "kind": "courses",
        "path": "posters/none-640.webp",
        "file": "none",
        "index": 0,
        "uidb36": "1",
        "key": "none",
        "rest": "nowhere",
        "number": "INV2627-000001",
        "month": "2026-11",
    }


@pytest.fixture
def people(client_of, alice, stella, settings) -> dict[str, Callable[[], Client]]:
    """Browsers that forget what happened since they logged in; errors come back as 500 instead of being raised."""
    settings.ACCOUNT_RATE_LIMITS = False

    def browser(user: Any) -> Callable[[], Client]:
        client = client_of(user) if user else Client()
        client.raise_request_exception = False
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}

        def fresh() -> Client:
            client.cookies = SimpleCookie(cookies)
            return client

        return fresh

    return {"visitor": browser(None), "student": browser(alice), "staff": browser(stella)}


def parts_of(route: str) -> list[tuple[str, str]]:
    """(the text in the route, the argument's name) of each argument, e.g. ("<slug:slug>", "slug")."""
    named = [(found[0], found[1]) for found in re.finditer(r"<(?:\w+:)?(\w+)>", route)]
    groups = [(found[0], found[1]) for found in re.finditer(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", route)]
    braces = [(found[0], found[1]) for found in re.finditer(r"\{(?:\w+:)?(\w+)\}", route)]
    return groups or braces or named


def address(route: str, world: dict[str, Any], **instead: str) -> str:
    for text, name in parts_of(route):
        route = route.replace(text, instead.get(name, str(world.get(name, "none"))))
    return "/" + re.sub(r"[\^$]|\\Z", "", route).lstrip("/")


def counts() -> dict[str, int]:
    """How many rows each table of ours and of the accounts has."""
    ours = ("users", "courses", "payments", "account")
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.app_label in ours
    }


def require_no_crash(response: Any, what: str) -> None:
    if response.status_code >= 500:
        kind, value, _ = getattr(response, "exc_info", None) or (None, None, None)
        pytest.fail(f"{what} → {response.status_code}: {kind.__name__ if kind else ''} {value}")


PAGES = [page for page in routes.pages() if not page.name.startswith("admin:")]
ADMIN = [page for page in routes.pages() if page.name.startswith("admin:") and "<" not in page.route]
CALLS = routes.calls()


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in routes.pages() if parts_of(p.route)], ids=lambda page: page.name)
def test_a_wrong_part_of_an_address_is_not_found(page, people, world):
    before = counts()
    for _, name in parts_of(page.route):
        for bad in BAD_PARTS:
            path = address(page.route, world, **{name: bad})
            for method in ("GET", "POST"):
                response = people["staff"]().generic(method, path)
                require_no_crash(response, f"{method} {path[:200]}")
    assert counts() == before


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES + ADMIN, ids=lambda page: page.name)
def test_a_wrong_query_crashes_nothing(page, people, world):
    before = counts()
    path = address(page.route, world)
    person = "staff" if page in ADMIN else "student"
    alone = [f"{name}={bad}" for name in QUERY_NAMES for bad in (HUGE, "%00")]
    together = ["&".join(f"{name}={bad}" for name in QUERY_NAMES) for bad in BAD_VALUES]
    for query in together + ODD_QUERIES + (alone if page in PAGES else []):
        response = people[person]().get(f"{path}?{query}")
        require_no_crash(response, f"GET {path}?{query[:80]}")
        assert "evil.example" not in response.get("Location", "")
    assert counts() == before


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_wrong_body_is_refused_and_leaves_nothing(page, people, world):
    path = address(page.route, world)
    before = counts()
    # What staff may do, students may do too, but for these; and visitors are sent to the login.
    browser = people["visitor" if page.is_public else "staff" if page.name in FOR_STAFF else "student"]
    for what, (body, content_type) in BODIES.items():
        response = browser().generic("POST", path, body, content_type)
        require_no_crash(response, f"POST {path} with {what}")
    assert page.name in DOES_IT_ANYHOW or counts() == before


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_other_methods_crash_nothing(page, people, world):
    before = counts()
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        response = people["student"]().generic(method, address(page.route, world), b"x", "text/plain")
        require_no_crash(response, f"{method} {page.route}")
    assert counts() == before


@pytest.mark.parametrize("page", [p for p in PAGES if "order_id" in p.route], ids=lambda page: page.name)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_persons_order_is_not_found(page, method, people, world):
    path = address(page.route, world | {"order_id": world["bobs_order_id"]})
    assert people["student"]().generic(method, path).status_code in (404, 405)


@pytest.mark.parametrize("page", [p for p in PAGES if "lecture_id" in p.route], ids=lambda page: page.name)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lecture_of_another_course_is_not_found(page, method, people, world, make_course):
    other = make_course("Sails for beginners")
    response = people["student"]().generic(method, address(page.route, world | {"slug": other.slug}))
    assert response.status_code in (404, 405)


@pytest.mark.parametrize("page", [p for p in PAGES if "slug" in p.route], ids=lambda page: page.name)
def test_a_draft_does_not_exist_for_students(page, people, world):
    Course.objects.filter(slug=world["slug"]).update(status=Course.Status.DRAFT)
    Bundle.objects.update(status=Bundle.Status.DRAFT)
    Grant.objects.all().delete()
    for method in ("GET", "POST"):
        response = people["student"]().generic(method, address(page.route, world))
        assert response.status_code in (403, 404, 405) or world["slug"] not in response.getvalue().decode()


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=2", f"page={HUGE}", "page=abc", "page=%00", "sort=best"])
def test_a_page_or_an_order_that_the_catalogue_does_not_have_is_not_found(query, people, world):
    assert people["visitor"]().get(f"/courses?{query}").status_code == 404
    response = people["visitor"]().get(f"/api/v1/courses?{query}")
    assert (response.status_code, response.json()["success"]) == (404, False)


# --- Forms: one wrong field at a time, the others as they should be ---
RIGHT = {
    "name": "Alice",
    "email": "new@example.org",
    "password1": "correct horse battery staple",
    "login": "alice@example.org",
    "password": "correct horse battery",
    "oldpassword": "correct horse battery",
    "message": "Hello, is there a course on sails?",
    "course": "Sails, please.",
    "headline": "",
    "bio": "",
}
FORMS = [
    ("account_signup", "/register", "visitor", ["name", "email", "password1"]),
    ("account_login", "/login", "visitor", ["login", "password"]),
    ("account_reset_password", "/forgetpassword", "visitor", ["email"]),
    ("account_change_password", "/changepassword", "student", ["oldpassword", "password1"]),
    ("account_email", "/email", "student", ["email"]),
    ("users:contact", "/contact", "visitor", ["name", "email", "message"]),
    ("users:course_request", "/request", "visitor", ["name", "email", "course"]),
    ("users:update_profile", "/updateprofile", "student", ["name"]),
]
WRONG = {"missing": "", "blank": "   ", "NUL": "a\0b@example.org", "too long": "x" * 10_000 + "@example.org"}


def wrong_fields() -> Iterator[Any]:
    for name, path, person, fields in FORMS:
        for field in fields:
            for what, value in WRONG.items():
                if "password" in field and what == "too long":
                    continue  # a long password is a good one
                yield pytest.param(path, person, fields, field, value, id=f"{name}-{field}-{what}")


@pytest.mark.parametrize(("path", "person", "fields", "field", "value"), list(wrong_fields()))
def test_the_form_says_at_the_field_what_is_wrong(path, person, fields, field, value, people, world, mailoutbox):
    before = counts()
    data = {name: RIGHT[name] for name in fields} | {field: value, "action_add": ""}
    response = people[person]().post(path, data)
    require_no_crash(response, f"POST {path}")
    assert response.status_code in (200, 400), f"POST {path} with a wrong {field} was accepted: {response.status_code}"
    form = response.context["form"]
    # A wrong password is said of the whole form: which of the two is wrong is nobody's business.
    assert field in form.errors or (path == "/login" and form.non_field_errors())
    assert field not in form.errors or 'aria-invalid="true"' in response.content.decode()
    assert counts() == before
    assert not mailoutbox


# --- The API ---
def send(browser: Callable[[], Client], call: routes.Call, path: str, body: bytes = b"", kind: str = JSON) -> Any:
    response = browser().generic(call.method, f"/api/v1{path}", body, kind)
    require_no_crash(response, f"{call} {path[:100]}")
    if response.status_code >= 400:
        answer = response.json()
        assert answer["success"] is False
        assert answer["message"]
        assert isinstance(answer["errors"], dict)
        assert "Traceback" not in answer["message"]
    return response


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_wrong_body_to_the_api_is_refused_and_leaves_nothing(call, people, world):
    before = counts()
    path = address(call.path, world)
    person = "visitor" if call.is_public else "student" if "order_id" in call.path else "staff"
    for body, kind in BODIES.values():
        response = send(people[person], call, path, body, kind)
        assert response.status_code != 404, "This address should be there."
    assert counts() == before


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_wrong_address_or_query_to_the_api_is_refused(call, people, world):
    before = counts()
    for _, name in parts_of(call.path):
        for bad in BAD_PARTS:
            assert send(people["student"], call, address(call.path, world, **{name: bad})).status_code == 404
    for query in [f"{name}={bad}" for name in QUERY_NAMES for bad in (HUGE, "%00")] + ODD_QUERIES:
        send(people["student"], call, f"{address(call.path, world)}?{query}")
    assert counts() == before


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_wrong_token_is_refused(call, people, world):
    path = f"/api/v1{address(call.path, world)}"
    for token in ("Bearer", "Bearer ", "Bearer a.b.c", f"Bearer {'x' * 9000}", "Bearer é", "Basic x"):
        response = people["visitor"]().generic(call.method, path, b"{}", JSON, headers={"Authorization": token})
        require_no_crash(response, f"{call} with {token[:20]}")
        assert call.is_public or response.status_code == 401, f"{token[:20]}: {response.content.decode()}"
