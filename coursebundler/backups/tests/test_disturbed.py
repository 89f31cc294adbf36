"""Dumps that somebody has made to do harm, machines that are full, commands that are stopped."""

import errno
import gzip
import json
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from coursebundler.backups import drill, dump, manifest, scratch
from coursebundler.backups.tests.conftest import run
from coursebundler.backups.tests.test_back_up import damage_with_digests, rewrite, scratch_databases
from tests.servers import clean_environment, manage
from users.models import User

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("any_alias")]


def test_a_site_without_anybody_comes_back_too(place):
    for model in dump.models_in_dump():
        model._base_manager.all()._raw_delete("default")
    assert "0 rows of" in run("back_up")
    assert "comes back whole: 0 rows" in run("restore_drill")


def test_a_manifest_that_names_a_file_of_this_machine_is_refused(dumped, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    found = manifest.from_json((dumped / manifest.NAME).read_bytes())
    for name in (str(precious), "../../precious", "users.User.jsonl.gz/../../x"):
        found.models[0].file = name
        (dumped / manifest.NAME).write_bytes(found.to_json())
        with pytest.raises(CommandError, match="the name of another file"):
            run("restore_drill")
    assert precious.read_text() == "precious"


def test_a_manifest_of_another_dump_is_refused(dumped):
    rewrite(dumped, name="20200101T000000Z-aaaaaa")
    with pytest.raises(CommandError, match="is another dump's"):
        run("restore_drill", dumped.name)


@pytest.mark.parametrize("name", ["../backups", "newest", "20261122T170530Z-00000/"])
def test_what_is_no_name_of_a_dump_is_said(dumped, name):
    with pytest.raises(CommandError, match="is not the name of a dump"):
        run("restore_drill", name)


@pytest.mark.parametrize(
    "value", [5, [[]], {"a": 1}, 2**70, "x" * 10_000, "2026-13-45", True, None], ids=lambda value: str(value)[:10]
)
def test_values_of_another_kind_are_refused_in_every_column(dumped, value):
    """Never a traceback: it would show rows."""

    def change(found, folder):
        users = next(model for model in found.models if model.model == "users.User")
        (folder / users.file).write_bytes(gzip.compress(json.dumps([value] * len(users.fields)).encode() + b"\n"))

    damage_with_digests(dumped, change)
    with pytest.raises(CommandError, match=r"cannot be read|the database refuses|as it was"):
        run("restore_drill")
    assert not scratch_databases()


def test_a_line_without_an_end_is_refused(dumped):
    def change(found, folder):
        (folder / "users.User.jsonl.gz").write_bytes(gzip.compress(b"[" * 100_000 + b"\n"))

    damage_with_digests(dumped, change)
    with pytest.raises(CommandError, match="cannot be read"):
        run("restore_drill")


def test_more_rows_than_were_dumped_are_a_difference(dumped):
    users = next(model for model in manifest.from_json((dumped / manifest.NAME).read_bytes()).models if model.rows == 3)
    users.rows = 2
    result = drill.compare(users, "default", is_same_engine=True)
    assert result.difference == "1 rows too many"


def test_a_full_disk_makes_no_dump(place, school, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dump.gzip.GzipFile, "write", full)
    with pytest.raises(CommandError, match=r"was not made: No space left on device"):
        run("back_up")
    assert not place.exists() or not list(place.glob(f"*/{manifest.NAME}"))


def test_a_full_disk_is_not_the_dumps_fault(dumped, monkeypatch):
    def full(*args):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(drill, "insert", full)
    with pytest.raises(CommandError, match="scratch database cannot be used: database or disk is full"):
        run("restore_drill")
    assert not scratch_databases()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_stopped_leaves_nothing_behind(dumped, monkeypatch, number, tmp_path):
    real, before = drill.compare, signal.getsignal(number)

    def stop(*args, **kwargs):
        os.kill(os.getpid(), number)
        return real(*args, **kwargs)

    monkeypatch.setattr(drill, "compare", stop)
    with pytest.raises(SystemExit) as stopped:
        run("restore_drill")
    assert stopped.value.code == 128 + number
    assert not scratch_databases()
    assert not list(Path(tempfile.gettempdir()).iterdir())
    with pytest.raises(SystemExit):
        run("restore_drill", into=f"sqlite:///{tmp_path}/kept.sqlite3", keep=True)
    assert not (tmp_path / "kept.sqlite3").exists(), "half a restore is none"
    assert signal.getsignal(number) == before


def test_a_dump_that_is_stopped_is_none(place, school, monkeypatch):
    monkeypatch.setattr(dump, "applied_migrations", lambda using: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        run("back_up")
    assert not list(place.glob(f"*/{manifest.NAME}"))
    assert not list(Path(tempfile.gettempdir()).iterdir())


def test_files_of_a_killed_drill_go_after_a_day(dumped):
    old, new = (Path(tempfile.mkdtemp(prefix=scratch.FOLDER)) for _ in range(2))
    os.utime(old, (time.time() - 90_000,) * 2)
    run("restore_drill", into="sqlite")
    assert new.exists()
    assert not old.exists()


def test_the_configured_database_is_refused_unless_it_is_empty(dumped):
    with pytest.raises(CommandError, match=r"is not empty|is there already"):
        run("restore_drill", into="configured", keep=True)
    with pytest.raises(CommandError, match="say --keep too"):
        run("restore_drill", into="configured")
    assert User.objects.count() == 3


@pytest.mark.sqlite  # a new file is easily configured
def test_an_empty_site_is_restored(dumped, place, tmp_path):
    url = f"sqlite:///{tmp_path}/new.sqlite3"
    environment = clean_environment(
        DEBUG="true", DATA_DIR=str(tmp_path), DATABASE_URL=url, BACKUP_URL=f"file://{place}"
    )
    assert "comes back whole" in manage("restore_drill", "--into", "configured", "--keep", environment=environment)
    assert "users.User                                  3 rows" in manage("back_up", environment=environment)
    assert connection.settings_dict["NAME"] != str(tmp_path / "new.sqlite3")
