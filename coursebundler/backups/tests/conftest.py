import tempfile
from io import StringIO
from pathlib import Path

import boto3
import pytest
from django.core.management import call_command

from tests import servers
from tests.environment import TEST_DATABASE

BUCKET = "backups"

collect_ignore = [] if TEST_DATABASE.startswith("documentdb") else ["test_scratch_on_server.py"]


@pytest.fixture
def any_alias(transactional_db, django_db_blocker):
    """Django lets a test reach the databases of its beginning only; the scratch database is made later."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def s3_address():
    with servers.moto() as address:
        yield address


@pytest.fixture
def bucket_url(s3_address, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/dumps?region=us-east-1&endpoint_url={s3_address}"
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def run(name, *arguments, **options) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def place(tmp_path, settings, monkeypatch) -> Path:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    settings.BACKUP_URL = f"file://{tmp_path}/backups"
    return tmp_path / "backups"


@pytest.fixture
def school(alice, bob, course, grant):
    grant(alice, course)
    grant(bob, course)


@pytest.fixture
def dumped(place, school) -> Path:
    """The folder of a dump."""
    run("back_up")
    [folder] = place.iterdir()
    return folder
