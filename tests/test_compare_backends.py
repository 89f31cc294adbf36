"""scripts/compare_backends.py for our own backend: docs/decisions/0022-other-backends-measured.md rests on it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.compare_backends import run
from tests.documentdb_server import DocumentDBServer

pytestmark = pytest.mark.slow

# Refused before anything is sent, with advice (docs/database.md).
REFUSED = {"8.0.2": {"union"}, "5.0": {"union", "Exists(OuterRef)", "exclude across a reverse relation"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[DocumentDBServer]:
    server = DocumentDBServer(tmp_path_factory.mktemp("compared"))
    yield server
    server.forget()


@pytest.mark.parametrize("level", REFUSED)
def test_ours_does_all_but_a_few(server, level):
    found = run(Path(sys.executable), "ours", server.port, level)
    assert len(found) > 50
    assert {name for name, outcome, _ in found if outcome != "passed"} == REFUSED[level]
    assert {outcome for _, outcome, _ in found} == {"passed", "failed"}
    assert all("Instead:" in why for _, outcome, why in found if outcome == "failed")


def test_the_stock_backend_sends_what_documentdb_lacks(server):
    found = {name: outcome for name, outcome, _ in run(Path(sys.executable), "stock", server.port, "8.0.2")}
    assert found["migrate"] == found["save an existing row"] == found["update with F() + 1"] == "refused"
