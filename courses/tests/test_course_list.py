"""The catalogue: search, category, sort, pages; all of it in the URL."""

import pytest

from courses.models import Category, Course


def titles(response) -> list[str]:
    return [course.title for course in response.context["page"]]


@pytest.fixture
def courses(make_course):
    sky = make_course("Reading the sky", price_paise=9900, promise="See the weather coming.")
    cooking = Category.objects.create(name="Cooking", slug="cooking")
    bread = make_course("Bread at home", price_paise=0, category=cooking, promise="Bake a loaf you are proud of.")
    return [make_course(), sky, bread]


def test_it_works(client, courses):
    response = client.get("/courses")
    assert titles(response) == ["Knots for sailors", "Bread at home", "Reading the sky"]
    assert response.context["total"] == 3


def test_it_shows_only_what_is_published(client, courses):
    Course.objects.filter(title="Bread at home").update(status="draft")
    Course.objects.filter(title="Reading the sky").update(status="archived")
    assert titles(client.get("/courses")) == ["Knots for sailors"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("knots", ["Knots for sailors"]),
        ("KNÖTS", ["Knots for sailors"]),
        ("kno sai", ["Knots for sailors"]),
        ("weather", ["Reading the sky"]),
        ("cooking", ["Bread at home"]),
        ("ida", ["Knots for sailors", "Bread at home", "Reading the sky"]),
        ("knots weather", []),
        ("nots", []),
        ("%", ["Knots for sailors", "Bread at home", "Reading the sky"]),
        ("\x00", ["Knots for sailors", "Bread at home", "Reading the sky"]),
        ("x" * 5000, []),
        ("(zz+)+$ [", []),
    ],
)
def test_it_finds_words_by_their_beginning(client, courses, query, found):
    response = client.get("/courses", {"q": query})
    assert titles(response) == found
    assert response.context["total"] == len(found)


def test_search_follows_a_change_of_title(client, courses):
    course = Course.objects.get(title="Knots for sailors")
    course.title = "Splices"
    course.save()
    assert titles(client.get("/courses?q=splic")) == ["Splices"]
    assert titles(client.get("/courses?q=knots")) == []


def test_it_filters_by_category(client, courses):
    response = client.get("/courses?category=cooking")
    assert titles(response) == ["Bread at home"]
    assert response.context["total"] == 1
    assert {row["slug"]: row["count"] for row in response.context["categories"]} == {"cooking": 1, "sailing": 2}


@pytest.mark.parametrize(
    ("sort", "first"),
    [("newest", "Knots"), ("title", "Bread"), ("price", "Bread"), ("-price", "Knots")],
)
def test_it_sorts(client, courses, sort, first):
    assert titles(client.get(f"/courses?sort={sort}"))[0].startswith(first)


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "1.5", "١", "99999999999999999999999", "1" * 5000, "1%00", ""])
def test_it_knows_no_page_that_is_not_there(client, courses, page):
    assert client.get(f"/courses?page={page}").status_code == 404


def test_it_knows_no_unknown_order(client, courses):
    assert client.get("/courses?sort=password").status_code == 404


def test_pages_keep_search_category_and_sort_in_the_url(client, make_course):
    for number in range(25):
        make_course(f"Knots {number:02}", sections=0)
    response = client.get("/courses?q=knots&category=sailing&sort=title&page=2")
    assert titles(response) == ["Knots 24"]
    assert "q=knots&amp;category=sailing&amp;sort=title&amp;page=1" in response.text


def test_htmx_gets_the_results_alone(client, courses):
    response = client.get("/courses?q=knots", headers={"HX-Request": "true", "HX-Target": "div#results"})
    assert "Knots for sailors" in response.text
    assert "<html" not in response.text


def test_it_marks_what_is_saved(client_of, alice, bob, courses):
    client_of(bob).post(f"{courses[1].get_absolute_url()}/save")
    client_of(alice).post(f"{courses[0].get_absolute_url()}/save")
    response = client_of(alice).get("/courses")
    assert response.context["saved_ids"] == {courses[0].pk}


def test_it_is_small(client, make_course):
    for number in range(24):
        make_course(
            f"A course with quite a long title for a card {number:02}", sections=0, poster_key="public/posters/x"
        )
    response = client.get("/courses")
    assert len(titles(response)) == 24
    assert len(response.content) <= 60_000
