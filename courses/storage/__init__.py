"""Media in a folder (on a laptop) or in S3 and CloudFront: the only package that talks to them (docs/media.md).

Keys are paths: public/posters/…, public/photos/…, private/videos/…, private/captions/…, private/files/…, and
incoming/<id> for what a browser has uploaded and nobody has saved yet. No key is written twice with other contents.
FileNotFoundError means that there is nothing under a key; MediaUnavailable that the store did not do its work.
"""

from datetime import datetime
from typing import IO, Any

from django.core import signing
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.http import HttpRequest

from courses.storage.bucket import Bucket
from courses.storage.folder import MEDIA_SALT, PART_SALT, Folder
from courses.storage.objects import PART_SIZE, PART_URL_SECONDS, MediaUnavailable, content_type_of

__all__ = ["MEDIA_SALT", "PART_SIZE", "MediaUnavailable", "content_type_of"]

# --- Objects ---


def signed_url(key: str, *, download_name: str = "") -> str:
    """Where a browser gets a private object for the next MEDIA_URL_SECONDS; with a name it is saved, not shown."""
    return _store().signed_url(key, download_name)


def read(key: str) -> bytes:
    return _store().read(key)


def read_range(key: str, start: int, length: int) -> bytes:
    """At most `length` bytes from byte `start` on."""
    return _store().read_range(key, start, length) if length > 0 else b""


def store(key: str, file: IO[bytes] | File, content_type: str) -> None:
    """Write the whole file under the key, over what was there."""
    content: Any = file if isinstance(file, File) else File(file)
    content.content_type = content_type  # django-storages sends it to S3
    with _store().errors(key):
        _alias(key).save(key, content)


def delete(key: str) -> None:
    """Safe to call any number of times."""
    with _store().errors(key):
        _alias(key).delete(key)


def copy(key: str, new_key: str) -> None:
    _store().copy(key, new_key)


def size_and_type(key: str) -> tuple[int, str]:
    """Bytes and content type. Raises FileNotFoundError."""
    return _store().size_and_type(key)


def _alias(key: str) -> Storage:
    return storages["public" if key.startswith("public/") else "private"]


# --- An object that arrives in parts: started, its parts put to signed URLs, then joined ---


def start_parts(key: str, content_type: str) -> str:
    """Make ready for the parts of `key` and return the store's own id of this multipart upload ("" in a folder)."""
    return _store().start_parts(key, content_type)


def part_url(key: str, upload_id: str, number: int, length: int) -> str:
    """Where exactly `length` bytes can be PUT as part `number` (from 1) within an hour."""
    return _store().part_url(key, upload_id, number, length)


def part_sizes(key: str, upload_id: str) -> dict[int, int]:
    """Bytes of each part that has arrived whole. Raises FileNotFoundError once joined or dropped."""
    return _store().part_sizes(key, upload_id)


def join_parts(key: str, upload_id: str) -> None:
    """Make the object out of its parts. Raises FileNotFoundError if they were joined or dropped before."""
    _store().join_parts(key, upload_id)


def drop_parts(key: str, upload_id: str) -> None:
    """Safe to call any number of times."""
    _store().drop_parts(key, upload_id)


def delete_abandoned(before: datetime) -> int:
    """Remove everything in incoming/ that is older than `before`, whole or in parts, and return how many there were."""
    return _store().delete_abandoned(before)


def _store() -> "Folder | Bucket":
    private = storages["private"]
    return Folder(private) if isinstance(private, PrivateFiles) else Bucket(private)


class PrivateFiles(FileSystemStorage):
    """Files on this machine that are served only by signed, expiring address (courses/views/media.py)."""

    def url(self, name: str | None) -> str:
        return signed_url(name or "")


def write_part(token: str, body: IO[bytes] | HttpRequest, content_length: int) -> bool:
    """Take a part into the folder; False if the body is not exactly as long as was promised.

    Raises django.core.signing.BadSignature for an address that is not ours or has expired, FileNotFoundError after
    the upload was finished or dropped.
    """
    part = signing.loads(token, salt=PART_SALT, max_age=PART_URL_SECONDS)
    folder = _store()
    if content_length != part["length"] or not isinstance(folder, Folder):
        return False
    return folder.write_part(**part, body=body) == part["length"]
