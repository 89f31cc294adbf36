"""The admin's own forms of courses and lectures take files too."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from courses import storage, uploads
from courses.models import Course, Lecture, Section
from courses.tests.conftest import PDF, VTT, WEBM, mp4, picture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.detail]
NO_SECTIONS = {"sections-TOTAL_FORMS": 0, "sections-INITIAL_FORMS": 0}


@pytest.fixture
def client(client_of, stella):
    return client_of(stella)


@pytest.fixture
def section(make_course) -> Section:
    return make_course(sections=1, lectures=0).sections.get()


def course_fields(course: Course) -> dict:
    names = ("title", "slug", "promise", "description", "outcomes", "level", "price_paise", "status")
    ids = {"category": course.category_id, "instructor": course.instructor_id}
    return {name: getattr(course, name) for name in names} | ids | NO_SECTIONS


def lecture_fields(section: Section, **changes) -> dict:
    return {
        "section": section.pk,
        "title": "Bowline",
        "position": 0,
        "kind": "video",
        "duration_seconds": 0,
        "text": "",
    } | changes


def test_a_course_gets_a_poster(folder, client, make_course):
    course = make_course(sections=0)
    url = f"/admin/courses/course/{course.pk}/change/"
    poster = SimpleUploadedFile("p.jpg", picture(), "image/jpeg")
    assert client.post(url, course_fields(course) | {"poster": poster}).status_code == 302
    course.refresh_from_db()
    first = course.poster_key
    assert storage.size_and_type(f"{first}-320.webp")
    assert list((folder / "incoming").iterdir()) == []

    poster = SimpleUploadedFile("p.png", picture(form="PNG"), "image/png")
    client.post(url, course_fields(course) | {"poster": poster})
    course.refresh_from_db()
    assert course.poster_key != first
    with pytest.raises(FileNotFoundError):
        storage.size_and_type(f"{first}-320.webp")

    client.post(url, course_fields(course) | {"title": "Another title"})
    assert Course.objects.get().poster_key == course.poster_key


def test_a_course_refuses_a_wrong_poster(folder, client, make_course):
    course = make_course(sections=0)
    poster = SimpleUploadedFile("p.jpg", PDF, "image/jpeg")
    answer = client.post(f"/admin/courses/course/{course.pk}/change/", course_fields(course) | {"poster": poster})
    assert answer.status_code == 200
    assert "not what its name says" in answer.text
    assert Course.objects.get().poster_key == ""


def test_a_lecture_gets_its_files(folder, client, section):
    files = {
        "video": SimpleUploadedFile("v.mp4", mp4(75), "video/mp4"),
        "captions": SimpleUploadedFile("c.vtt", VTT, "text/vtt"),
        "file": SimpleUploadedFile("f.pdf", PDF, "application/pdf"),
    }
    answer = client.post("/admin/courses/lecture/add/", lecture_fields(section) | files)
    assert answer.status_code == 302
    lecture = Lecture.objects.get()
    assert lecture.duration_seconds == 75
    assert [storage.read(key) for key in (lecture.video_key, lecture.captions_key, lecture.file_key)] == [
        mp4(75),
        VTT,
        PDF,
    ]


def test_a_lecture_takes_a_file_sent_before(folder, client, browser, section):
    token = browser.upload("video", "v.webm", WEBM)
    fields = lecture_fields(section, duration_seconds=30)
    assert client.post("/admin/courses/lecture/add/", fields | {"video-token": token}).status_code == 302
    lecture = Lecture.objects.get()
    assert (storage.read(lecture.video_key), lecture.duration_seconds) == (WEBM, 30)


def test_a_file_that_another_lecture_uses_is_not_deleted(folder, client, section):
    video = SimpleUploadedFile("v.mp4", mp4(), "video/mp4")
    client.post("/admin/courses/lecture/add/", lecture_fields(section) | {"video": video})
    first = Lecture.objects.get()
    copy = Lecture.objects.create(section=section, title="Copy", video_key=first.video_key)
    for lecture, is_left in ((copy, True), (first, False)):
        video = SimpleUploadedFile("v.mp4", mp4(5), "video/mp4")
        fields = lecture_fields(section) | {"video": video}
        assert client.post(f"/admin/courses/lecture/{lecture.pk}/change/", fields).status_code == 302
        assert (folder / first.video_key).exists() is is_left


def test_it_refuses_another_persons_upload(folder, client, browser_of, make_user, section):
    other = make_user("Olga", is_staff=True, is_superuser=True)
    token = browser_of(other).upload("video", "v.mp4", mp4())
    answer = client.post("/admin/courses/lecture/add/", lecture_fields(section) | {"video-token": token})
    assert answer.status_code == 200
    assert "not known" in answer.text
    assert not Lecture.objects.exists()
    assert storage.size_and_type(uploads.described(token).key)


def test_the_form_shows_file_inputs(folder, client):
    page = client.get("/admin/courses/lecture/add/").text
    assert page.count('type="file"') == 3
    assert "js/upload.js" in page
