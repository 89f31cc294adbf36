"""The pages of bundles, and what a course page says about them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.models import Bundle


def test_visitors_see_what_there_is(client, bundle):
    text = client.get("/bundles").text
    for shown in ("Boats", "₹600", "2 courses", "A fixed set"):
        assert shown in text
    text = client.get(bundle.get_absolute_url()).text
    for shown in ("Knots", "Sails", "₹600", "₹499", "One by one the courses cost ₹800", "A fixed set:"):
        assert shown in text


def test_there_may_be_none(client, db):
    assert "No bundles at the moment" in client.get("/bundles").text


@pytest.mark.parametrize("url", ["/bundles", "/bundles/boats"])
def test_pages_of_visitors_are_kept_until_something_changes(client, bundle, url, django_assert_num_queries):
    first = client.get(url)
    with django_assert_num_queries(1):
        assert client.get(url).content == first.content
    bundle.publish_edition([], additions_included=False)
    assert client.get(url).content != first.content


def test_the_rule_about_additions_is_shown(client, make_bundle, two_courses):
    bundle = make_bundle(*two_courses, grows=True)
    assert "Additions included:" in client.get(bundle.get_absolute_url()).text


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_unpublished_ones_are_not_there(client, client_of, alice, make_bundle, course, status):
    bundle = make_bundle(course, status=status)
    assert client.get(bundle.get_absolute_url()).status_code == 404
    assert bundle.title not in client.get("/bundles").text
    assert "Also in" not in client_of(alice).get(course.get_absolute_url()).text


def test_one_without_an_edition_is_not_there(client, db):
    Bundle.objects.create(title="Empty", slug="empty", promise="x", price_paise=100, status="published")
    assert client.get("/bundles/empty").status_code == 404


@pytest.mark.parametrize(
    "path", ["/bundles/nothing", "/bundles/a%00b", "/bundles?page=2", "/bundles?page=x", "/bundles?page=-1"]
)
def test_it_knows_no_other(client, db, path):
    assert client.get(path).status_code == 404


def test_a_course_page_names_its_bundles(client, client_of, alice, sold, bundle, two_courses):
    knots = two_courses[0]
    assert "Also in this bundle" in client.get(knots.get_absolute_url()).text
    assert "₹600" in client.get(knots.get_absolute_url()).text
    sold(alice, {knots: 45000})
    for course in two_courses:
        text = client_of(alice).get(course.get_absolute_url()).text
        assert "₹150" in text
        assert "you have 1" in text


def test_who_has_all_of_it_is_told_so(client_of, alice, grant, bundle, two_courses):
    for course in two_courses:
        grant(alice, course)
    assert "You have all of it" in client_of(alice).get("/bundles").text
    assert "You have all courses of this bundle" in client_of(alice).get(bundle.get_absolute_url()).text


def test_a_title_is_escaped(client, make_bundle, course):
    bundle = make_bundle(course, title="<script>alert(1)</script>", slug="x")
    for url in ("/bundles", bundle.get_absolute_url(), course.get_absolute_url()):
        assert "<script>alert" not in client.get(url).text


def test_pages_take_the_same_few_queries(client_of, alice, sold, make_bundle, make_course, two_courses):
    """On one bundle and on many, with one purchase and with many."""
    knots, sails = two_courses
    sold(alice, {knots: 45000})
    make_bundle(knots, sails)
    make_bundle(sails, title="Only sails")
    few = queries(client_of(alice))
    more = [make_course(f"Course {n}", sections=1, lectures=1) for n in range(6)]
    sold(alice, dict.fromkeys(more[:3], 10000))
    for n in range(8):
        make_bundle(knots, *more[: n + 1], title=f"Bundle {n}")
    assert queries(client_of(alice)) == few
    assert few["/bundles"] <= 14
    assert few["/bundles/boats"] <= 12
    assert few["/courses/knots"] <= 17


def queries(client) -> dict[str, int]:
    counts = {}
    for url in ("/bundles", "/bundles/boats", "/courses/knots"):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        counts[url] = len(captured)
    return counts
