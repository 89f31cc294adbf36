"""Media in a folder (on a laptop) or in S3 and CloudFront: the only file that talks to them (docs/media.md).

Keys are paths: public/posters/…, public/photos/…, private/videos/…, private/captions/…, private/files/…, and
incoming/<id> for what a browser has uploaded and nobody has saved yet. No key is written twice with other contents.
FileNotFoundError means that there is nothing under a key; MediaUnavailable that the store did not do its work.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core import signing
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.http import HttpRequest, UnreadablePostError
from django.urls import reverse
from django.utils.http import content_disposition_header

from coursebundler.bulkhead import Bulkhead, Full

logger = logging.getLogger(__name__)

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}
PART_SIZE = 8 * 1024 * 1024  # bytes; S3 wants at least 5 MiB and at most 10,000 parts
PART_URL_SECONDS = 3600
MEDIA_SALT = "courses.storage.media"
PART_SALT = "courses.storage.part"
# For what somebody waits for and S3 has at hand. Copying and joining large objects takes it minutes at times.
QUICK: dict[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
# Every page of a player asks for captions: if S3 falls silent, most threads shall still have pages to give.
# While it is quick, which is nearly always, everybody waits a moment instead of going without captions.
_waiting = Bulkhead(settings.WEB_THREADS // 4)


class MediaUnavailable(Exception):
    """The store does not answer, or refuses us; the cause is in the log. Trying again later may work."""


def content_type_of(key: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")


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


def _store() -> "_Folder | _Bucket":
    private = storages["private"]
    return _Folder(private) if isinstance(private, PrivateFiles) else _Bucket(private)


class PrivateFiles(FileSystemStorage):
    """Files on this machine that are served only by signed, expiring address (courses/views/media.py)."""

    def url(self, name: str | None) -> str:
        return signed_url(name or "")


class _Folder:
    def __init__(self, storage: Any) -> None:
        self.storage = storage

    @contextmanager
    def errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, UnreadablePostError):
            raise
        except (SuspiciousFileOperation, ValueError) as error:
            raise FileNotFoundError(key) from error  # a key that leads out of the folder, or holds a NUL
        except OSError as error:
            logger.exception("The media folder does not take or give %s.", key)
            raise MediaUnavailable from error

    def path(self, key: str) -> Path:
        with self.errors(key):
            return Path(self.storage.path(key))

    def read(self, key: str) -> bytes:
        with self.errors(key):
            return self.path(key).read_bytes()

    def signed_url(self, key: str, download_name: str) -> str:
        value = {"key": key, "name": download_name} if download_name else {"key": key}
        return reverse("courses:media", args=[signing.dumps(value, salt=MEDIA_SALT)])

    def read_range(self, key: str, start: int, length: int) -> bytes:
        with self.errors(key), self.path(key).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def copy(self, key: str, new_key: str) -> None:
        source, target = self.path(key), self.path(new_key)
        with self.errors(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)  # five gigabytes in no time
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(source, target)  # not every file system has links

    def size_and_type(self, key: str) -> tuple[int, str]:
        path = self.path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        return path.stat().st_size, content_type_of(key)

    # One file in which each part has its place, and an empty file named by its number and size once it has arrived.
    def start_parts(self, key: str, content_type: str) -> str:
        with self.errors(key):
            self.parts(key).mkdir(parents=True)
            (self.parts(key) / "data").touch()
        return ""

    def parts(self, key: str) -> Path:
        return self.path(f"{key}.parts")

    def part_url(self, key: str, upload_id: str, number: int, length: int) -> str:
        token = signing.dumps({"key": key, "number": number, "length": length}, salt=PART_SALT)
        return reverse("courses:upload_part", args=[token])

    def write_part(self, key: str, number: int, length: int, body: IO[bytes] | HttpRequest) -> int:
        """Stream `length` bytes of `body` into their place; return how many came. Only a whole part counts."""
        folder = self.parts(key)
        arrived, missing = folder / f"{number}-{length}", length
        with self.errors(key), (folder / "data").open("r+b") as file:
            arrived.unlink(missing_ok=True)
            file.seek((number - 1) * PART_SIZE)
            while missing and (chunk := body.read(min(missing, 64 * 1024))):
                file.write(chunk)
                missing -= len(chunk)
        if not missing:
            arrived.touch()
        return length - missing

    def part_sizes(self, key: str, upload_id: str) -> dict[int, int]:
        with self.errors(key):
            names = [path.name for path in self.parts(key).iterdir() if path.name != "data"]
        return {int(number): int(length) for number, _, length in (name.partition("-") for name in names)}

    def join_parts(self, key: str, upload_id: str) -> None:
        with self.errors(key):
            (self.parts(key) / "data").rename(self.path(key))
        self.drop_parts(key, upload_id)

    def drop_parts(self, key: str, upload_id: str) -> None:
        shutil.rmtree(self.parts(key), ignore_errors=True)

    def delete_abandoned(self, before: datetime) -> int:
        old = [path for path in self.path("incoming").glob("*") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return len(old)


def write_part(token: str, body: IO[bytes] | HttpRequest, content_length: int) -> bool:
    """Take a part into the folder; False if the body is not exactly as long as was promised.

    Raises django.core.signing.BadSignature for an address that is not ours or has expired, FileNotFoundError after
    the upload was finished or dropped.
    """
    part = signing.loads(token, salt=PART_SALT, max_age=PART_URL_SECONDS)
    folder = _store()
    if content_length != part["length"] or not isinstance(folder, _Folder):
        return False
    return folder.write_part(**part, body=body) == part["length"]


@lru_cache(maxsize=8)
def _quick_client(storage: Any) -> Any:
    """One for all threads of the process, as boto3 allows for clients."""
    from botocore.config import Config

    return storage._create_session().client(
        "s3",
        region_name=storage.region_name,
        use_ssl=storage.use_ssl,
        endpoint_url=storage.endpoint_url,
        config=storage.client_config.merge(Config(**QUICK)),
        verify=storage.verify,
    )


@cache
def _accelerated_client(region: str) -> Any:
    """Signs the addresses that browsers upload to, which then enter Amazon's network near them.

    What this server reads and writes goes straight to the bucket: acceleration costs by the gigabyte.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        s3={"use_accelerate_endpoint": True},
        request_checksum_calculation="when_required",  # as in media_storage.py
    )
    return boto3.client("s3", region_name=region, config=config)


class _Bucket:
    def __init__(self, storage: Any) -> None:
        self.storage = storage

    @cached_property
    def client(self) -> Any:
        return self.storage.connection.meta.client

    @property
    def quick_client(self) -> Any:
        return _quick_client(self.storage)

    @property
    def bucket(self) -> str:
        return self.storage.bucket_name

    def at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": key}

    @contextmanager
    def errors(self, key: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchUpload", "NotFound"):
                raise FileNotFoundError(key) from error
            logger.exception("S3 refuses %s.", key)
            raise MediaUnavailable from error
        except (BotoCoreError, Boto3Error) as error:
            logger.exception("S3 does not answer for %s.", key)
            raise MediaUnavailable from error
        except Full as error:
            raise MediaUnavailable from error  # those who wait will log why

    def read(self, key: str) -> bytes:
        client = self.quick_client  # to make the first one takes seconds, which say nothing about S3
        with self.errors(key), _waiting.place():
            return client.get_object(**self.at(key))["Body"].read()

    def signed_url(self, key: str, download_name: str) -> str:
        disposition = content_disposition_header(True, download_name) if download_name else ""
        if self.storage.custom_domain:
            return self.cloudfront_url(key, disposition)
        options = {"ResponseContentDisposition": disposition} if disposition else {}
        return self.storage.url(key, parameters=options)

    def cloudfront_url(self, key: str, disposition: str) -> str:
        query = "?" + urlencode({"response-content-disposition": disposition}) if disposition else ""
        url = f"{self.storage.url_protocol}//{self.storage.custom_domain}/{quote(key)}{query}"
        expires_at = datetime.now(UTC) + timedelta(seconds=settings.MEDIA_URL_SECONDS)
        return self.storage.cloudfront_signer.generate_presigned_url(url, date_less_than=expires_at)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        with self.errors(key):
            wanted = f"bytes={start}-{start + length - 1}"
            return self.quick_client.get_object(**self.at(key), Range=wanted)["Body"].read()

    def copy(self, key: str, new_key: str) -> None:
        from boto3.s3.transfer import TransferConfig

        # Above the threshold S3 copies in parts, and then it forgets the type unless it is told again.
        extra = {
            "ContentType": content_type_of(new_key),
            "MetadataDirective": "REPLACE",
            **self.storage.object_parameters,
        }
        config = TransferConfig(multipart_threshold=256 * 2**20, multipart_chunksize=256 * 2**20)
        with self.errors(key):
            self.client.copy(self.at(key), **self.at(new_key), ExtraArgs=extra, Config=config)

    def size_and_type(self, key: str) -> tuple[int, str]:
        with self.errors(key):
            head = self.quick_client.head_object(**self.at(key))
        return head["ContentLength"], head["ContentType"]

    def start_parts(self, key: str, content_type: str) -> str:
        with self.errors(key):
            extra = {"ContentType": content_type, **self.storage.object_parameters}
            return self.quick_client.create_multipart_upload(**self.at(key), **extra)["UploadId"]

    def part_url(self, key: str, upload_id: str, number: int, length: int) -> str:
        part = {**self.at(key), "UploadId": upload_id, "PartNumber": number, "ContentLength": length}
        client = _accelerated_client(self.storage.region_name) if settings.MEDIA_UPLOADS_ACCELERATED else self.client
        return client.generate_presigned_url("upload_part", Params=part, ExpiresIn=PART_URL_SECONDS)

    def parts(self, key: str, upload_id: str) -> list[dict[str, Any]]:
        with self.errors(key):
            pages = self.quick_client.get_paginator("list_parts").paginate(**self.at(key), UploadId=upload_id)
            return [part for page in pages for part in page.get("Parts", [])]

    def part_sizes(self, key: str, upload_id: str) -> dict[int, int]:
        return {part["PartNumber"]: part["Size"] for part in self.parts(key, upload_id)}

    def join_parts(self, key: str, upload_id: str) -> None:
        parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self.parts(key, upload_id)]
        with self.errors(key):
            self.client.complete_multipart_upload(**self.at(key), UploadId=upload_id, MultipartUpload={"Parts": parts})

    def drop_parts(self, key: str, upload_id: str) -> None:
        with suppress(FileNotFoundError), self.errors(key):
            self.quick_client.abort_multipart_upload(**self.at(key), UploadId=upload_id)

    def delete_abandoned(self, before: datetime) -> int:
        with self.errors("incoming/"):
            objects = self.old("list_objects_v2", "Contents", "LastModified", before)
            for entry in objects:
                self.client.delete_object(**self.at(entry["Key"]))
            uploads = self.old("list_multipart_uploads", "Uploads", "Initiated", before)
            for entry in uploads:
                self.client.abort_multipart_upload(**self.at(entry["Key"]), UploadId=entry["UploadId"])
        return len(objects) + len(uploads)

    def old(self, operation: str, what: str, since: str, before: datetime) -> list[dict[str, Any]]:
        pages = self.client.get_paginator(operation).paginate(Bucket=self.bucket, Prefix="incoming/")
        return [entry for page in pages for entry in page.get(what, []) if entry[since] < before]
