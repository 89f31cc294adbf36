"""The page of one course, for visitors, students and owners; saving it and taking it when it is free."""

from datetime import timedelta

import pytest
from django.utils import timezone

from courses.models import Course, Grant, Saved


def test_it_works(client, course):
    response = client.get(course.get_absolute_url())
    assert response.status_code == 200
    for text in ("Knots for sailors", "Tie every knot", "Lecture 2.2", "₹499", "Ida"):
        assert text in response.text
    assert f"/checkout/courses/{course.slug}" in response.text


def test_an_owner_sees_where_to_go_on(client_of, alice, course, lectures, grant):
    grant(alice, course)
    client = client_of(alice)
    client.post(f"{lectures[0].get_absolute_url()}/done")
    response = client.get(course.get_absolute_url())
    assert response.context["resume_lecture"] == lectures[1]
    assert response.context["progress"] == {"done": 1, "total": 4, "percent": 25}
    assert f'/checkout/courses/{course.slug}"' not in response.text  # buying it for others is another address


def test_resume_goes_to_the_lecture_begun(client_of, alice, course, lectures, grant):
    grant(alice, course)
    client = client_of(alice)
    client.post(f"{lectures[2].get_absolute_url()}/progress", {"position": 5, "ranges": "[[0,5]]"})
    assert client.get(f"{course.get_absolute_url()}/resume").url == lectures[2].get_absolute_url()


def test_resume_without_a_grant_goes_to_the_course(client_of, charlie, course):
    assert client_of(charlie).get(f"{course.get_absolute_url()}/resume").url == course.get_absolute_url()


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_it_hides_what_is_not_published(client, client_of, charlie, course, status):
    Course.objects.update(status=status)
    assert client.get(course.get_absolute_url()).status_code == 404
    assert client_of(charlie).get(course.get_absolute_url()).status_code == 404


@pytest.mark.parametrize("path", ["/courses/nothing", "/courses/%00", "/courses/a%20b", "/courses/" + "x" * 3000])
def test_it_knows_no_other_course(client, course, path):
    assert client.get(path).status_code == 404


def test_markdown_is_harmless(client, make_course):
    course = make_course(description="Hello <script>alert(1)</script> [x](javascript:alert(1)) **bold** text")
    page = client.get(course.get_absolute_url()).text
    assert "<strong>bold</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_saving_repeats_and_undoes(client_of, alice, course):
    client = client_of(alice)
    for _ in range(2):
        assert client.post(f"{course.get_absolute_url()}/save").status_code == 302
    assert Saved.objects.filter(user=alice, course=course).count() == 1
    client.post(f"{course.get_absolute_url()}/save", {"saved": "no"})
    assert not Saved.objects.exists()


def test_unsaving_leaves_what_others_saved(client_of, alice, bob, course):
    client_of(bob).post(f"{course.get_absolute_url()}/save")
    client_of(alice).post(f"{course.get_absolute_url()}/save", {"saved": "no"})
    assert Saved.objects.filter(user=bob).exists()


def test_saving_by_htmx_swaps_the_button(client_of, alice, course):
    response = client_of(alice).post(f"{course.get_absolute_url()}/save", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "<html" not in response.text


@pytest.mark.parametrize("verb", ["save", "enrol"])
def test_changes_are_posts_of_people_who_are_logged_in(client, client_of, alice, course, verb):
    assert client_of(alice).get(f"{course.get_absolute_url()}/{verb}").status_code == 405
    assert client.post(f"{course.get_absolute_url()}/{verb}").url.startswith("/login")
    assert not Saved.objects.exists()


def test_a_free_course_is_taken_once(client_of, alice, make_course):
    course = make_course(price_paise=0)
    for _ in range(2):
        assert client_of(alice).post(f"{course.get_absolute_url()}/enrol").status_code == 302
    assert Grant.objects.get().source_kind == Grant.Source.FREE


def test_a_priced_course_is_not_given_away(client_of, alice, course):
    client_of(alice).post(f"{course.get_absolute_url()}/enrol")
    assert not Grant.objects.exists()


def test_a_draft_is_not_given_away(client_of, alice, make_course):
    course = make_course(price_paise=0, status="draft")
    assert client_of(alice).post(f"{course.get_absolute_url()}/enrol").status_code == 404
    assert not Grant.objects.exists()


def test_the_predecessor_s_address_leads_here(client, course):
    assert client.get(f"/course/{course.pk}").url == course.get_absolute_url()
    Course.objects.update(status="draft")
    assert client.get(f"/course/{course.pk}").status_code == 404


def test_a_subscriber_may_buy_it_to_keep(client_of, alice, course):
    buy = f'href="/checkout/courses/{course.slug}"'
    Grant.objects.give(alice, None, Grant.Source.SUBSCRIPTION, alice.pk, ends_at=timezone.now() + timedelta(days=9))
    assert buy in client_of(alice).get(course.get_absolute_url()).text
    Grant.objects.give(alice, course, Grant.Source.ORDER_LINE, course.pk)
    assert buy not in client_of(alice).get(course.get_absolute_url()).text
