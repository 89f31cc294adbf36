"""Media in a folder of this machine, given to browsers by the site (courses/views/media.py)."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core import signing
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, UnreadablePostError
from django.urls import reverse

from courses.storage.objects import PART_SIZE, MediaUnavailable, content_type_of

logger = logging.getLogger(__name__)

MEDIA_SALT = "courses.storage.media"
PART_SALT = "courses.storage.part"


class Folder:
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
