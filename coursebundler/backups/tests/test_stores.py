"""A folder, and S3 over HTTP (moto): the same promises."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from coursebundler.backups.manifest import NAME as MANIFEST
from coursebundler.backups.stores import StoreError, store_at
from coursebundler.backups.tests.conftest import BUCKET

OLD, NEW = "20260101T000000Z-aaaaaa", "20261122T170530Z-000000"


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return store_at(f"file://{tmp_path}/kept")
    return store_at(request.getfixturevalue("bucket_url"))


def test_what_is_put_can_be_got(store, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"rows")
    store.put(NEW, "users.User.jsonl.gz", source)
    source.write_bytes(b"other rows")
    store.put(NEW, "users.User.jsonl.gz", source)
    store.get(NEW, "users.User.jsonl.gz", target)
    assert target.read_bytes() == b"other rows"


def test_names_are_those_of_finished_dumps_newest_first(store, tmp_path):
    assert store.names() == []
    source = tmp_path / "source"
    source.write_bytes(b"{}")
    for name in (OLD, NEW, "by-hand"):
        store.put(name, MANIFEST, source)
    store.put("20270101T000000Z-bbbbbb", "users.User.jsonl.gz", source)
    assert store.names() == [NEW, OLD]


def test_what_is_not_there_is_said(store, tmp_path):
    with pytest.raises(StoreError, match=r"manifest\.json"):
        store.get(NEW, MANIFEST, tmp_path / "target")


def test_a_folder_is_for_its_owner_only(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"rows")
    store_at(f"file://{tmp_path}/kept").put(NEW, "a", source)
    assert (tmp_path / "kept" / NEW).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kept" / NEW / "a").stat().st_mode & 0o777 == 0o600


def test_a_bucket_that_is_not_there_is_said(bucket_url):
    with pytest.raises(StoreError, match="NoSuchBucket"):
        store_at(bucket_url.replace(f"//{BUCKET}", "//another")).names()


@pytest.mark.parametrize(
    "url", ["/var/backups", "file://var/backups", "file:///", "http://x", "", "s3", "file:///a?b=c"]
)
def test_it_knows_folders_and_buckets(url):
    with pytest.raises(ImproperlyConfigured, match="BACKUP_URL must be"):
        store_at(url)


@pytest.mark.parametrize("url", ["s3://", "s3://UPPER/x", "s3://a.b/c?region=us-east-1", "s3://bucket/x?colour=red"])
def test_it_knows_what_a_bucket_needs(url):
    with pytest.raises(ImproperlyConfigured, match="BACKUP_URL"):
        store_at(url)
