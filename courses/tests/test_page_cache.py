"""Anonymous catalogue pages: one query, ETag and 304, fresh after every change."""

import pytest
from django.http import HttpResponse

from courses.models import CatalogueRevision, Category, Course, Lecture, Section
from courses.page_cache import cached_for_anonymous


def etag(client, url: str) -> str:
    return client.get(url)["ETag"]


@pytest.mark.parametrize("url", ["/", "/courses", "/courses/knots-for-sailors"])
def test_the_second_visit_takes_one_query(client, course, url, django_assert_num_queries):
    first = client.get(url)
    with django_assert_num_queries(1):
        second = client.get(url)
    assert second.content == first.content
    assert not second.cookies
    assert "csrf" not in second.text


@pytest.mark.parametrize("url", ["/", "/courses", "/courses/knots-for-sailors"])
def test_an_unchanged_page_is_304(client, course, url):
    assert client.get(url, headers={"If-None-Match": etag(client, url)}).status_code == 304
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda: Course.objects.get().delete(),
        lambda: Course.objects.update(title="Bends"),
        lambda: Course.objects.get().save(),
        lambda: Category.objects.get().save(),
        lambda: Section.objects.first().delete(),
        lambda: Section.objects.update(title="Bends"),
        lambda: Lecture.objects.update(title="Bends"),
        lambda: Lecture.objects.first().delete(),
        lambda: Lecture.objects.all().delete(),
        lambda: Category.objects.bulk_create([Category(name="Bends", slug="bends")]),
    ],
)
def test_every_change_makes_pages_fresh(course, change):
    before = CatalogueRevision.current()
    change()
    assert CatalogueRevision.current() > before


def test_a_change_shows_at_once(client, course):
    stale = etag(client, "/courses")
    course.title = "Bends and hitches"
    course.save()
    response = client.get("/courses", headers={"If-None-Match": stale})
    assert response.status_code == 200
    assert "Bends and hitches" in response.text


def test_a_student_never_gets_the_anonymous_page(client, client_of, alice, course):
    client.get("/courses")
    response = client_of(alice).get("/courses")
    assert "ETag" not in response
    assert "Log out" in response.text
    assert "Cookie" in response["Vary"]


def test_a_student_s_page_is_not_kept(client, client_of, alice, course):
    client_of(alice).get("/courses")
    assert "Log out" not in client.get("/courses").text


@pytest.mark.parametrize("url", ["/", "/courses"])
def test_categories_are_counted_once_for_all_students(
    client_of, alice, bob, course, url, make_course, django_assert_num_queries
):
    students = client_of(alice), client_of(bob)
    students[0].get(url)
    with django_assert_num_queries(5):  # session, user, revision, courses, saved
        assert students[1].get(url).context["categories"][0]["count"] == 1
    make_course("Bends and hitches")
    assert students[1].get(url).context["categories"][0]["count"] == 2


@pytest.mark.django_db
def test_only_pages_are_kept(rf):
    answers = iter([HttpResponse(status=302), HttpResponse("page"), HttpResponse("other")])
    view = cached_for_anonymous(lambda request: next(answers))
    assert view(rf.get("/")).status_code == 302
    assert [view(rf.get("/")).content for _ in range(2)] == [b"page", b"page"]


@pytest.mark.django_db
def test_a_page_with_a_cookie_is_not_kept(rf):
    def view(request):
        response = HttpResponse("page")
        response.set_cookie("mine", "1")
        return response

    answers = [cached_for_anonymous(view)(rf.get("/")) for _ in range(2)]
    assert all("ETag" not in answer for answer in answers)


def test_the_piece_for_htmx_is_kept_apart(client, course):
    client.get("/courses", headers={"HX-Request": "true", "HX-Target": "div#results"})
    assert "<html" in client.get("/courses").text
