"""The table is AWS's, and what it does not name is not supported."""

import json
from pathlib import Path

import pytest

from coursebundler import database_url
from coursebundler.documentdb import support


def test_it_names_its_sources_and_date():
    table = json.loads((Path(support.__file__).parent / "support.json").read_text())
    assert table["generated"]
    assert "docs.aws.amazon.com" in table["sources"]["A"]
    assert tuple(table["levels"]) == support.LEVELS == database_url.LEVELS


@pytest.mark.parametrize(
    ("operator", "context", "since"),
    [
        ("$match", "stage", "5.0"),
        ("$set", "stage", "8.0"),
        ("$set", "update", "5.0"),
        ("$round", "expression", "8.0.1"),
        ("$facet", "stage", "8.0.2"),
        ("$getField", "expression", None),
        ("$near", "query", "5.0"),
        ("$first", "accumulator", "5.0"),
        ("$neverHeardOf", "stage", None),
        ("$match", "expression", None),
    ],
)
def test_operators_are_supported_from_a_level_on(operator, context, since):
    expected = support.LEVELS[support.LEVELS.index(since) :] if since else ()
    found = tuple(level for level in support.LEVELS if support.is_supported(operator, context, level))
    assert found == expected


def test_commands_and_indexes_have_tables_of_their_own():
    assert support.is_command_supported("aggregate", "5.0")
    assert not support.is_command_supported("endSessions", "8.0.2")
    assert support.is_index_supported("Partial", "5.0")
    assert not support.is_index_supported("Hidden", "8.0.2")
    assert not support.is_index_supported("Case Insensitive", "5.0")
