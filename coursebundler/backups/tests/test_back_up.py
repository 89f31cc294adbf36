"""`manage.py back_up` and `manage.py restore_drill`, on whichever database the tests run."""

import gzip
import json
import tempfile
import threading
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from coursebundler.backups import drill, dump, manifest, rows, scratch, snapshot
from coursebundler.backups.manifest import DamagedDump
from coursebundler.backups.stores import store_at
from coursebundler.backups.tests.conftest import run
from courses.models import Category, Course, Grant
from users.models import User

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("any_alias")]


@pytest.fixture
def read_only_default():
    """What a test did to the configured database would show here."""
    before = counts()
    yield
    assert counts() == before


def counts() -> dict[str, int]:
    return {model._meta.label: model._base_manager.count() for model in rows.models_in_dump()}


def scratch_databases() -> list[str]:
    """Those of this test that are there; for SQLite the files of drills."""
    if connection.vendor != "mongodb":
        return [str(path) for path in Path(tempfile.gettempdir()).glob("restore_drill-*/*")]
    ours = f"{connection.settings_dict['NAME']}{scratch.MARK}"
    return [name for name in connection.connection.list_database_names() if name.startswith(ours)]


def rewrite(folder: Path, **changes) -> None:
    """A manifest that somebody has changed, with its digest."""
    found = manifest.from_json((folder / manifest.NAME).read_bytes())
    for name, value in changes.items():
        setattr(found, name, value)
    (folder / manifest.NAME).write_bytes(found.to_json())


def test_the_manifest_tells_what_is_in_the_dump(dumped):
    found = manifest.from_json((dumped / manifest.NAME).read_bytes())
    assert {model.model: model.rows for model in found.models} == counts()
    assert found.name == dumped.name
    assert found.migrations == dump.applied_migrations("default")
    assert found.engine == dump.engine("default")
    assert found.version == "0.1.0"
    assert "sessions.Session" in found.left_out
    users = next(model for model in found.models if model.model == "users.User")
    assert users.sha256 == dump.sha256_of(dumped / users.file)
    lines = gzip.decompress((dumped / users.file).read_bytes()).splitlines()
    assert len(lines) == users.rows == 3
    emails = [json.loads(line)[users.fields.index("email")] for line in lines]
    assert sorted(emails) == ["alice@example.org", "bob@example.org", "ida@example.org"]


def test_it_prints_counts_and_nobody(place, school, caplog):
    told = run("back_up") + caplog.text
    assert "users.User" in told
    assert "3 rows" in told
    assert "alice" not in told.lower()


def test_it_is_safe_to_repeat_and_the_newest_is_taken(dumped, place):
    Category.objects.create(name="Later", slug="later")
    run("back_up")
    names = store_at(f"file://{place}").names()
    assert len(names) == 2
    assert names[0] >= names[1]
    newest = max(place.iterdir(), key=lambda folder: (folder / manifest.NAME).stat().st_mtime)
    rewrite(newest, name=newest.name)
    renamed = newest.rename(place / "20990101T000000Z-ffffff")
    rewrite(renamed, name=renamed.name)
    assert run("restore_drill", "--list").split()[0] == renamed.name
    assert f"{renamed.name} comes back whole" in run("restore_drill")
    assert f"{dumped.name} comes back whole" in run("restore_drill", dumped.name)


def test_the_drill_restores_compares_and_removes(dumped, read_only_default):
    told = run("restore_drill")
    assert f"{dumped.name} comes back whole" in told
    assert "users.User                                  3            3" in told
    assert not scratch_databases()
    assert scratch.ALIAS not in connections.databases


def test_the_other_engine_can_restore_it_too(dumped, read_only_default):
    assert "comes back whole" in run("restore_drill", into="sqlite")


def test_it_goes_to_s3_and_comes_back_from_there(bucket_url, school, settings):
    settings.BACKUP_URL = bucket_url
    assert "3 rows" in run("back_up")
    assert "comes back whole" in run("restore_drill")


def test_values_of_an_automatic_kind_come_back_as_they_were(dumped, monkeypatch):
    """`auto_now` would write today into a restored row."""
    Course.objects.update(title="Changed since")
    seen = {}
    broken = drill.broken_references

    def look(using):
        seen.update(Course.objects.using(using).values("title", "updated_at").get())
        return broken(using)

    monkeypatch.setattr(drill, "broken_references", look)
    run("restore_drill")
    assert seen["title"] == "Knots for sailors"
    assert seen["updated_at"] == Course.objects.get().updated_at


def cut(folder):
    file = folder / "users.User.jsonl.gz"
    file.write_bytes(file.read_bytes()[:-20])


def lose(folder):
    (folder / "users.User.jsonl.gz").unlink()


def swap(folder):
    """Another's rows under a file that can be read."""
    file = folder / "users.User.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).replace(b"Alice", b"Alibi")
    file.write_bytes(gzip.compress(lines))


def cut_manifest(folder):
    file = folder / manifest.NAME
    file.write_bytes(file.read_bytes()[:-100])


def change_manifest(folder):
    file = folder / manifest.NAME
    file.write_text(file.read_text().replace('"rows": 3,', '"rows": 4,', 1))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (cut, "its SHA-256 differs"),
        (lose, "cannot be read"),
        (swap, "its SHA-256 differs"),
        (cut_manifest, "is not whole"),
        (change_manifest, "was changed after it was written"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_dump_is_refused(dumped, damage, sentence, read_only_default):
    damage(dumped)
    with pytest.raises(CommandError, match=sentence) as caught:
        run("restore_drill")
    assert "lice" not in str(caught.value)
    assert not scratch_databases()


def damage_with_digests(folder, change) -> None:
    """Whoever can write everywhere makes the digests right again; then only what comes back can tell."""
    found = manifest.from_json((folder / manifest.NAME).read_bytes())
    change(found, folder)
    for model in found.models:
        model.sha256 = dump.sha256_of(folder / model.file)
    rewrite(folder, models=found.models)


def without_first_line(found, folder, model="users.User"):
    file = folder / f"{model}.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[1:])))


def test_a_missing_row_is_a_difference(dumped, read_only_default):
    damage_with_digests(dumped, without_first_line)
    with pytest.raises(CommandError, match="does not come back as it was"):
        run("restore_drill")


def test_a_changed_row_is_a_difference(dumped):
    def change(found, folder):
        file = folder / "users.User.jsonl.gz"
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"Alice", b"Alibi")))

    damage_with_digests(dumped, change)
    with pytest.raises(CommandError, match="1 differences"):
        run("restore_drill")


def test_a_reference_to_nothing_is_a_difference(dumped):
    def change(found, folder):
        without_first_line(found, folder)
        users = next(model for model in found.models if model.model == "users.User")
        lines = gzip.decompress((folder / users.file).read_bytes())
        users.rows -= 1
        users.rows_sha256 = users.portable_sha256 = dump.hashlib.sha256(lines).hexdigest()

    damage_with_digests(dumped, change)
    out = StringIO()
    with pytest.raises(CommandError, match="differences"):
        call_command("restore_drill", stdout=out)
    assert "keys lead to nothing" in out.getvalue()


def test_lines_that_are_no_rows_are_refused_without_being_shown(dumped):
    def change(found, folder):
        (folder / "users.User.jsonl.gz").write_bytes(gzip.compress(b'["secret", "alice@example.org"]\n'))

    damage_with_digests(dumped, change)
    with pytest.raises(CommandError, match="cannot be read: ValueError") as caught:
        run("restore_drill")
    assert "alice" not in str(caught.value)


def test_a_dump_of_other_migrations_is_refused(dumped, read_only_default):
    known = dump.applied_migrations("default")
    rewrite(dumped, migrations=[*known[1:], "payments.0099_future"])
    with pytest.raises(CommandError, match=r"only the dump has payments\.0099_future; only this program has"):
        run("restore_drill")


def test_a_dump_with_other_columns_is_refused(dumped):
    found = manifest.from_json((dumped / manifest.NAME).read_bytes())
    found.models[0].fields.append("colour")
    rewrite(dumped, models=found.models)
    with pytest.raises(CommandError, match="other models or columns"):
        run("restore_drill")


def test_a_dump_of_a_later_format_is_refused(dumped):
    rewrite(dumped, format=2)
    with pytest.raises(CommandError, match="format 2"):
        run("restore_drill")


def test_a_dump_that_stopped_half_way_is_none(place, school, monkeypatch):
    monkeypatch.setattr(dump, "applied_migrations", lambda using: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("back_up")
    with pytest.raises(CommandError, match="There is no finished dump"):
        run("restore_drill")


def test_no_place_no_dump(settings, school):
    settings.BACKUP_URL = ""
    for name in ("back_up", "restore_drill"):
        with pytest.raises(CommandError, match="Set BACKUP_URL"):
            run(name)
    with pytest.raises(CommandError, match="BACKUP_URL must be"):
        run("back_up", to="ftp://somewhere")


def test_a_place_that_cannot_be_written_is_said(tmp_path, school):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="could not be written"):
        run("back_up", to=f"file://{tmp_path}/file")


def test_a_name_that_is_not_there_is_said(dumped):
    with pytest.raises(CommandError, match="cannot be read"):
        run("restore_drill", "20010101T000000Z-000000")


def test_rows_of_one_moment(place, school, monkeypatch):
    """Somebody registers while the dump is made; the dump has the moment of its beginning."""
    real, done = dump.stored_rows, []

    def slow(model, using):
        yield from real(model, using)
        if not done:
            thread = threading.Thread(target=register)
            thread.start()
            thread.join()
            done.append(True)

    def register():
        try:
            User.objects.create_user("late@example.org", "correct horse", name="Late")
        finally:
            connection.close()

    monkeypatch.setattr(dump, "stored_rows", slow)
    told = run("back_up")
    assert "one moment" in told
    assert User.objects.count() == 4
    [folder] = place.iterdir()
    found = manifest.from_json((folder / manifest.NAME).read_bytes())
    assert next(model.rows for model in found.models if model.model == "users.User") == 3
    monkeypatch.undo()
    assert "comes back whole" in run("restore_drill", source=f"file://{place}")


def test_a_dump_that_takes_long_goes_model_by_model(place, school):
    told = run("back_up", snapshot_seconds=0.0)
    expected = snapshot.MODEL_BY_MODEL if connection.vendor == "mongodb" else snapshot.ONE_MOMENT
    assert expected in told
    assert "comes back whole" in run("restore_drill")


def test_model_by_model_no_row_refers_to_nothing(place, school, course, monkeypatch):
    """While the dump is made, people go on registering and getting grants."""
    real, number = dump.stored_rows, iter(range(1000))

    def busy(model, using):
        user = User.objects.create_user(f"late{next(number)}@example.org", "correct horse", name="Late")
        Grant.objects.give(user, course, Grant.Source.STAFF, user.pk)
        yield from real(model, using)

    monkeypatch.setattr(dump, "stored_rows", busy)
    monkeypatch.setattr(snapshot, "take", lambda everything, seconds: (everything(lambda: None), "model by model"))
    run("back_up")
    monkeypatch.undo()
    assert "comes back whole" in run("restore_drill", source=f"file://{place}")


def test_the_migrations_that_are_known_are_those_that_were_applied():
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}
    assert set(drill.known_migrations()) == applied


def test_a_manifest_comes_back_as_it_was(dumped):
    text = (dumped / manifest.NAME).read_bytes()
    assert manifest.from_json(text).to_json() == text
    for wrong in (b"", b"[]", b"{}", b"null", text[:-2], text.replace(b'"fields"', b'"felds"')):
        with pytest.raises(DamagedDump):
            manifest.from_json(wrong)
