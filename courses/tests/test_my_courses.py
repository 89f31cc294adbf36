"""One's own lists."""

from datetime import timedelta

from django.utils import timezone

from courses.models import Course, Grant


def listed(response) -> list[str]:
    return [item["course"].title for item in response.context["page"]]


def test_it_shows_what_grants_open(client_of, alice, bob, course, make_course, grant):
    make_course("Reading the sky")
    lost = make_course("Bread at home")
    grant(alice, course)
    grant(alice, lost)
    Grant.objects.filter(course=lost).update(
        ends_at=timezone.now() - timedelta(1), starts_at=timezone.now() - timedelta(9)
    )
    assert listed(client_of(alice).get("/my/courses")) == ["Knots for sailors"]
    assert listed(client_of(bob).get("/my/courses")) == []


def test_a_course_held_twice_shows_once(client_of, alice, course, grant):
    grant(alice, course)
    Grant.objects.give(alice, course, Grant.Source.FREE, course.pk)
    assert listed(client_of(alice).get("/my/courses")) == ["Knots for sailors"]


def test_last_studied_comes_first_with_its_percentage(client_of, alice, bob, course, lectures, make_course, grant):
    grant(bob, course)
    client_of(bob).post(f"{lectures[2].get_absolute_url()}/done")
    grant(alice, make_course("Reading the sky"))
    grant(alice, course)
    client_of(alice).post(f"{lectures[1].get_absolute_url()}/done")
    page = client_of(alice).get("/my/courses").context["page"]
    assert [(item["course"].title, item["percent"]) for item in page] == [
        ("Knots for sailors", 25),
        ("Reading the sky", 0),
    ]


def test_the_whole_catalogue_lists_what_was_begun(client_of, alice, course, lectures, make_course, grant):
    make_course("Reading the sky")
    grant(alice, None)
    client_of(alice).post(f"{lectures[1].get_absolute_url()}/done")
    assert listed(client_of(alice).get("/my/courses")) == ["Knots for sailors"]


def test_it_needs_a_login(client):
    assert client.get("/my/courses").url == "/login?next=/my/courses"
    assert client.get("/my/saved").url == "/login?next=/my/saved"


def test_saved_courses_work(client_of, alice, bob, course, make_course):
    draft = make_course("Bread at home")
    for saved in (course, draft):
        client_of(alice).post(f"{saved.get_absolute_url()}/save")
    Course.objects.filter(pk=draft.pk).update(status="draft")
    response = client_of(alice).get("/my/saved")
    assert list(response.context["page"]) == [course]
    assert list(client_of(bob).get("/my/saved").context["page"]) == []
