"""Pictures that people upload."""

import io
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from PIL import Image

from coursebundler import images
from coursebundler.media_storage import media_settings

pytestmark = pytest.mark.detail

EXIF_ORIENTATION, EXIF_MAKE = 0x0112, 0x010F


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    media = media_settings(f"file://{tmp_path}/media", url_seconds=60)
    settings.STORAGES = {**settings.STORAGES, **media.storages}
    return tmp_path / "media"


def file(picture: Image.Image, form: str = "JPEG", **options) -> io.BytesIO:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer


def variant(key: str, width: int) -> Image.Image:
    with storages["public"].open(f"{key}-{width}.webp") as stored:
        picture = Image.open(io.BytesIO(stored.read()))
        picture.load()
    return picture


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int) -> io.BytesIO:
    """A few bytes that say they are a picture of this size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_it_works(form, client, db):
    key = images.save_image("posters", file(Image.new("RGB", (2000, 1500), "teal"), form), images.POSTER_WIDTHS)
    assert key.startswith("public/posters/")
    assert [variant(key, width).size for width in images.POSTER_WIDTHS] == [(320, 180), (640, 360), (1280, 720)]
    assert variant(key, 320).format == "WEBP"
    answer = client.get(images.image_url(key, 320))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/webp"


def test_photos_are_square():
    key = images.save_image("photos", file(Image.new("RGB", (300, 900), "teal")), images.PHOTO_WIDTHS)
    assert [variant(key, width).size for width in images.PHOTO_WIDTHS] == [(96, 96), (256, 256)]


def test_it_crops_around_the_centre():
    picture = Image.new("RGB", (900, 300), "red")
    picture.paste("blue", (300, 0, 600, 300))
    key = images.save_image("photos", file(picture, "PNG"), [96])
    red, _, blue = variant(key, 96).convert("RGB").getpixel((4, 48))
    assert blue > 200 > 60 > red


def test_it_enlarges_nothing():
    key = images.save_image("posters", file(Image.new("RGB", (400, 400), "teal")), images.POSTER_WIDTHS)
    assert [variant(key, width).size for width in images.POSTER_WIDTHS] == [(320, 180), (400, 225), (400, 225)]


def test_one_pixel_is_a_picture():
    key = images.save_image("posters", file(Image.new("RGB", (1, 1), "teal"), "PNG"), [320])
    assert variant(key, 320).size == (1, 1)


def test_it_turns_the_picture_upright_and_forgets_what_the_camera_wrote():
    picture = Image.new("RGB", (600, 600), "red")
    picture.paste("blue", (0, 0, 600, 300))  # upper half
    exif = Image.Exif()
    exif[EXIF_ORIENTATION], exif[EXIF_MAKE] = 3, "A camera"  # upside down
    key = images.save_image("photos", file(picture, exif=exif, quality=95), [256])
    stored = variant(key, 256)
    assert not stored.getexif()
    assert "exif" not in stored.info
    red, _, blue = stored.convert("RGB").getpixel((128, 30))
    assert red > 200 > 60 > blue


def test_transparent_parts_become_white():
    key = images.save_image("photos", file(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"), [96])
    assert min(variant(key, 96).convert("RGB").getpixel((48, 48))) > 250


def test_colours_of_printing_are_converted():
    key = images.save_image("photos", file(Image.new("CMYK", (300, 300), (255, 0, 0, 0))), [96])
    assert variant(key, 96).mode == "RGB"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ\x90\x00" + bytes(2000),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        file(Image.new("RGB", (300, 300), "teal"), "GIF").getvalue(),
        file(Image.effect_noise((300, 300), 50).convert("RGB")).getvalue()[:5000],
        png_of(300, 300).getvalue(),
    ],
    ids=["empty", "program", "svg", "gif", "cut off", "no pixels"],
)
def test_it_refuses_what_is_no_picture(data, folder):
    with pytest.raises(ValidationError, match="JPEG, PNG or WebP"):
        images.save_image("posters", io.BytesIO(data), images.POSTER_WIDTHS)
    assert not folder.exists()


@pytest.mark.parametrize("side", [8000, 12000, 60000], ids=["ours", "pillow warns", "pillow stops"])
def test_it_refuses_a_bomb_before_unpacking_it(side):
    with pytest.raises(ValidationError, match="50 million pixels"):
        images.save_image("posters", png_of(side, side), images.POSTER_WIDTHS)


def test_it_refuses_a_large_file(monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 500)
    with pytest.raises(ValidationError, match="larger than 10 MB"):
        images.save_image("posters", file(Image.new("RGB", (300, 300), "teal")), images.POSTER_WIDTHS)


def test_it_leaves_nothing_when_the_store_fails_half_way(folder, monkeypatch):
    real_save = type(storages["public"]).save

    def save(self, name, content, **more):
        if "-1280" in name:
            raise OSError("disk full")
        return real_save(self, name, content, **more)

    monkeypatch.setattr(type(storages["public"]), "save", save)
    with pytest.raises(OSError, match="disk full"):
        images.save_image("posters", file(Image.new("RGB", (2000, 1500), "teal")), images.POSTER_WIDTHS)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_delete_is_safe_to_repeat(folder):
    key = images.save_image("photos", file(Image.new("RGB", (300, 300), "teal")), images.PHOTO_WIDTHS)
    images.delete_image(key, images.PHOTO_WIDTHS)
    images.delete_image(key, images.PHOTO_WIDTHS)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
