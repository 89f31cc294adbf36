"""Where dumps are kept: BACKUP_URL is file:///folder or s3://bucket/prefix?region=…

Each dump is a folder below it, named by its moment, so that names sort by age.
"""

import re
import shutil
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from coursebundler.backups.manifest import NAME as MANIFEST

NAME_PATTERN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
EXAMPLE = "s3://my-backups/dumps?region=us-east-1"


class StoreError(Exception):
    """The folder or the bucket does not do what it should. The text says what and where."""


class Store(Protocol):
    url: str

    def names(self) -> list[str]:
        """Of the dumps that are finished, newest first."""

    def put(self, name: str, file: str, source: Path) -> None:
        """Keep a copy of the local file `source` as `file` of the dump `name`; a second time replaces the first."""

    def get(self, name: str, file: str, target: Path) -> None:
        """Copy it to the local file `target`. StoreError if it is not there."""


def store_at(url: str) -> Store:
    """Raises ImproperlyConfigured with a sentence for the operator."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1 and not parts.query:
        return Folder(url, Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return _bucket(url)
    raise ImproperlyConfigured(f"BACKUP_URL must be file:///folder or like {EXAMPLE}")


def _bucket(url: str) -> "Bucket":
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", parts.netloc) or parts.fragment:
        raise ImproperlyConfigured(f"BACKUP_URL must name a bucket of lower-case letters and digits: {EXAMPLE}")
    if unknown := sorted(options.keys() - {"region", "endpoint_url"}):
        raise ImproperlyConfigured(f"BACKUP_URL does not know {', '.join(unknown)}; it takes region and endpoint_url.")
    return Bucket(url, parts.netloc, unquote(parts.path).strip("/"), options)


class Folder:
    """For one machine, and for the tests. Only the owner may read what is in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        found = [path.parent.name for path in self.folder.glob(f"*/{MANIFEST}")]
        return sorted(filter(NAME_PATTERN.fullmatch, found), reverse=True)

    def put(self, name: str, file: str, source: Path) -> None:
        try:
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = self.folder / name / f".{file}"
            shutil.copyfile(source, partial)
            partial.chmod(0o600)
            partial.replace(self.folder / name / file)
        except OSError as error:
            raise StoreError(f"{self.folder / name / file} could not be written: {error.strerror}.") from error

    def get(self, name: str, file: str, target: Path) -> None:
        try:
            shutil.copyfile(self.folder / name / file, target)
        except OSError as error:
            raise StoreError(f"{self.folder / name / file} cannot be read or copied: {error.strerror}.") from error


class Bucket:
    """For everything else. Encryption, versions and how long dumps stay are the bucket's own (deploy/terraform)."""

    def __init__(self, url: str, bucket: str, prefix: str, options: dict[str, str]) -> None:
        self.url = url
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self._options = options
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            import boto3  # takes a fifth of a second, which a folder need not pay
            from botocore.config import Config

            config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
            region, endpoint = self._options.get("region"), self._options.get("endpoint_url")
            self._made = boto3.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        return self._made

    def names(self) -> list[str]:
        return self._ask(self._names, f"list s3://{self.bucket}/{self.prefix}")

    def _names(self) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        keys = [entry["Key"].removeprefix(self.prefix) for page in pages for entry in page.get("Contents", ())]
        found = [key.partition("/")[0] for key in keys if key.endswith(f"/{MANIFEST}") and key.count("/") == 1]
        return sorted(filter(NAME_PATTERN.fullmatch, found), reverse=True)

    def put(self, name: str, file: str, source: Path) -> None:
        key = f"{self.prefix}{name}/{file}"
        self._ask(lambda: self._client.upload_file(str(source), self.bucket, key), f"write s3://{self.bucket}/{key}")

    def get(self, name: str, file: str, target: Path) -> None:
        key = f"{self.prefix}{name}/{file}"
        self._ask(lambda: self._client.download_file(self.bucket, key, str(target)), f"read s3://{self.bucket}/{key}")

    def _ask(self, question: Any, what: str) -> Any:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return question()
        except ClientError as error:
            raise StoreError(f"S3 did not {what}: {error.response['Error']['Code']}.") from error
        except (BotoCoreError, Boto3Error, OSError) as error:
            raise StoreError(f"S3 did not {what}: {error}") from error
