"""The listings of the site, and the indexes that serve them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from payments.listings import listings

pytestmark = pytest.mark.django_db


def test_indexes_serve_the_listings():
    """All but one on the test server, whose planner takes an index only if it covers the whole filter."""
    out = StringIO()
    if connection.vendor == "mongodb":
        with pytest.raises(CommandError, match=f"No index serves 1 of {len(listings())} listings: my courses"):
            call_command("explain_queries", stdout=out)
    else:
        call_command("explain_queries", stdout=out)
    assert "index    home" in out.getvalue()


@pytest.mark.parametrize("name", listings())
def test_each_can_be_asked(name):
    assert not list(listings()[name]())
