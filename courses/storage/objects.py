"""What both stores have in common: what an object's type is, how long parts are, and what can go wrong."""

from pathlib import PurePosixPath

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


class MediaUnavailable(Exception):
    """The store does not answer, or refuses us; the cause is in the log. Trying again later may work."""


def content_type_of(key: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")
