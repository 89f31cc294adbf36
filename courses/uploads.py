"""Files on their way from a browser to a course: which are accepted, and the token that stands for one (docs/media.md).

An upload has no database row. What was promised (who, what, how large) is in a signed token that the browser keeps;
what has arrived is in incoming/ and is deleted after a day if nobody saves it (`manage.py delete_abandoned_uploads`).
Errors are ValidationErrors in the words of the person who chose the file.
"""

import contextlib
import io
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from coursebundler import images
from courses import storage
from courses.mp4 import mp4_seconds
from courses.storage import PART_SIZE

TOKEN_SALT = "courses.uploads"  # noqa: S105  # not a password
TOKEN_SECONDS = 24 * 3600
MIB = 1024 * 1024


@dataclass(frozen=True)
class Kind:
    """What may be uploaded for one purpose. `suffixes` decide the content type; the first bytes must agree."""

    folder: str
    suffixes: tuple[str, ...]
    max_bytes: int
    wanted: str  # completes "Please choose …"

    @property
    def accept(self) -> str:
        """For the accept attribute of a file input."""
        return ",".join(self.suffixes)


KINDS = {
    "poster": Kind("posters", (".jpg", ".jpeg", ".png", ".webp"), images.MAX_BYTES, "a JPEG, PNG or WebP picture"),
    "video": Kind("private/videos", (".mp4", ".webm"), 5 * 1024 * MIB, "an MP4 or WebM video"),
    "captions": Kind("private/captions", (".vtt",), MIB, "captions in WebVTT form (.vtt)"),
    "file": Kind(
        "private/files",
        (".pdf", ".zip", ".docx", ".xlsx", ".pptx", ".txt", ".csv"),
        200 * MIB,
        "a PDF, ZIP, Word, Excel, PowerPoint, text or CSV file",
    ),
}

# What Windows and some browsers call the same things.
ALIASES = {
    "application/x-zip-compressed": "application/zip",
    "application/vnd.ms-excel": "text/csv",
    "image/jpg": "image/jpeg",
    "video/x-m4v": "video/mp4",
}
UNKNOWN_TYPES = ("", "application/octet-stream")


def _is_zip(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _is_text(start: bytes) -> bool:
    # The cut may have split the last character; everything before it must be text.
    return b"\0" not in start and not start.startswith((b"MZ", b"\x7fELF")) and bool(start.decode("utf-8", "ignore"))


def _is_webvtt(start: bytes) -> bool:
    body = start.removeprefix(b"\xef\xbb\xbf")
    return body.startswith(b"WEBVTT") and body[6:7] in (b"", b" ", b"\t", b"\r", b"\n") and b"\0" not in body


LOOKS_LIKE: dict[str, Callable[[bytes], bool]] = {
    "application/pdf": lambda start: b"%PDF-" in start[:1024],
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _is_zip,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _is_zip,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _is_zip,
    "application/zip": _is_zip,
    "image/jpeg": lambda start: start.startswith(b"\xff\xd8\xff"),
    "image/png": lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda start: start[:4] == b"RIFF" and start[8:12] == b"WEBP",
    "text/csv": _is_text,
    "text/plain": _is_text,
    "text/vtt": _is_webvtt,
    "video/mp4": lambda start: start[4:8] == b"ftyp",
    "video/webm": lambda start: start.startswith(b"\x1a\x45\xdf\xa3"),
}


@dataclass(frozen=True)
class Upload:
    """What was promised at the start; the contents of a token."""

    id: str
    user: str
    kind: str
    name: str
    size: int
    store_id: str  # of the multipart upload in S3

    @property
    def key(self) -> str:
        return f"incoming/{self.id}"

    @property
    def content_type(self) -> str:
        return storage.content_type_of(self.name)

    @property
    def part_count(self) -> int:
        return -(-self.size // PART_SIZE)

    def part_length(self, number: int) -> int:
        """Bytes of part `number`, from 1: all are PART_SIZE but the last."""
        return min(PART_SIZE, self.size - (number - 1) * PART_SIZE)

    @property
    def token(self) -> str:
        return signing.dumps(asdict(self), salt=TOKEN_SALT, compress=True)


def start(user: Any, kind: str, name: str, size: int, declared_type: str = "") -> Upload:
    """Make ready for a file of exactly `size` bytes. Raises ValidationError if such a file is not accepted."""
    upload = _promise(user, kind, name, size, declared_type)
    store_id = storage.start_parts(upload.key, upload.content_type)
    return Upload(**asdict(upload) | {"store_id": store_id})


def opened(token: str, user: Any, kind: str = "") -> Upload:
    """The upload that a token stands for. Raises ValidationError if it is not this user's, of this kind, and fresh."""
    try:
        upload = Upload(**signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS))
    except signing.SignatureExpired as error:
        raise ValidationError("This upload is more than a day old. Please choose the file again.", "expired") from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ValidationError("This upload is not known. Please choose the file again.", "unknown") from error
    if upload.user != str(user.pk) or (kind and upload.kind != kind):
        raise ValidationError("This upload is not known. Please choose the file again.", "unknown")
    return upload


def described(token: str) -> Upload | None:
    """Name and size for showing; says nothing about whose it is or whether it has arrived."""
    try:
        return Upload(**signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        return None


def parts_done(upload: Upload) -> list[int]:
    """The numbers of the parts that need not be sent again; all of them once the upload is finished."""
    try:
        sizes = storage.part_sizes(upload.key, upload.store_id)
    except FileNotFoundError:
        _check(upload)
        return list(range(1, upload.part_count + 1))
    return sorted(number for number, size in sizes.items() if size == upload.part_length(number))


def finish(upload: Upload) -> None:
    """Join the parts and check what came of it. Safe to call any number of times.

    Raises ValidationError and keeps nothing if the file is not what was promised; if parts are missing they can still
    be sent.
    """
    if len(parts_done(upload)) < upload.part_count:
        raise ValidationError("Parts of this file have not arrived yet. Please try again.", "incomplete")
    with contextlib.suppress(FileNotFoundError):  # joined before: the answer to the first request was lost
        storage.join_parts(upload.key, upload.store_id)
    _check(upload)


def cancel(upload: Upload) -> None:
    """Forget the upload, whole or in parts. Safe to call any number of times."""
    storage.drop_parts(upload.key, upload.store_id)
    storage.delete(upload.key)


def receive(user: Any, kind: str, file: UploadedFile) -> Upload:
    """Take in a file that came through the server, in a form without JavaScript, as if the browser had uploaded it."""
    upload = _promise(user, kind, file.name or "", file.size or 0, file.content_type or "")
    _check_start(upload, file.read(4096))
    file.seek(0)
    storage.store(upload.key, file, upload.content_type)
    return upload


def arrived(token: str, user: Any, kind: str) -> Upload:
    """The finished upload that a token stands for. Raises ValidationError if there is none, or it is a wrong one."""
    upload = opened(token, user, kind)
    _check(upload)
    return upload


def video_seconds(upload: Upload) -> int | None:
    """How long the uploaded video is, if it says so itself: an MP4 does, a WebM does not."""
    if upload.content_type != "video/mp4":
        return None
    return mp4_seconds(lambda start, length: storage.read_range(upload.key, start, length), upload.size)


def claim(token: str, user: Any, kind: str) -> str:
    """Copy the finished upload to where it stays and return that key; call `release` once the key is in the database.

    Raises ValidationError if there is no such upload, or it is not what was promised.
    """
    upload = arrived(token, user, kind)
    try:
        if kind == "poster":
            return images.save_image("posters", io.BytesIO(storage.read(upload.key)), images.POSTER_WIDTHS)
        key = f"{KINDS[kind].folder}/{uuid.uuid4()}{PurePosixPath(upload.name).suffix.lower()}"
        storage.copy(upload.key, key)
    except FileNotFoundError as error:
        raise ValidationError("This file is no longer there. Please choose it again.", "gone") from error
    return key


def release(token: str, user: Any) -> None:
    """Remove the claimed upload from incoming/. Safe to call any number of times."""
    cancel(opened(token, user))


def discard(kind: str, key: str) -> None:
    """Delete a claimed file that nobody refers to. Safe to call any number of times."""
    if kind == "poster":
        images.delete_image(key, images.POSTER_WIDTHS)
    else:
        storage.delete(key)


def _promise(user: Any, kind: str, name: str, size: int, declared_type: str) -> Upload:
    rules = KINDS[kind]
    if PurePosixPath(name).suffix.lower() not in rules.suffixes:
        raise ValidationError(f"Please choose {rules.wanted}.", "wrong_type")
    shown = name[-120:].encode("utf-8", "replace").decode().replace("\0", "")
    upload = Upload(uuid.uuid4().hex, str(user.pk), kind, shown, size, "")
    declared = declared_type.partition(";")[0].strip().lower()
    if declared not in UNKNOWN_TYPES and ALIASES.get(declared, declared) != upload.content_type:
        raise ValidationError(f"Please choose {rules.wanted}.", "wrong_type")
    if size < 1:
        raise ValidationError("This file is empty.", "empty")
    if size > rules.max_bytes:
        limit = filesizeformat(rules.max_bytes)
        raise ValidationError(f"This file is {filesizeformat(size)}; the limit is {limit}.", "too_large")
    return upload


def _check(upload: Upload) -> None:
    """The object is there, as large as promised, and begins as its type does. A wrong one is deleted."""
    try:
        size, _ = storage.size_and_type(upload.key)
        if size != upload.size:
            raise ValidationError("This file did not arrive whole. Please choose it again.", "wrong_size")
        _check_start(upload, storage.read_range(upload.key, 0, 4096))
    except FileNotFoundError as error:
        raise ValidationError("This file is no longer there. Please choose it again.", "gone") from error
    except ValidationError:
        cancel(upload)
        raise


def _check_start(upload: Upload, first_bytes: bytes) -> None:
    if not LOOKS_LIKE[upload.content_type](first_bytes):
        wanted = KINDS[upload.kind].wanted
        raise ValidationError(f"This file is not what its name says. Please choose {wanted}.", "wrong_contents")
