"""The look in numbers: contrast, bytes, vendored files; and in Chromium: phones, themes, search, saving."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from courses.models import Course, Lecture, Saved
from tests.browser import ARGUMENTS, CHROMIUM
from tests.source import ROOT

CSS = ROOT / "static" / "css"
KIB = 1024


# --- Colours ---


def colours() -> dict[str, tuple[str, str]]:
    """{token: (its colour in light, its colour in dark)}."""
    tokens = (CSS / "tokens.css").read_text()
    both = re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)", tokens)
    one = re.findall(r"--([\w-]+):\s*(#\w{6});", tokens)
    return {name: (light, dark) for name, light, dark in both} | {name: (colour, colour) for name, colour in one}


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


TEXT_ON = {
    "ink": ["ground", "surface", "sunken", "brand-soft", "accent-soft", "success-soft", "warning-soft", "danger-soft"],
    "ink-soft": ["ground", "surface", "sunken"],
    "brand": ["ground", "surface", "sunken", "brand-soft"],
    "on-brand": ["brand", "brand-strong"],
    "on-accent": ["accent"],
    "on-deep": ["deep"],
    "on-deep-soft": ["deep"],
    "success": ["ground", "surface", "success-soft"],
    "warning": ["warning-soft"],
    "danger": ["ground", "surface", "danger-soft"],
    "on-danger": ["danger"],
}
EDGE_ON = {"line-strong": ["ground", "surface"], "focus": ["ground", "surface", "deep"]}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT_ON, 4.5), (EDGE_ON, 3)], ids=["text", "edges"])
def test_everything_stands_out_from_what_it_is_on(theme, pairs, least):
    found = colours()
    for over, grounds in pairs.items():
        for ground in grounds:
            ratio = contrast(found[over][theme], found[ground][theme])
            assert ratio >= least, f"--{over} on --{ground} has a contrast of {ratio:.2f}, less than {least}"


# --- Bytes and files ---


def test_the_style_sheets_stay_small():
    files = [CSS / f"{name}.css" for name in ("tokens", "base", "components", "pages")]
    assert sum(file.stat().st_size for file in files) < 32 * KIB


def first_view(html: str) -> int:
    """Bytes of a page with the scripts, styles and icons that it names, before compression and without pictures."""
    named = re.findall(r"(?:src|href)=\"/static/([^\"#]+\.(?:css|js|svg))", html)
    return len(html.encode()) + sum(Path(finders.find(path)).stat().st_size for path in set(named))


@pytest.mark.django_db
def test_the_first_view_of_the_catalogue_is_light(client, client_of, alice, make_course):
    for n in range(24):
        make_course(
            f"A course with quite a long title {n}", sections=1, lectures=1, poster_key=f"posters/{'0' * 32}{n}"
        )
    html = client.get("/courses").text
    assert html.count('class="card"') == 24
    assert len(html.encode()) <= 32 * KIB
    assert first_view(html) <= 100 * KIB, f"{first_view(html)} bytes"
    assert len(client_of(alice).get("/courses").content) <= 60 * KIB


@pytest.mark.django_db
def test_pages_of_visitors_without_an_account_hold_no_token_and_no_post(client, course):
    for page in ("/", "/courses", f"/courses/{course.slug}", "/about"):
        html = client.get(page).text
        assert "csrfmiddlewaretoken" not in html
        assert 'method="post"' not in html
        assert "hx-post" not in html


def test_vendored_files_are_the_pinned_ones_with_their_licence():
    pinned = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert sorted(file.name for file in (ROOT / "static" / "vendor").iterdir()) == [
        f"htmx-{pinned['htmx.org']}.LICENSE.txt",
        f"htmx-{pinned['htmx.org']}.min.js",
    ]


# --- In Chromium ---


@contextmanager
def chromium(live_server, user=None, **options: Any) -> Iterator[Any]:
    """A page of a browser in which `user` is logged in; it must not break the content security policy."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(base_url=live_server.url, **options)
        if user:
            client = Client()
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
            session = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(f"Error: {error}"))
        yield page
        browser.close()
    assert not [line for line in said if "Content Security Policy" in line or line.startswith("Error:")]


@pytest.fixture
def threads_may_use_the_database(monkeypatch):
    """Playwright runs an event loop in this thread, and Django then takes the tests for asynchronous."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_small_phone(live_server, alice, course, lectures, grant, scheme):
    grant(alice, course)
    long = f"```\n{'no line breaks here ' * 20}\n```"
    Course.objects.update(description=long)
    Lecture.objects.update(text=long)
    mine = ["/my/courses", "/my/saved", "/orders", "/profile", "/updateprofile", "/updateprofilepicture"]
    theirs = ["/", "/courses", "/courses?q=zzz", course.get_absolute_url(), lectures[0].get_absolute_url()]
    forms = ["/login", "/register", "/forgetpassword", "/contact", "/request", "/about"]
    with chromium(live_server, alice, viewport={"width": 320, "height": 640}, color_scheme=scheme) as page:
        for path in [*mine, *theirs]:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") == 320, path
    with chromium(live_server, viewport={"width": 320, "height": 640}, color_scheme=scheme) as page:
        for path in [*theirs, *forms]:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") == 320, path


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
def test_the_theme_is_remembered(live_server, course):
    ground = "getComputedStyle(document.body).backgroundColor"
    with chromium(live_server, color_scheme="light") as page:
        page.goto("/")
        light = page.evaluate(ground)
        page.get_by_label("Dark").check()
        dark = page.evaluate(ground)
        page.reload()
        assert page.evaluate(ground) == dark != light
        page.get_by_label("Auto").check()
        assert page.evaluate(ground) == light


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
def test_search_answers_while_one_types(live_server, make_course):
    make_course("Knots for sailors")
    make_course("Bread at home", promise="Bake a loaf.")
    with chromium(live_server) as page:
        page.goto("/courses")
        page.locator("#q").press_sequentially("brea")
        page.get_by_text("1 course for “brea”").wait_for()
        assert page.locator(".card").count() == 1
        assert page.url.endswith("/courses?q=brea")
        assert page.evaluate("document.activeElement.id") == "q"


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
def test_a_course_is_saved_without_leaving_the_page(live_server, alice, course):
    with chromium(live_server, alice) as page:
        page.goto("/courses")
        page.locator(".save").click()
        page.locator('.save[value="no"]').wait_for()
        assert Saved.objects.filter(user=alice, course=course).exists()
        assert page.url.endswith("/courses")
        page.locator(".save").click()
        page.locator('.save[value="yes"]').wait_for()
        assert not Saved.objects.exists()


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
def test_saving_after_the_session_ended_leads_to_the_login_page(live_server, alice, course):
    with chromium(live_server, alice) as page:
        page.goto("/courses")
        page.context.clear_cookies(name="sessionid")
        page.locator(".save").click()
        page.wait_for_url("**/login?next=%2Fcourses")


@pytest.mark.browser
@pytest.mark.usefixtures("threads_may_use_the_database")
def test_the_menu_and_saving_work_without_javascript(live_server, alice, course):
    with chromium(live_server, alice, java_script_enabled=False) as page:
        page.goto("/courses")
        page.locator(".save").click()
        page.get_by_text("is saved for later").wait_for()
        page.locator(".menu summary").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("link", name="Join").wait_for()
