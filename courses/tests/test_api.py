"""The catalogue in JSON."""

import io
import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from courses.models import Course


def test_courses_work(client, course):
    body = client.get("/api/v1/courses").json()
    assert (body["success"], body["page"], body["pages"], body["total"]) == (True, 1, 1, 1)
    assert body["courses"][0]["title"] == "Knots for sailors"
    assert body["courses"][0]["price_paise"] == 49900
    assert body["courses"][0]["numOfVideos"] == 4


def test_courses_are_the_published_ones_and_hold_no_lectures(client, course, make_course):
    make_course("Reading the sky", status="draft")
    body = client.get("/api/v1/courses")
    assert body.json()["total"] == 1
    assert "Lecture" not in body.text
    assert "private/" not in body.text


def test_courses_are_searched_as_on_the_page(client, course, make_course):
    make_course("Reading the sky")
    assert client.get("/api/v1/courses?keyword=sailors").json()["total"] == 1
    assert client.get("/api/v1/courses?category=nothing").json()["total"] == 0


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=99999999999999999999", "sort=password", "page=%00"])
def test_it_knows_no_other_page_or_order(client, course, query):
    response = client.get(f"/api/v1/courses?{query}")
    assert response.status_code == 404
    assert response.json()["success"] is False


def test_a_course_works_for_who_holds_a_grant(client_of, alice, course, grant):
    grant(alice, course)
    body = client_of(alice).get(f"/api/v1/course/{course.pk}").json()
    assert body["course"]["description"].startswith("From the bowline")
    assert [lecture["title"] for lecture in body["lectures"]][:2] == ["Lecture 1.1", "Lecture 1.2"]
    assert "signed" in body["lectures"][0]["video"]


def test_a_course_refuses_a_stranger_and_says_why(client_of, charlie, course):
    response = client_of(charlie).get(f"/api/v1/course/{course.pk}")
    assert response.status_code == 403
    assert response.json()["message"] == "You do not own “Knots for sailors” yet."
    assert "media" not in response.text


def test_a_course_asks_for_a_login(client, course):
    assert client.get(f"/api/v1/course/{course.pk}").status_code == 401


def test_a_draft_does_not_exist_for_others(client_of, charlie, course):
    Course.objects.update(status="draft")
    assert client_of(charlie).get(f"/api/v1/course/{course.pk}").status_code == 404


@pytest.mark.parametrize("course_id", ["01a20307-c93c-7e41-bf73-678e44086313", "1", "%00", "x" * 400])
def test_it_knows_no_other_course(client_of, alice, course_id):
    response = client_of(alice).get(f"/api/v1/course/{course_id}")
    assert response.status_code == 404
    assert response.json()["success"] is False


def test_a_page_takes_few_queries(client, course, make_course, django_assert_max_num_queries):
    for number in range(5):
        make_course(f"Knots {number}")
    with django_assert_max_num_queries(3):
        client.get("/api/v1/courses?keyword=knots")


def poster() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (640, 360), "teal").save(file, "PNG")
    return SimpleUploadedFile("poster.png", file.getvalue(), "image/png")


@pytest.fixture
def fields(course) -> dict:
    """What the predecessor sends; `course` brings the category."""
    return {"title": "Splicing rope", "description": "Eye splice and back splice, slowly.", "category": "Sailing"}


def test_creating_a_course_works(client, client_of, stella, fields, caplog):
    caplog.set_level(logging.INFO, "coursebundler.events")
    response = client_of(stella).post("/api/v1/createcourse", fields | {"file": poster()})
    assert response.status_code == 201
    course = Course.objects.get(title="Splicing rope")
    assert response.json()["course"]["id"] == str(course.pk)
    assert (course.status, course.instructor, course.price_paise) == ("draft", stella, 0)
    assert "course_created" in caplog.messages
    assert client.get(response.json()["course"]["poster"]).status_code == 200


def test_creating_a_course_needs_permission(client, client_of, alice, fields):
    assert client.post("/api/v1/createcourse", fields | {"file": poster()}).status_code == 401
    assert client_of(alice).post("/api/v1/createcourse", fields | {"file": poster()}).status_code == 403
    assert not Course.objects.filter(title="Splicing rope").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "abc"),
        ("title", "x" * 81),
        ("title", "with\x00nul"),
        ("description", "too short"),
        ("category", "Nothing"),
        ("createdBy", "nobody@example.org"),
        ("price", "-1"),
        ("price", "1.234"),
        ("price", "NaN"),
        ("status", "secret"),
        ("level", "wizard"),
        ("file", "not a file"),
        ("file", SimpleUploadedFile("poster.png", b"MZ not an image", "image/png")),
    ],
)
def test_creating_a_course_names_the_wrong_field(client_of, stella, fields, field, value):
    response = client_of(stella).post("/api/v1/createcourse", fields | {"file": poster()} | {field: value})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert Course.objects.count() == 1
