"""Files that this server gives out itself, when media are in a folder."""

import io
from urllib.parse import unquote

import pytest
from django.core import signing

from courses import storage

pytestmark = pytest.mark.django_db
CONTENTS = bytes(range(256)) * 4
KEY = "private/videos/1.mp4"


@pytest.fixture
def video(folder) -> str:
    """The address of a stored video."""
    storage.store(KEY, io.BytesIO(CONTENTS), "video/mp4")
    return storage.signed_url(KEY)


def test_it_works(client, video):
    answer = client.get(video)
    assert answer.status_code == 200
    assert answer.getvalue() == CONTENTS
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Content-Length"] == "1024"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, max-age=86400"
    assert "Content-Disposition" not in answer


def test_it_gives_the_file_a_name_when_it_is_to_be_saved(client, video):
    answer = client.get(storage.signed_url(KEY, download_name='Knöten & "co".mp4'))
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''Kn%C3%B6ten")


def test_it_is_not_compressed(client, video):
    """A byte range of something compressed on the way is not a byte range of the file."""
    answer = client.get(video, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer
    assert answer.getvalue() == CONTENTS


@pytest.mark.parametrize(
    ("asked", "content_range", "body"),
    [
        ("bytes=0-0", "bytes 0-0/1024", CONTENTS[:1]),
        ("bytes=10-19", "bytes 10-19/1024", CONTENTS[10:20]),
        ("bytes=1000-", "bytes 1000-1023/1024", CONTENTS[1000:]),
        ("bytes=1000-9999", "bytes 1000-1023/1024", CONTENTS[1000:]),
        ("bytes=-24", "bytes 1000-1023/1024", CONTENTS[1000:]),
        ("bytes=-9999", "bytes 0-1023/1024", CONTENTS),
    ],
)
def test_it_gives_a_range(client, video, asked, content_range, body):
    answer = client.get(video, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer["Content-Range"] == content_range
    assert answer["Content-Length"] == str(len(body))
    assert answer.getvalue() == body


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=1024-2000", "bytes=-0", "bytes=99999999999999999-"])
def test_it_refuses_a_range_beyond_the_end(client, video, asked):
    answer = client.get(video, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize(
    "asked",
    ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=" + "9" * 5000 + "-"],
)
def test_it_gives_everything_when_the_range_is_none_it_knows(client, video, asked):
    answer = client.get(video, headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.getvalue() == CONTENTS


def test_it_gives_a_range_only_of_the_version_the_browser_holds(client, video):
    first = client.get(video)
    first.getvalue()
    for validator in (first["ETag"], first["Last-Modified"]):
        assert client.get(video, headers={"Range": "bytes=0-4", "If-Range": validator}).status_code == 206
    for other in ('"another"', "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert client.get(video, headers={"Range": "bytes=0-4", "If-Range": other}).status_code == 200


def test_it_answers_head(client, video):
    answer = client.head(video, headers={"Range": "bytes=0-4"})
    assert answer.status_code == 200
    assert answer["Content-Length"] == "1024"
    assert answer.content == b""


def test_it_answers_304_to_who_has_it(client, video):
    etag = client.head(video)["ETag"]
    assert client.get(video, headers={"If-None-Match": etag}).status_code == 304


def test_it_refuses_other_methods(client, video):
    assert client.post(video).status_code == 405


def test_it_refuses_an_expired_address(client, video, settings):
    settings.MEDIA_URL_SECONDS = -1
    answer = client.get(video)
    assert answer.status_code == 403
    assert "expired" in answer.text


@pytest.mark.parametrize("change", [lambda url: url[:-3], lambda url: url + "x", lambda url: url[:20] + "A" + url[21:]])
def test_it_refuses_an_address_that_was_changed(client, video, change):
    assert client.get(change(video)).status_code == 403


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "%F0%9F%8E%A5", "x" * 5000])
def test_it_refuses_an_address_that_is_not_ours(client, folder, token):
    assert client.get(f"/media/signed/{token}").status_code == 403


def test_it_refuses_a_signature_for_something_else(client, video):
    assert client.get("/media/signed/" + signing.dumps({"key": KEY}, salt="courses.uploads")).status_code == 403


def test_it_says_404_when_the_file_has_gone(client, video):
    storage.delete(KEY)
    assert client.get(video).status_code == 404


@pytest.mark.parametrize(
    "key", ["private/../secret.txt", "../secret.txt", "/etc/passwd", "incoming/1", "private/", "private/\0"]
)
def test_it_signs_nothing_outside_the_private_folder(client, video, folder, key):
    (folder / "secret.txt").write_text("secret")
    (folder / "incoming").mkdir()
    (folder / "incoming" / "1").write_text("secret")
    assert client.get(storage.signed_url(key)).status_code == 404


def test_public_media_may_be_kept_for_ever(client, folder):
    storage.store("public/posters/1-320.webp", io.BytesIO(b"RIFF"), "image/webp")
    answer = client.get("/media/public/posters/1-320.webp")
    assert answer.status_code == 200
    assert answer.getvalue() == b"RIFF"
    assert answer["Content-Type"] == "image/webp"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "../private/videos/1.mp4",
        "%2e%2e/private/videos/1.mp4",
        "x/../../private/videos/1.mp4",
        "/etc/passwd",
        "%00",
        "",
        "posters",
    ],
)
def test_public_media_gives_nothing_else(client, video, folder, path):
    (folder / "public" / "posters").mkdir(parents=True)
    assert client.get(f"/media/public/{path}").status_code == 404
    assert client.get(unquote(f"/media/public/{path}")).status_code == 404


def test_there_is_nothing_here_when_media_are_in_s3(client, bucket):
    storage.store("public/posters/1-320.webp", io.BytesIO(b"RIFF"), "image/webp")
    assert client.get("/media/public/posters/1-320.webp").status_code == 404
    signed = signing.dumps({"key": KEY}, salt=storage.MEDIA_SALT)
    assert client.get(f"/media/signed/{signed}").status_code == 404
