"""The predecessor's addresses still lead somewhere."""

import pytest


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
