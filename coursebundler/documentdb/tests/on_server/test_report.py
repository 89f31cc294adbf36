"""What the report of queries is made of: what the site asks, and not what its tests ask."""

import pytest

from courses.models import Category
from tests.environment import command_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def seen(monkeypatch):
    """The queries of this test alone, as (collection, pipeline)."""
    monkeypatch.setattr(command_log, "pipelines", {})
    return lambda: {(query["collection"], query["pipeline"]) for query in command_log.pipelines.values()}


def test_it_holds_what_a_page_of_the_site_asks(seen, client, course):
    client.get("/courses")
    assert ("courses_category", "[{$match: {_id: {$in: ?}}}, {$sort: {name: 1}}]") in seen()


def test_it_holds_what_a_page_of_another_package_asks(seen, client_of, stella):
    client = client_of(stella)
    before = seen()
    client.get("/admin/auth/group/")
    assert {collection for collection, _ in seen() - before} >= {"auth_group", "django_session"}


def test_it_leaves_out_what_a_test_asks(seen):
    assert not Category.objects.filter(name="Knots", slug="knots").exists()
    assert not seen()


def test_values_are_left_out_and_what_is_alike_stands_once(seen, client, course):
    client.get("/courses?q=knots+sailors+weather")
    [words] = [pipeline for collection, pipeline in seen() if collection == "courses_searchtoken" and "$or" in pipeline]
    assert "knots" not in words
    assert words.count("$gte") == 1
    assert "…" in words
