"""The predecessor's addresses still lead somewhere."""

import pytest
from django.contrib.contenttypes.models import ContentType


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/admin", "/admin/"),
        ("/admin/dashboard", "/admin/"),
        ("/admin/courses", "/admin/courses/course/"),
        ("/admin/users", "/admin/users/user/"),
    ],
)
def test_old_admin_pages(client_of, stella, old, new):
    response = client_of(stella).get(old)
    assert response.url == new
    assert client_of(stella).get(new).status_code == 200


def test_view_on_site_leads_to_the_page(client_of, stella, course):
    kind = ContentType.objects.get_for_model(course).pk
    response = client_of(stella).get(f"/admin/r/{kind}/{course.pk}/")
    assert response.url.endswith(course.get_absolute_url())
    for tail in (f"{kind}/1/", f"{kind}/{kind}/", "x/y/", f"{kind}/x"):
        assert client_of(stella).get(f"/admin/r/{tail}").status_code == 404
