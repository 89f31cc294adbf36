"""The main job of the site in Chromium as `make run` starts it: from registering to resuming, and staff at work."""

import re
import secrets
from pathlib import Path

import pytest

from tests.browser import Visitor, visiting
from tests.source import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOTH = pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
PASSWORD = "learn-by-doing"
ASSETS = ROOT / "payments" / "demo" / "assets"


def register(visitor: Visitor, email: str) -> None:
    page = visitor.page
    page.goto("/")
    page.get_by_role("link", name="Join").click()
    page.get_by_label("Your name").fill("Nia Newcomer")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill("seven green boats sail")
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("heading", name="Check your mail").wait_for()
    page.get_by_label("Code").fill(code_for(visitor, email))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="My courses").wait_for()


def code_for(visitor: Visitor, email: str) -> str:
    """Read in another tab, as people do."""
    tab = visitor.context.new_page()
    tab.goto("/dev/mail")
    tab.get_by_role("row").filter(has_text=email).first.get_by_role("link").click()
    text = tab.get_by_role("region", name="As text").inner_text()
    tab.close()
    return re.search(r"\b[A-Z0-9]{3,5}-?[A-Z0-9]{3,5}\b", text)[0]


def log_in(visitor: Visitor, email: str, password: str = PASSWORD) -> None:
    visitor.page.goto("/login")
    visitor.page.get_by_label("E-mail").fill(email)
    visitor.page.get_by_label("Password", exact=True).fill(password)
    visitor.page.get_by_role("button", name="Log in").click()
    visitor.page.get_by_role("heading", name="My courses").wait_for()


def find_course(visitor: Visitor) -> str:
    """Browse to a course that costs money; its title."""
    page = visitor.page
    page.get_by_role("link", name="Courses", exact=True).first.click()
    page.get_by_label("Order").select_option("-price")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**sort=-price**")
    title = page.locator(".card__title").first.inner_text()
    page.get_by_role("link", name=title).first.click()
    page.get_by_role("heading", name=title, level=1).wait_for()
    return title


def buy(visitor: Visitor, *, java_script: bool) -> None:
    page = visitor.page
    page.get_by_role("link", name="Buy this course").click()
    page.get_by_role("button", name=re.compile("^Pay ₹")).click()
    if not java_script:
        page.get_by_role("button", name="Continue to the payment page").click()
    page.get_by_text("No money moves").wait_for()
    page.get_by_role("button", name="UPI succeeds").click()
    if not java_script:
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="You’re in").wait_for()


def watch(visitor: Visitor, seconds: int) -> None:
    video = visitor.page.locator("video")
    video.evaluate("video => { video.muted = true; return video.play(); }")
    for _ in range(600):
        if video.evaluate("video => video.currentTime") > seconds:
            return
        visitor.page.wait_for_timeout(100)
    pytest.fail("The video does not play.")


@BOTH
def test_a_student_registers_previews_buys_watches_leaves_and_resumes(school, java_script):
    email = f"nia-{secrets.token_hex(4)}@example.org"
    with visiting(school, java_script=java_script) as visitor:
        page = visitor.page
        register(visitor, email)
        title = find_course(visitor)

        page.get_by_role("link", name="Watch the preview").click()
        page.get_by_text("This is a free preview").wait_for()
        assert page.locator("video").get_attribute("src")
        if java_script:
            watch(visitor, 1)
        page.get_by_role("link", name="See the whole course").click()

        buy(visitor, java_script=java_script)
        page.get_by_role("link", name=f"Start {title}").click()
        page.get_by_role("link", name=re.compile("^(Start|Continue): ")).click()
        page.locator("video").wait_for()
        if java_script:
            watch(visitor, 4)
        else:
            page.get_by_role("button", name="Mark as done").click()
            page.get_by_role("link", name=re.compile("^Next")).click()
        place = page.url
        page.goto("/")  # leaves, without stopping the video

    with visiting(school, java_script=java_script) as visitor:  # on another day, in another browser
        page = visitor.page
        log_in(visitor, email, "seven green boats sail")
        page.get_by_role("link", name=title, exact=True).click()
        assert page.url == place
        if java_script:
            page.wait_for_timeout(1000)
            assert page.locator("video").evaluate("video => video.currentTime") >= 3
        else:
            page.get_by_role("img", name="Done").first.wait_for()


@BOTH
def test_staff_create_a_course_and_see_it_in_the_catalogue(school, java_script, tmp_path):
    title = f"Splicing ropes {secrets.token_hex(3)}"
    first = "sections-0-lectures-0"
    captions = tmp_path / "captions.vtt"
    captions.write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nThis is a rope.\n")
    with visiting(school, java_script=java_script) as visitor:
        page = visitor.page
        log_in(visitor, "staff@example.org")
        page.goto("/admin/createcourse")
        page.fill("#id_title", title)
        page.fill("#id_promise", "Join two ropes for good.")
        page.fill("#id_description", "Two ropes become one, strand by strand.")
        page.select_option("#id_category", index=1)
        page.fill("#id_price", "499")
        page.fill(f"#id_{first}-title", "The short splice")
        page.set_input_files("#id_poster", next((ASSETS / "photos").glob("*.webp")))
        page.set_input_files(f"#id_{first}-video", a_video())
        page.set_input_files(f"#id_{first}-captions", captions)
        page.get_by_label("Status").select_option("published")
        if java_script:  # the files are on their way to the store already
            page.locator("[data-upload][data-state=done]").nth(2).wait_for()
        page.get_by_role("button", name="Save the course").click()
        page.get_by_role("heading", name=title, level=1).wait_for()

    with visiting(school, java_script=java_script) as visitor:
        page = visitor.page
        page.goto(f"/courses?q={title.replace(' ', '+')}")
        page.get_by_role("link", name=title).first.click()
        page.get_by_text("The short splice").wait_for()
        poster = page.locator(".offer img")
        assert page.request.get(poster.get_attribute("src")).ok


def a_video() -> Path:
    return min((ASSETS / "videos").glob("*.mp4"), key=lambda path: path.stat().st_size)


def test_logging_in_needs_no_mouse(school):
    with visiting(school) as visitor:
        page = visitor.page
        page.goto("/login")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").strip() == "Skip to the content"
        while page.evaluate("document.activeElement.type") != "email":
            page.keyboard.press("Tab")
        page.keyboard.type("student@example.org")
        while page.evaluate("document.activeElement.type") != "password":
            page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "What has the focus must be seen."
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="My courses").wait_for()


FOR_VISITORS = ["/", "/courses", "/about", "/contact", "/request", "/login", "/register", "/forgetpassword"]
FOR_STUDENTS = ["/my/courses", "/my/saved", "/orders", "/profile", "/updateprofile", "/changepassword", "/email"]
FOR_STAFF = ["/admin/", "/admin/createcourse", "/admin/courses/course/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_main_page_fits_a_small_phone_and_complains_of_nothing(school, scheme):
    phone = {"viewport": {"width": 320, "height": 640}, "color_scheme": scheme}
    with visiting(school, **phone) as visitor:
        page = visitor.page
        page.goto("/courses?sort=-price")
        course = page.locator(".card__title a").first.get_attribute("href")
        page.goto(course)
        preview = page.get_by_role("link", name="Watch the preview").get_attribute("href")
        require_fit(visitor, [*FOR_VISITORS, course, preview])
        log_in(visitor, "student@example.org")
        mine = page.locator(".card__title a").first.get_attribute("href")
        require_fit(visitor, [*FOR_STUDENTS, mine, course, "/courses"])


def require_fit(visitor: Visitor, paths: list[str]) -> None:
    for path in paths:
        visitor.page.goto(path)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 320, path
        heading = visitor.page.get_by_role("heading", level=1)
        assert heading.count() == 1, f"{path} has {heading.count()} main headings."


def test_pages_of_staff_complain_of_nothing(school):
    with visiting(school) as visitor:
        log_in(visitor, "staff@example.org")
        for path in FOR_STAFF:
            visitor.page.goto(path)
            assert not visitor.complaints, path
            assert not visitor.missing, path
