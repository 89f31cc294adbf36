"""Media in S3, given to browsers by CloudFront."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.utils.http import content_disposition_header

from coursebundler.bulkhead import Bulkhead, Full
from courses.storage.objects import PART_URL_SECONDS, MediaUnavailable, content_type_of

logger = logging.getLogger(__name__)

# For what somebody waits for and S3 has at hand. Copying and joining large objects takes it minutes at times.
QUICK: dict[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
# Every page of a player asks for captions: if S3 falls silent, most threads shall still have pages to give.
# While it is quick, which is nearly always, everybody waits a moment instead of going without captions.
_waiting = Bulkhead(settings.WEB_THREADS // 4)


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


class Bucket:
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
