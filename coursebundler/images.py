"""Pictures that people upload: checked by content, turned upright, cropped, stripped of metadata, stored as WebP."""

import io
import uuid
import warnings
from collections.abc import Iterable
from typing import IO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import Image, ImageOps

POSTER_WIDTHS = (320, 640, 1280)
PHOTO_WIDTHS = (96, 256)
RATIOS = {"posters": (16, 9), "photos": (1, 1)}
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000


def save_image(prefix: str, file: IO[bytes], widths: Iterable[int]) -> str:
    """Store the picture as `<key>-<width>.webp` in each of `widths` pixels and return the key, public/<prefix>/<id>.

    Cropped around its centre to the prefix's shape. Nothing is enlarged: of a picture narrower than a width, that
    variant has the picture's own width. Raises ValidationError, in words for the person who chose the file.
    """
    picture = _flat(_opened(file))
    key = f"public/{prefix}/{uuid.uuid4().hex}"
    widths = tuple(widths)
    try:
        for width in widths:
            _save_variant(picture, _size(picture, RATIOS[prefix], width), _name(key, width))
    except Exception:
        delete_image(key, widths)
        raise
    return key


def image_url(key: str, width: int) -> str:
    """The address of one variant; it never changes what it shows, so caches may keep it for ever."""
    return storages["public"].url(_name(key, width))


def delete_image(key: str, widths: Iterable[int]) -> None:
    """Remove the variants. Safe to call any number of times."""
    for width in widths:
        storages["public"].delete(_name(key, width))


def _name(key: str, width: int) -> str:
    return f"{key}-{width}.webp"


def _opened(file: IO[bytes]) -> Image.Image:
    file.seek(0, io.SEEK_END)
    if file.tell() > MAX_BYTES:
        raise ValidationError("This picture is larger than 10 MB. Please choose a smaller one.", "too_large")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(file, formats=FORMATS)
            _check_pixels(picture)
            picture.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels() from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # What Pillow raises for foreign, cut off and damaged files; UnidentifiedImageError is an OSError.
        raise ValidationError(
            "Please choose a picture in JPEG, PNG or WebP form; this file is not one.", "not_a_picture"
        ) from error
    return picture


def _check_pixels(picture: Image.Image) -> None:
    """Before decoding: a small file can hold a picture that fills the memory."""
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_many_pixels()


def _too_many_pixels() -> ValidationError:
    return ValidationError(
        "This picture has more than 50 million pixels. Please choose a smaller one.", "too_many_pixels"
    )


def _flat(picture: Image.Image) -> Image.Image:
    """Upright, on white where it was transparent, without what the camera wrote into it (place, time, owner)."""
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA") else None
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
    picture = picture.convert("RGB")
    # The colours of a wide-gamut photograph are wrong without its profile, which says nothing about the person.
    picture.info = {"icc_profile": profile}
    return picture


def _size(picture: Image.Image, ratio: tuple[int, int], width: int) -> tuple[int, int]:
    across, down = ratio
    width = max(1, min(width, picture.width, picture.height * across // down))
    return width, max(1, round(width * down / across))


def _save_variant(picture: Image.Image, size: tuple[int, int], name: str) -> None:
    buffer = io.BytesIO()
    variant = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    variant.save(buffer, "WEBP", quality=80, method=4, icc_profile=picture.info["icc_profile"])
    content = ContentFile(buffer.getvalue())
    content.content_type = "image/webp"  # type: ignore[attr-defined]  # django-storages sends it to S3
    storages["public"].save(name, content)
