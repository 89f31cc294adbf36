"""/admin/createcourse in Chromium: files on their way while one fills in the form, interruptions, and no JavaScript."""

import copy
from pathlib import Path

import pytest

from courses import storage
from courses.models import Category, Lecture
from courses.tests.conftest import PDF, VTT, mp4, picture, use_parts_of
from tests.test_front_end import chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIRST = "sections-0-lectures-0"


@pytest.fixture(autouse=True)
def _playwright_has_a_loop(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    contents = {"p.jpg": picture(), "v.mp4": mp4(75, padding=300_000), "c.vtt": VTT, "wrong.mp4": PDF}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return {name: tmp_path / name for name in contents}


def fill(page) -> None:
    page.goto("/admin/createcourse")
    page.fill("#id_title", "Knots for sailors")
    page.fill("#id_promise", "Tie every knot that holds a boat.")
    page.fill("#id_description", "From the bowline to the sheet bend, step by step.")
    page.select_option("#id_category", label="Sailing")
    page.fill("#id_price", "499.50")
    page.fill(f"#id_{FIRST}-title", "Bowline")


def box(page, name: str):
    return page.locator("[data-upload]").filter(has=page.locator(f"[id='id_{name}']"))


def wait_for(page, name: str, state: str) -> str:
    """What the person reads once the upload is in this state."""
    page.wait_for_selector(f"[data-upload][data-state={state}]:has([id='id_{name}'])", timeout=20_000)
    return box(page, name).locator("[data-upload-state]").inner_text()


def save(page) -> None:
    page.get_by_role("button", name="Save the course").click()
    page.wait_for_url("**/courses/knots-for-sailors")


def parts_put(page) -> list[str]:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if request.method == "PUT" else None)
    return addresses


@pytest.fixture
def sailing(db) -> Category:
    return Category.objects.create(name="Sailing", slug="sailing")


def check_upload(live_server, stella, files, origin: str) -> None:
    with chromium(live_server, stella) as page:
        addresses = parts_put(page)
        fill(page)
        page.set_input_files("#id_poster", files["p.jpg"])
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        page.set_input_files(f"#id_{FIRST}-captions", files["c.vtt"])
        assert wait_for(page, "poster", "done").startswith("Uploaded: p.jpg")
        wait_for(page, f"{FIRST}-video", "done")
        wait_for(page, f"{FIRST}-captions", "done")
        assert page.locator("img[alt='The chosen poster']").is_visible()
        assert len(addresses) == 3
        assert all(address.startswith(origin) for address in addresses)
        page.get_by_role("button", name="Add a lecture").click()  # and leave it empty
        page.get_by_role("button", name="Add a section").click()
        save(page)
    lecture = Lecture.objects.get()
    assert lecture.duration_seconds == 75
    assert storage.read(lecture.video_key) == files["v.mp4"].read_bytes()
    assert storage.read(lecture.captions_key) == VTT


def test_files_go_straight_into_the_folder(folder, live_server, stella, sailing, files):
    check_upload(live_server, stella, files, f"{live_server.url}/uploads/part/")


def test_files_go_straight_to_s3(bucket, s3_server, settings, live_server, stella, sailing, files):
    """The page's policy must let the browser reach the bucket."""
    policy = copy.deepcopy(settings.CONTENT_SECURITY_POLICY)
    for directive in ("connect-src", "img-src", "media-src"):
        policy["DIRECTIVES"][directive].append(s3_server)
    settings.CONTENT_SECURITY_POLICY = policy
    check_upload(live_server, stella, files, f"{s3_server}/{bucket.name}/incoming/")


def test_an_upload_goes_on_after_a_reload(folder, live_server, stella, sailing, files, monkeypatch):
    use_parts_of(50_000, monkeypatch)  # seven of them
    with chromium(live_server, stella) as page:
        addresses = parts_put(page)
        fill(page)
        allowed = iter(range(3))
        page.route(
            "**/uploads/part/*", lambda route: route.abort() if next(allowed, None) is None else route.continue_()
        )
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        page.get_by_text("The connection is interrupted").wait_for()
        page.on("dialog", lambda dialog: dialog.accept())
        fill(page)
        page.unroute("**/uploads/part/*")
        addresses.clear()
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        wait_for(page, f"{FIRST}-video", "done")
        assert len(addresses) == 4
        page.set_input_files("#id_poster", files["p.jpg"])
        wait_for(page, "poster", "done")
        save(page)
    assert storage.read(Lecture.objects.get().video_key) == files["v.mp4"].read_bytes()


def test_a_lost_part_is_sent_again(folder, live_server, stella, sailing, files):
    with chromium(live_server, stella) as page:
        addresses = parts_put(page)
        fill(page)
        lost = iter(range(1))
        page.route("**/uploads/part/*", lambda route: route.continue_() if next(lost, None) is None else route.abort())
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        wait_for(page, f"{FIRST}-video", "done")
        assert len(addresses) == 2


def test_an_upload_can_be_cancelled_and_the_form_waits_for_it(folder, live_server, stella, sailing, files):
    with chromium(live_server, stella) as page:
        fill(page)
        page.set_input_files("#id_poster", files["p.jpg"])
        wait_for(page, "poster", "done")
        page.route("**/uploads/part/*", lambda route: None)  # never answered
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        page.get_by_role("button", name="Save the course").click()
        page.get_by_text("Please wait until the files are uploaded.").wait_for()
        page.get_by_role("button", name="Cancel the upload").click()
        assert wait_for(page, f"{FIRST}-video", "idle") == "The upload was cancelled."
        page.wait_for_timeout(300)
    assert [path.name for path in (folder / "incoming").iterdir() if path.is_dir()] == []


def test_a_wrong_file_is_refused_at_once(folder, live_server, stella, sailing, files):
    with chromium(live_server, stella) as page:
        fill(page)
        page.set_input_files(f"#id_{FIRST}-video", files["wrong.mp4"])
        assert "not what its name says" in wait_for(page, f"{FIRST}-video", "failed")
        assert page.input_value(f"#id_{FIRST}-video") == ""


def test_it_works_without_javascript(folder, live_server, stella, sailing, files):
    with chromium(live_server, stella, java_script_enabled=False) as page:
        fill(page)
        page.fill("#id_promise", "   ")
        page.set_input_files("#id_poster", files["p.jpg"])
        page.set_input_files(f"#id_{FIRST}-video", files["v.mp4"])
        page.get_by_role("button", name="Save the course").click()
        page.get_by_text("Uploaded: v.mp4").wait_for()
        page.fill("#id_promise", "Tie every knot.")
        save(page)
    assert Lecture.objects.get().duration_seconds == 75


@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_fits(folder, live_server, stella, width):
    with chromium(live_server, stella, viewport={"width": width, "height": 800}) as page:
        page.goto("/admin/createcourse")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
