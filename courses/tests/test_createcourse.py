"""/admin/createcourse: staff make a course with its files (sequence diagram 2 of the infrastructure design)."""

import logging
import threading
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.test import Client

from coursebundler import images
from courses import creation, storage, uploads
from courses.access import explain_access
from courses.creation import create_course
from courses.forms import CourseApiForm, CourseForm
from courses.models import Category, Course, Grant, Lecture, Section
from courses.tests.conftest import PDF, VTT, WEBM, mp4, picture

# Many files and uploads: left out of the default loop.
pytestmark = [pytest.mark.django_db, pytest.mark.slow]
URL = "/admin/createcourse"


@pytest.fixture
def category(db) -> Category:
    return Category.objects.create(name="Sailing", slug="sailing")


@pytest.fixture
def instructor(ida) -> object:
    """Ida, who may create courses of her own."""
    ida.user_permissions.add(Permission.objects.get(codename="add_course"))
    return ida


@pytest.fixture
def fields(category) -> dict:
    """A filled form without files; sections and lectures are added by the tests."""
    no_sections = {"sections-TOTAL_FORMS": 0, "sections-INITIAL_FORMS": 0}
    return no_sections | {
        "title": "Knots for sailors",
        "promise": "Tie every knot that holds a boat.",
        "description": "From the bowline to the sheet bend, step by step.",
        "category": str(category.pk),
        "level": "beginner",
        "price": "499.50",
        "status": "draft",
    }


def sections(*lectures_of: list[dict], titles: tuple[str, ...] = ("Basics", "More", "Last")) -> dict:
    """The part of the form that holds the curriculum."""
    data = {"sections-TOTAL_FORMS": len(lectures_of), "sections-INITIAL_FORMS": 0}
    for s, lectures in enumerate(lectures_of):
        data |= {
            f"sections-{s}-title": titles[s],
            f"sections-{s}-lectures-TOTAL_FORMS": len(lectures),
            f"sections-{s}-lectures-INITIAL_FORMS": 0,
        }
        for n, lecture in enumerate(lectures):
            data |= {f"sections-{s}-lectures-{n}-{name}": value for name, value in lecture.items()}
    return data


def poster_file(
    data: bytes | None = None, name: str = "poster.jpg", content_type: str = "image/jpeg"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if data is None else data, content_type)


def video_file(data: bytes | None = None, name: str = "v.mp4", content_type: str = "video/mp4") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, mp4() if data is None else data, content_type)


def stored(folder) -> list[str]:
    """Every file in the media folder but what waits in incoming/."""
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in files if not name.startswith("incoming/"))


def errors(answer) -> dict:
    assert answer.status_code == 200
    return answer.context["form"].errors


def lecture_errors(answer, section: int = 0, lecture: int = 0) -> dict:
    assert answer.status_code == 200
    return answer.context["form"].sections[section].lectures[lecture].errors


# --- It works ---


def test_it_works_without_javascript(media, client_of, stella, fields, caplog):
    """One form with everything in it: section, lectures, files."""
    caplog.set_level(logging.INFO, "coursebundler.events")
    captions = SimpleUploadedFile("c.vtt", VTT, "text/vtt")
    curriculum = sections(
        [
            {"title": "Bowline", "video": video_file(mp4(90)), "captions": captions, "is_preview": "on"},
            {"title": "Sheet bend", "video": video_file(mp4(30))},
            {"title": "", "length": ""},
        ]
    )
    answer = client_of(stella).post(URL, fields | {"poster": poster_file()} | curriculum, follow=True)
    course = Course.objects.get()
    assert answer.redirect_chain == [("/courses/knots-for-sailors", 302)]
    assert "“Knots for sailors” was created." in answer.text
    assert (course.price_paise, course.currency, course.status) == (49950, "INR", "draft")
    assert course.instructor == stella
    assert course.lecture_count == 2
    assert course.duration_seconds == 120
    assert storage.read(f"{course.poster_key}-640.webp")[8:12] == b"WEBP"
    first, second = Lecture.objects.in_course_order()
    assert (first.title, first.duration_seconds, first.is_preview) == ("Bowline", 90, True)
    assert (second.title, second.duration_seconds, second.is_preview) == ("Sheet bend", 30, False)
    assert first.section.title == "Basics"
    assert storage.read(first.video_key) == mp4(90)
    assert storage.size_and_type(first.video_key)[1] == "video/mp4"
    assert storage.read(first.captions_key) == VTT
    (record,) = [record for record in caplog.records if record.message == "course_created"]
    assert record.fields == {"course": str(course.pk), "creator": str(stella.pk), "instructor": str(stella.pk)}


def test_it_works_with_files_sent_before(media, client_of, browser, stella, fields):
    """What static/js/upload.js does: the form carries tokens."""
    data = fields | {"poster-token": browser.upload("poster", "p.png", picture(form="PNG"))}
    data |= sections(
        [{"title": "Bowline", "video-token": browser.upload("video", "v.mp4", mp4(90))}],
        [{"title": "Hitch", "video-token": browser.upload("video", "v.webm", WEBM), "length": "1:02:30"}],
    )
    answer = client_of(stella).post(URL, data)
    assert answer.status_code == 302
    first, second = Lecture.objects.in_course_order()
    assert [first.section.title, second.section.title] == ["Basics", "More"]
    assert (first.duration_seconds, second.duration_seconds) == (90, 3750)
    assert second.video_key.endswith(".webm")


def test_nothing_is_left_in_incoming(folder, client_of, browser, stella, fields):
    data = fields | {"poster-token": browser.upload("poster", "p.jpg", picture())}
    client_of(stella).post(URL, data | sections([{"title": "Bowline", "video": video_file()}]))
    assert Course.objects.exists()
    assert list((folder / "incoming").iterdir()) == []


def test_the_page_shows_the_form(folder, client_of, stella):
    page = client_of(stella).get(URL)
    assert page.status_code == 200
    assert page.text.count('name="sections-0-lectures-4-title"') == 1
    assert 'src="/static/js/upload.js"' in page.text
    assert "blob:" in page["Content-Security-Policy"]


def test_a_course_may_be_published_at_once(folder, client_of, stella, fields):
    data = fields | {"status": "published", "poster": poster_file()}
    client_of(stella).post(URL, data | sections([{"title": "Bowline", "video": video_file()}]))
    assert Course.objects.get().published_at


def test_whoever_teaches_may_watch(folder, client_of, stella, ida, fields):
    data = fields | {"poster": poster_file(), "instructor_email": "Ida@example.org"}
    client_of(stella).post(URL, data | sections([{"title": "Bowline", "video": video_file()}]))
    course = Course.objects.get()
    assert course.instructor == ida
    assert {(grant.user, grant.source_id) for grant in Grant.objects.filter(source_kind=Grant.Source.TEACHING)} == {
        (stella, course.pk),
        (ida, course.pk),
    }
    assert explain_access(ida, course).is_allowed


def test_the_number_of_the_length_is_not_believed_where_the_video_says(folder, client_of, stella, fields):
    curriculum = sections([{"title": "Bowline", "video": video_file(mp4(90)), "length": "99:59"}])
    client_of(stella).post(URL, fields | {"poster": poster_file()} | curriculum)
    assert Lecture.objects.get().duration_seconds == 90


# --- Who ---


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_requires_a_login(client, method):
    answer = getattr(client, method)(URL)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=/admin/createcourse")


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_requires_the_permission(client_of, alice, fields, folder, method):
    assert getattr(client_of(alice), method)(URL, fields).status_code == 403
    assert not Course.objects.exists()


def test_it_requires_our_own_page(stella, fields):
    client = Client(enforce_csrf_checks=True)
    client.force_login(stella, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(URL, fields).status_code == 403


def test_an_instructor_creates_courses_of_their_own(folder, client_of, instructor, fields):
    assert client_of(instructor).post(URL, fields | {"poster": poster_file()}).status_code == 302
    assert Course.objects.get().instructor == instructor


def test_an_instructor_creates_none_for_others(folder, client_of, instructor, bob, fields):
    answer = client_of(instructor).post(URL, fields | {"poster": poster_file(), "instructor_email": bob.email})
    assert errors(answer) == {"instructor_email": ["You may create courses of your own only."]}
    assert not Course.objects.exists()


@pytest.mark.parametrize("email", ["nobody@example.org", "gone@example.org", "not an address", "a\0b@example.org"])
def test_it_refuses_an_instructor_without_an_account(folder, client_of, stella, make_user, fields, email):
    make_user("Gone", is_active=False)
    answer = client_of(stella).post(URL, fields | {"poster": poster_file(), "instructor_email": email})
    assert "instructor_email" in errors(answer)


# --- What is typed ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "Abc"),
        ("title", "x" * 81),
        ("title", "Kno\0ts"),
        ("promise", ""),
        ("promise", "x" * 161),
        ("description", "too short"),
        ("category", ""),
        ("category", "sailing"),
        ("category", "01a20307-c93c-7e41-bf73-678e44086313"),
        ("category", "\0"),
        ("level", "expert"),
        ("status", "archived"),
        ("status", "sold"),
        ("price", ""),
        ("price", "-1"),
        ("price", "0.50"),
        ("price", "499.999"),
        ("price", "free"),
        ("price", "NaN"),
        ("price", "Infinity"),
        ("price", "1000000.01"),
        ("price", "9" * 400),
        ("new_id", "x"),
    ],
)
def test_it_refuses_a_wrong_field(folder, client_of, stella, fields, field, value):
    answer = client_of(stella).post(URL, fields | {"poster": poster_file(), field: value})
    assert list(errors(answer)) == [field]
    assert not Course.objects.exists()
    assert stored(folder) == []


@pytest.mark.parametrize(
    ("price", "paise"), [("0", 0), ("1", 100), ("19.99", 1999), ("499.50", 49950), ("1000000", 100_000_000)]
)
def test_the_price_is_exact(folder, client_of, stella, fields, price, paise):
    client_of(stella).post(URL, fields | {"poster": poster_file(), "price": price})
    assert Course.objects.get().price_paise == paise


def test_it_requires_a_poster(folder, client_of, stella, fields):
    assert list(errors(client_of(stella).post(URL, fields))) == ["poster"]


@pytest.mark.parametrize(
    "file",
    [
        poster_file(b"MZ" + bytes(100)),
        poster_file(picture(), "poster.exe"),
        poster_file(picture(), "poster.jpg", "text/html"),
        poster_file(b""),
        poster_file(picture(form="PNG"), "poster.jpg"),
    ],
)
def test_it_refuses_a_wrong_poster(folder, client_of, stella, fields, file):
    assert list(errors(client_of(stella).post(URL, fields | {"poster": file}))) == ["poster"]
    assert stored(folder) == []


def test_it_refuses_a_damaged_poster_and_keeps_nothing(folder, client_of, stella, fields):
    """It begins like a picture; only decoding shows that it is none."""
    data = (
        fields
        | {"poster": poster_file(picture((300, 200))[:300])}
        | sections([{"title": "Bowline", "video": video_file()}])
    )
    assert list(errors(client_of(stella).post(URL, data))) == ["poster"]
    assert not Course.objects.exists()
    assert stored(folder) == []


def test_it_refuses_a_poster_that_is_too_large(folder, client_of, stella, fields):
    file = poster_file(picture() + bytes(images.MAX_BYTES))
    (message,) = errors(client_of(stella).post(URL, fields | {"poster": file}))["poster"]
    assert "the limit is 10.0" in message


def test_a_published_course_needs_a_lecture(folder, client_of, stella, fields):
    data = fields | {"poster": poster_file(), "status": "published"} | sections([{"title": ""}])
    assert list(errors(client_of(stella).post(URL, data))) == ["status"]


@pytest.mark.parametrize(
    ("lecture", "field"),
    [
        ({"title": "", "video": video_file}, "title"),
        ({"title": "x" * 81, "video": video_file}, "title"),
        ({"title": "Bowline"}, "video"),
        ({"title": "Bowline", "video": lambda: video_file(PDF)}, "video"),
        ({"title": "Bowline", "video": lambda: video_file(WEBM, "v.webm", "video/webm")}, "length"),
        ({"title": "Bowline", "video": lambda: video_file(mp4()[:-100])}, "length"),
        ({"title": "Bowline", "video": video_file, "length": "soon"}, "length"),
        ({"title": "Bowline", "video": video_file, "length": "12:75"}, "length"),
        ({"title": "Bowline", "video": video_file, "length": "²:30"}, "length"),
        ({"title": "Bowline", "video": video_file, "captions": lambda: video_file(PDF, "c.vtt", "")}, "captions"),
        ({"title": "Bowline", "video-token": "x"}, "video"),
        ({"title": "Bowline", "video-token": "\0"}, "video"),
    ],
)
def test_it_refuses_a_wrong_lecture(folder, client_of, stella, fields, lecture, field):
    lecture = {name: value() if callable(value) else value for name, value in lecture.items()}
    answer = client_of(stella).post(URL, fields | {"poster": poster_file()} | sections([lecture]))
    assert list(lecture_errors(answer)) == [field]
    assert not Course.objects.exists()
    assert stored(folder) == []


@pytest.mark.parametrize(
    "change",
    [
        {"sections-TOTAL_FORMS": "x"},
        {"sections-TOTAL_FORMS": "100000"},
        {"sections-INITIAL_FORMS": ""},
        {"sections-0-lectures-TOTAL_FORMS": ""},
        {"sections-0-lectures-TOTAL_FORMS": "100000"},
        {"sections-0-title": ""},
        {"sections-0-title": "x" * 81},
    ],
)
def test_it_refuses_a_broken_curriculum(folder, client_of, stella, fields, change):
    curriculum = sections([{"title": "Bowline", "video": video_file()}]) | change
    answer = client_of(stella).post(URL, fields | {"poster": poster_file()} | curriculum)
    assert answer.status_code == 200
    assert not Course.objects.exists()
    assert stored(folder) == []


def test_files_need_not_be_sent_again(folder, client_of, stella, fields):
    """Another field was wrong: the page comes back with tokens in place of the files, and they are accepted."""
    curriculum = sections([{"title": "Bowline", "video": video_file()}])
    client = client_of(stella)
    answer = client.post(URL, fields | {"poster": poster_file(), "price": "x"} | curriculum)
    form = answer.context["form"]
    poster = form["poster"].value()
    video = form.sections[0].lectures[0]["video"].value()
    assert f'name="poster-token" value="{poster}"' in answer.text
    assert "Uploaded: v.mp4" in answer.text
    again = fields | {"poster-token": poster} | sections([{"title": "Bowline", "video-token": video}])
    assert client.post(URL, again).status_code == 302
    assert storage.read(Lecture.objects.get().video_key) == mp4()


def test_a_wrong_file_is_not_offered_again(folder, client_of, stella, fields):
    answer = client_of(stella).post(URL, fields | {"poster-token": "x"})
    assert 'name="poster-token" value=""' in answer.text


# --- Tokens ---


def test_it_refuses_another_persons_upload(folder, client_of, browser_of, stella, make_user, fields):
    other = make_user("Olga", is_staff=True, is_superuser=True)
    token = browser_of(other).upload("poster", "p.jpg", picture())
    assert list(errors(client_of(stella).post(URL, fields | {"poster-token": token}))) == ["poster"]


def test_it_refuses_an_upload_of_another_kind(folder, client_of, browser, stella, fields):
    token = browser.upload("file", "f.pdf", PDF)
    answer = client_of(stella).post(
        URL, fields | {"poster": poster_file()} | sections([{"title": "Bowline", "video-token": token}])
    )
    assert list(lecture_errors(answer)) == ["video"]


def test_it_refuses_an_expired_upload(folder, client_of, browser, stella, fields, monkeypatch):
    token = browser.upload("poster", "p.jpg", picture())
    monkeypatch.setattr(uploads, "TOKEN_SECONDS", -1)
    (message,) = errors(client_of(stella).post(URL, fields | {"poster-token": token}))["poster"]
    assert "more than a day old" in message


def test_an_upload_that_vanished_is_an_error_at_its_field(media, client_of, browser, stella, fields):
    poster = browser.upload("poster", "p.jpg", picture())
    token = browser.upload("video", "v.mp4", mp4())
    storage.delete(uploads.described(token).key)
    data = fields | {"poster-token": poster} | sections([{"title": "Bowline", "video-token": token}])
    answer = client_of(stella).post(URL, data)
    assert lecture_errors(answer) == {"video": ["This file is no longer there. Please choose it again."]}
    assert not Course.objects.exists()


def test_an_upload_that_vanishes_while_saving_leaves_nothing(folder, client_of, browser, stella, fields, monkeypatch):
    """Between the form's check and the move to its place: the poster and the first video are already moved."""
    poster = browser.upload("poster", "p.jpg", picture())
    first, second = browser.upload("video", "1.mp4", mp4()), browser.upload("video", "2.mp4", mp4())
    real_copy = storage.copy

    def copy(key: str, new_key: str) -> None:
        real_copy(key, new_key)
        storage.delete(uploads.described(second).key)

    monkeypatch.setattr(storage, "copy", copy)
    lectures = [{"title": "Bowline", "video-token": first}, {"title": "Hitch", "video-token": second}]
    data = fields | {"poster-token": poster} | sections(lectures)
    answer = client_of(stella).post(URL, data)
    assert lecture_errors(answer, lecture=1) == {"video": ["This file is no longer there. Please choose it again."]}
    assert not Course.objects.exists()
    assert stored(folder) == []
    monkeypatch.undo()
    data |= {"sections-0-lectures-1-video-token": browser.upload("video", "2.mp4", mp4())}
    assert client_of(stella).post(URL, data).status_code == 302  # the others are still there


def test_a_store_that_fails_is_an_error_at_the_field(folder, client_of, browser, stella, fields, monkeypatch):
    token = browser.upload("video", "v.mp4", mp4())

    def copy(key: str, new_key: str) -> None:
        raise storage.MediaUnavailable

    monkeypatch.setattr(storage, "copy", copy)
    data = fields | {"poster": poster_file()} | sections([{"title": "Bowline", "video-token": token}])
    answer = client_of(stella).post(URL, data)
    assert lecture_errors(answer) == {"video": ["The file store does not answer. Please try again in a moment."]}
    assert f'value="{token}"' in answer.text
    assert not Course.objects.exists()
    assert stored(folder) == []


# --- All or nothing ---


@pytest.mark.django_db(transaction=True)
def test_it_leaves_no_rows_and_no_files_when_the_database_fails(folder, client_of, stella, fields, monkeypatch):
    def give(*args, **kwargs):
        raise RuntimeError("the database went away")

    monkeypatch.setattr(type(Grant.objects.all()), "give", give)
    client = client_of(stella)
    client.raise_request_exception = False
    data = fields | {"poster": poster_file()} | sections([{"title": "Bowline", "video": video_file()}])
    assert client.post(URL, data).status_code == 500
    assert not Course.objects.exists()
    assert not Section.objects.exists()
    assert not Lecture.objects.exists()
    assert stored(folder) == []


# --- The address ---


def test_equal_titles_get_different_addresses(folder, client_of, stella, fields):
    for _ in range(3):
        client_of(stella).post(URL, fields | {"poster": poster_file()})
    assert sorted(Course.objects.values_list("slug", flat=True)) == [
        "knots-for-sailors",
        "knots-for-sailors-2",
        "knots-for-sailors-3",
    ]


@pytest.mark.parametrize(
    ("title", "slug"), [("Knöten & Schnüre", "knoten-schnure"), ("नमस्ते दुनिया", "course"), ("x" * 80, "x" * 70)]
)
def test_every_title_has_an_address(folder, client_of, stella, fields, title, slug):
    client_of(stella).post(URL, fields | {"poster": poster_file(), "title": title})
    assert Course.objects.get().slug == slug


@pytest.mark.django_db(transaction=True)
def test_an_address_taken_meanwhile_is_not_taken_twice(folder, client_of, stella, fields, make_course, monkeypatch):
    """Another process saves the same slug between our look and our insert."""
    real, calls = creation._free_slug, []

    def free_slug(title: str) -> str:
        slug = real(title)
        if not calls:
            make_course("Knots for sailors", instructor=stella, category=Category.objects.get())
        calls.append(slug)
        return slug

    monkeypatch.setattr(creation, "_free_slug", free_slug)
    client_of(stella).post(URL, fields | {"poster": poster_file()})
    assert calls == ["knots-for-sailors", "knots-for-sailors-2"]
    assert Course.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_it_does_not_try_for_ever(folder, client_of, stella, fields, make_course, monkeypatch):
    make_course("Knots for sailors", instructor=stella)
    monkeypatch.setattr(creation, "_free_slug", lambda title: "knots-for-sailors")
    with pytest.raises(IntegrityError):
        client_of(stella).post(URL, fields | {"poster": poster_file()})
    assert Course.objects.count() == 1
    assert stored(folder) == []


# --- A double click ---


def test_sending_the_same_form_twice_makes_one_course(folder, client_of, stella, fields):
    client = client_of(stella)
    new_id = client.get(URL).context["form"]["new_id"].value()
    data = fields | {"new_id": str(new_id)}
    first = client.post(URL, data | {"poster": poster_file()})
    second = client.post(URL, data | {"poster": poster_file()})
    assert first["Location"] == second["Location"] == "/courses/knots-for-sailors"
    assert str(Course.objects.get().pk) == new_id


def test_it_refuses_the_id_of_another_persons_course(folder, client_of, instructor, fields, make_course, bob):
    theirs = make_course("Secret plans", instructor=bob, status="draft", category=Category.objects.get())
    answer = client_of(instructor).post(URL, fields | {"new_id": str(theirs.pk), "poster": poster_file()})
    assert list(errors(answer)) == ["new_id"]
    theirs.refresh_from_db()
    assert theirs.title == "Secret plans"
    assert Course.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_course(folder, client_of, stella, fields, monkeypatch):
    data = fields | {"new_id": str(uuid.uuid4())}
    barrier, locations = threading.Barrier(2, timeout=10), []
    real = creation._saved

    def saved(*args):
        barrier.wait()  # both have found that there is no such course yet
        return real(*args)

    def post() -> None:
        locations.append(client_of(stella).post(URL, data | {"poster": poster_file()})["Location"])
        connection.close()

    monkeypatch.setattr(creation, "_saved", saved)
    threads = [threading.Thread(target=post) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert locations == ["/courses/knots-for-sailors"] * 2
    assert Course.objects.count() == 1
    assert len(stored(folder)) == len(images.POSTER_WIDTHS)


# --- For the API ---


def api_form(user, category: str = "Sailing", **changes) -> CourseForm:
    data = {"title": "Knots for sailors", "description": "From the bowline to the sheet bend.\nStep by step."}
    return CourseApiForm(data | {"category": category} | changes, {"poster": poster_file()}, user=user)


@pytest.mark.parametrize("category_text", ["Sailing", "sailing"])
def test_the_api_needs_only_what_the_predecessor_sends(folder, stella, category, category_text):
    form = api_form(stella, category_text)
    assert form.is_valid(), form.errors
    course = create_course(stella, form)
    assert (course.category, course.price_paise, course.status, course.level) == (category, 0, "draft", "beginner")
    assert course.promise == "From the bowline to the sheet bend."
    assert course.instructor == stella
    assert course.poster_key


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "Flying"},
        {"category": ""},
        {"title": ""},
        {"description": "short"},
        {"status": "sold"},
        {"price": "-1"},
    ],
)
def test_the_api_refuses_wrong_fields(folder, stella, category, changes):
    form = api_form(stella, **changes)
    assert not form.is_valid()
    assert list(form.errors) == list(changes)


def test_empty_optional_fields_of_the_api_are_as_good_as_none(folder, stella, category):
    form = api_form(stella, level="", status="", price="", promise="")
    assert form.is_valid(), form.errors
    assert create_course(stella, form).status == "draft"
