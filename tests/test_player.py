"""The player in Chromium, with a real video: it resumes, reports what was watched, and loses nothing."""

import pytest

from courses import storage
from courses.models import Lecture, Progress
from tests.source import ROOT
from tests.test_front_end import chromium, threads_may_use_the_database  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("threads_may_use_the_database")]

VIDEO = ROOT / "payments" / "demo" / "assets" / "videos" / "easing.mp4"


@pytest.fixture
def lecture(course, alice, grant) -> Lecture:
    """The second lecture of a course that Alice owns, with a video of 30 seconds or a little more."""
    grant(alice, course)
    with VIDEO.open("rb") as file:
        storage.store("private/videos/player.mp4", file, "video/mp4")
    lecture = list(course.lectures.in_course_order())[1]
    Lecture.objects.filter(pk=lecture.pk).update(video_key="private/videos/player.mp4", duration_seconds=30)
    return lecture


def wait_until(page, condition: str, seconds: float = 15) -> None:
    """Until `condition` holds of the `video`. (wait_for_function needs eval, which our policy forbids.)"""
    for _ in range(int(seconds * 20)):
        if page.locator("video").evaluate(f"video => {condition}"):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"The video never came to: {condition}")


def play(page, seconds: float, *, speed: int = 1) -> None:
    page.locator("video").evaluate(
        "(video, speed) => { video.muted = true; video.playbackRate = speed; return video.play(); }", speed
    )
    page.wait_for_timeout(seconds * 1000)


def pause(page) -> None:
    """Pause, and wait for the report of what was watched."""
    with page.expect_response("**/progress"):
        page.locator("video").evaluate("video => video.pause()")


def jump(page, seconds: float) -> None:
    page.locator("video").evaluate("(video, to) => { video.currentTime = to; }", seconds)
    wait_until(page, "video.seeking === false")


def now(page) -> float:
    wait_until(page, "video.readyState >= 2")
    return page.locator("video").evaluate("video => video.currentTime")


def test_it_reports_what_was_watched_and_resumes_there(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        assert now(page) == 0
        play(page, 2)
        pause(page)
        jump(page, 15)
        play(page, 2)
        pause(page)
    progress = Progress.objects.get(user=alice, lecture=lecture)
    (first, second) = progress.watched_ranges
    assert (first[0], second[0]) == (0, 15)
    assert 2 <= progress.watched_seconds <= 8, "what was jumped over does not count"
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        wait_until(page, "video.currentTime > 14")


def test_it_reports_when_the_page_is_left(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        play(page, 2.5)
        page.goto("/about")
        page.wait_for_timeout(500)
        assert Progress.objects.get(user=alice, lecture=lecture).watched_seconds >= 1
        page.go_back()
        wait_until(page, "video.currentTime > 1")


def test_it_sends_later_what_could_not_be_sent(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        page.route("**/progress", lambda route: route.abort())
        play(page, 2.5)
        page.locator("video").evaluate("video => video.pause()")
        page.wait_for_timeout(300)
        page.close(run_before_unload=False)
        assert not Progress.objects.exists()
        again = page.context.new_page()
        with again.expect_response("**/progress", timeout=15_000):
            again.goto(lecture.get_absolute_url())
        assert Progress.objects.get(user=alice, lecture=lecture).watched_seconds >= 1


def test_a_lecture_watched_to_its_end_is_done(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        play(page, 0, speed=8)
        page.locator("[data-player-next]").wait_for()
        page.locator('#done[data-done="yes"]').wait_for()
        assert page.locator(".lecture[aria-current] .icon").get_attribute("aria-label") == "Done"
        assert page.locator("[data-percent]").inner_text() == "25 % of the course done"
    assert Progress.objects.get(user=alice, lecture=lecture).done_at


def test_marking_as_done_ticks_the_curriculum(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.goto(lecture.get_absolute_url())
        page.get_by_role("button", name="Mark as done").click()
        page.locator('.lecture[aria-current] .icon[aria-label="Done"]').wait_for()
        assert page.locator("[data-when-done]").is_visible()
    assert Progress.objects.get(user=alice, lecture=lecture).done_at


def test_an_expired_address_is_renewed_where_it_was(live_server, alice, lecture):
    with chromium(live_server, alice) as page:
        page.route("**/video", lambda route: route.fulfill(status=403, body="expired"), times=1)
        page.goto(lecture.get_absolute_url())
        wait_until(page, "video.readyState >= 2")
        assert page.locator("video").evaluate("video => video.error") is None


def test_a_visitor_sees_the_preview_and_nothing_is_reported(live_server, course, lectures):
    with VIDEO.open("rb") as file:
        storage.store(lectures[0].video_key, file, "video/mp4")
    asked = []
    with chromium(live_server) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(lectures[0].get_absolute_url())
        play(page, 1)
        page.goto("/about")
    assert not [url for url in asked if url.endswith("/progress")]
