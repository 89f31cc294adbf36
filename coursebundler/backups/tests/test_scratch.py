"""The scratch database is never the configured one, and never one that holds something."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from coursebundler.backups import scratch
from coursebundler.backups.scratch import NotScratch, refuse_the_configured, scratch_database, settings_for
from tests.environment import TEST_DATABASE, server
from users.models import User

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("any_alias")]
ON_SERVER = TEST_DATABASE.startswith("documentdb-")
MONGO = "coursebundler.documentdb"
SQLITE = "django.db.backends.sqlite3"


def configured_url() -> str:
    name = str(connection.settings_dict["NAME"])
    return server.url(connection.level, name) if ON_SERVER else f"sqlite:///{name}"


def test_the_configured_database_is_refused(alice):
    with pytest.raises(NotScratch, match="is the configured database"), scratch_database(configured_url()):
        pass
    assert User.objects.count() == 1


def test_the_command_refuses_the_configured_database_too(alice, tmp_path):
    call_command("back_up", to=f"file://{tmp_path}", stdout=StringIO())
    for more in ({}, {"keep": True}):
        with pytest.raises(CommandError, match="is the configured database"):
            call_command("restore_drill", source=f"file://{tmp_path}", into=configured_url(), stdout=StringIO(), **more)
    assert User.objects.count() == 1


def test_another_way_to_the_same_file_is_refused(tmp_path):
    path = tmp_path / "db.sqlite3"
    path.write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    settings = {"ENGINE": SQLITE, "NAME": str(tmp_path / "link" / "db.sqlite3")}
    with pytest.raises(NotScratch):
        refuse_the_configured(settings, {"ENGINE": SQLITE, "NAME": str(path)})


def test_another_host_of_the_same_cluster_is_refused():
    settings = {"ENGINE": MONGO, "HOST": "mongodb://reader/", "NAME": "CourseBundler"}
    with pytest.raises(NotScratch):
        refuse_the_configured(settings, {"ENGINE": MONGO, "HOST": "mongodb://writer/", "NAME": "coursebundler"})
    refuse_the_configured(settings, {"ENGINE": SQLITE, "NAME": "coursebundler"})


def test_a_file_that_is_there_is_refused(tmp_path):
    path = tmp_path / "precious.sqlite3"
    path.write_text("precious")
    with pytest.raises(NotScratch, match="is there already"), scratch_database(f"sqlite:///{path}"):
        pass
    assert path.read_text() == "precious"
    with pytest.raises(NotScratch, match="is not a folder"), scratch_database(f"sqlite:///{tmp_path}/no/db.sqlite3"):
        pass


def test_it_is_gone_afterwards_also_after_an_error():
    def stumble(using):
        call_command("migrate", database=using, verbosity=0)
        assert connections[using].introspection.table_names()
        assert connections[using].settings_dict["NAME"] != connection.settings_dict["NAME"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), scratch_database() as using:
        stumble(using)
    assert scratch.ALIAS not in connections.settings
    with scratch_database() as using:
        assert not connections[using].introspection.table_names()


def test_it_stays_if_asked(alice, tmp_path):
    call_command("back_up", to=f"file://{tmp_path}/dumps", stdout=StringIO())
    into = server.url(connection.level, "kept") if ON_SERVER else f"sqlite:///{tmp_path}/kept.sqlite3"
    options = {"source": f"file://{tmp_path}/dumps", "into": into, "stdout": StringIO()}
    call_command("restore_drill", keep=True, **options)
    with pytest.raises(CommandError, match=r"is not empty|is there already"):
        call_command("restore_drill", **options)
    if ON_SERVER:
        assert connection.connection["kept"]["users_user"].count_documents({}) == 1
        connection.connection.drop_database("kept")
    else:
        assert (tmp_path / "kept.sqlite3").stat().st_size > 0


@pytest.mark.parametrize("into", ["", "sqlite"])
def test_keep_needs_a_name(tmp_path, into):
    with pytest.raises(CommandError, match="--keep needs --into"):
        call_command("restore_drill", source=f"file://{tmp_path}", into=into, keep=True)


def test_a_url_that_is_none_is_said(alice, tmp_path):
    call_command("back_up", to=f"file://{tmp_path}", stdout=StringIO())
    with pytest.raises(CommandError, match="DATABASE_URL"):
        call_command("restore_drill", source=f"file://{tmp_path}", into="nonsense://x/y")


def test_the_scratch_database_has_the_password_of_the_configured_one(monkeypatch):
    configured = {"ENGINE": MONGO, "NAME": "site", "HOST": "h", "OPTIONS": {"engine": "5.0", "secret_arn": "a:b"}}
    monkeypatch.setitem(connections.settings, "default", configured)
    beside = settings_for("")
    assert beside["NAME"].startswith("site_drill_")
    assert beside["OPTIONS"] == configured["OPTIONS"]
    named = settings_for("documentdb://h/restored?engine=5.0")
    assert (named["NAME"], named["OPTIONS"]["secret_arn"]) == ("restored", "a:b")
