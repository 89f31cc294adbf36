"""The page on which one studies."""

import pytest

from courses.models import Lecture


def test_it_works(client_of, alice, course, lectures, grant):
    grant(alice, course)
    response = client_of(alice).get(lectures[1].get_absolute_url())
    assert response.status_code == 200
    assert response.context["previous_lecture"] == lectures[0]
    assert response.context["next_lecture"] == lectures[2]
    assert f"{lectures[1].get_absolute_url()}/video" in response.text
    assert "private/videos" not in response.text


def test_it_resumes_where_one_left(client_of, alice, course, lectures, grant):
    grant(alice, course)
    client = client_of(alice)
    client.post(f"{lectures[1].get_absolute_url()}/progress", {"position": 42, "ranges": "[[0,42]]"})
    response = client.get(lectures[1].get_absolute_url())
    assert response.context["position_seconds"] == 42
    assert 'data-resume="42"' in response.text


def test_progress_of_others_does_not_show(client_of, alice, bob, course, lectures, grant):
    grant(alice, course)
    grant(bob, course)
    client_of(bob).post(f"{lectures[1].get_absolute_url()}/done")
    assert client_of(alice).get(lectures[1].get_absolute_url()).context["done_ids"] == set()


def test_it_is_locked_without_a_grant(client, client_of, charlie, course, lectures):
    response = client_of(charlie).get(lectures[1].get_absolute_url())
    assert response.status_code == 403
    assert "You do not own" in response.text
    assert "<video" not in response.text
    assert client.get(lectures[1].get_absolute_url()).status_code == 403


def test_a_text_lecture_shows_its_text(client_of, alice, course, lectures, grant):
    Lecture.objects.filter(pk=lectures[1].pk).update(kind="text", video_key="", text="# Bowline\n\nThe *rabbit*.")
    grant(alice, course)
    page = client_of(alice).get(lectures[1].get_absolute_url()).text
    assert "<em>rabbit</em>" in page
    assert "<video" not in page


def test_a_lecture_belongs_to_its_course(client_of, alice, course, lectures, make_course, grant):
    other = make_course("Reading the sky")
    grant(alice, None)
    assert client_of(alice).get(f"{other.get_absolute_url()}/lectures/{lectures[0].pk}").status_code == 404


@pytest.mark.parametrize("tail", ["01a20307-c93c-7e41-bf73-678e44086313", "1", "%00", "x" * 500])
def test_it_knows_no_other_lecture(client, course, tail):
    assert client.get(f"{course.get_absolute_url()}/lectures/{tail}").status_code == 404


def test_deleting_a_section_recounts(course):
    course.sections.first().delete()
    course.refresh_from_db()
    assert (course.lecture_count, course.duration_seconds) == (2, 200)
