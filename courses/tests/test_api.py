"""The catalogue in JSON."""

import uuid

import pytest

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


@pytest.mark.parametrize("course_id", [uuid.uuid4(), "1", "%00", "x" * 400])
def test_it_knows_no_other_course(client_of, alice, course_id):
    response = client_of(alice).get(f"/api/v1/course/{course_id}")
    assert response.status_code == 404
    assert response.json()["success"] is False


def test_a_page_takes_few_queries(client, course, make_course, django_assert_max_num_queries):
    for number in range(5):
        make_course(f"Knots {number}")
    with django_assert_max_num_queries(3):
        client.get("/api/v1/courses?keyword=knots")
