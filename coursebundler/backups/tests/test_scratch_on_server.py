"""On a server, what a killed drill left behind stays until somebody removes it; SQLite's is in a temporary folder."""

import pytest
from django.db import connection

from coursebundler.backups.scratch import scratch_database

pytestmark = pytest.mark.usefixtures("any_alias")


def test_what_a_killed_drill_left_behind_goes_after_a_day():
    prefix = f"{connection.settings_dict['NAME']}_drill_"
    forgotten, fresh, other = f"{prefix}20200101000000_abcd", f"{prefix}20990101000000_abcd", f"{prefix}by_hand"
    for name in (forgotten, fresh, other):
        connection.connection[name]["rows"].insert_one({"_id": 1})
    with scratch_database():
        names = connection.connection.list_database_names()
    assert forgotten not in names
    assert {fresh, other} <= set(names)
    for name in (fresh, other):
        connection.connection.drop_database(name)
