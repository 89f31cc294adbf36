"""The committed videos, captions, posters, portraits and downloads, and how they get into the site's storage.

Videos, captions and downloads have fixed keys and are shared by the lectures that name them: a repeat copies nothing.
"""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.core.files import File

from coursebundler.images import PHOTO_WIDTHS, POSTER_WIDTHS, save_image
from courses import storage

FOLDER = Path(__file__).parent / "assets"


@cache
def video_seconds() -> dict[str, int]:
    """The length of each video in whole seconds; make_assets.py measured them."""
    return json.loads((FOLDER / "videos.json").read_text())


def store_video(name: str) -> str:
    """The private key of a video. Safe to repeat: copies only what is not there."""
    return _store(f"videos/{name}.mp4")


def store_captions(name: str) -> str:
    """The private key of a video's captions. Safe to repeat."""
    return _store(f"videos/{name}.vtt")


def store_download(name: str) -> str:
    """The private key of a file for students. Safe to repeat."""
    return _store(f"downloads/{name}")


def store_poster(name: str) -> str:
    """A new public key of a poster, in all sizes. Each call stores another copy: a course has its poster to itself."""
    return _store_image("posters", name, POSTER_WIDTHS)


def store_portrait(name: str) -> str:
    """A new public key of a person's picture, in all sizes."""
    return _store_image("photos", name, PHOTO_WIDTHS)


def _store(path: str) -> str:
    """Under a key with a hash of the contents: a later release's better video gets a key of its own."""
    file = FOLDER / path
    key = f"private/demo/{file.stem}-{sha256(file.read_bytes()).hexdigest()[:12]}{file.suffix}"
    try:
        storage.size_and_type(key)
    except FileNotFoundError:
        with file.open("rb") as source:
            storage.store(key, source, storage.content_type_of(key))
    return key


def _store_image(prefix: str, name: str, widths: tuple[int, ...]) -> str:
    with (FOLDER / prefix / f"{name}.webp").open("rb") as file:
        return save_image(prefix, File(file, name=f"{name}.webp"), widths)
