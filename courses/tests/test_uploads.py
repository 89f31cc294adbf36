"""Files that go straight from the browser to the store: every rule in a folder and against a real S3 API."""

import io
import os
import socket
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from courses import storage, uploads
from courses.tests.conftest import PDF, VTT, WEBM, Browser, mp4, no_retries, picture, use_media

# Many files and uploads: left out of the default loop.
pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MIB = 1024 * 1024


def incoming() -> list[str]:
    """What lies in incoming/, in the folder."""
    return sorted(path.name for path in storage._store().path("incoming").glob("*"))


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        ("poster", "Poster.JPG", picture()),
        ("poster", "p.png", picture(form="PNG")),
        ("poster", "p.webp", picture(form="WEBP")),
        ("video", "lecture 1.mp4", mp4()),
        ("video", "v.webm", WEBM),
        ("captions", "c.vtt", VTT),
        ("captions", "c.vtt", b"\xef\xbb\xbfWEBVTT - Title\r\n"),
        ("file", "f.pdf", PDF),
        ("file", "f.zip", b"PK\x03\x04" + bytes(20)),
        ("file", "f.docx", b"PK\x03\x04" + bytes(20)),
        ("file", "f.csv", "name,city\nAda,Zürich\n".encode()),
    ],
)
def test_every_type_works(folder, browser, stella, kind, name, data):
    check_upload(browser, stella, kind, name, data)


@pytest.mark.parametrize(("kind", "name", "data"), [("poster", "p.jpg", picture()), ("video", "v.mp4", mp4())])
def test_it_works(media, browser, stella, kind, name, data):
    check_upload(browser, stella, kind, name, data)


def check_upload(browser, stella, kind, name, data):
    token = browser.upload(kind, name, data)
    key = uploads.claim(token, stella, kind)
    if kind == "poster":
        assert storage.read(f"{key}-320.webp")[8:12] == b"WEBP"
    else:
        assert key.startswith(f"{uploads.KINDS[kind].folder}/")
        assert storage.read(key) == data
        assert storage.size_and_type(key) == (len(data), storage.content_type_of(name))
    uploads.release(token, stella)
    with pytest.raises(ValidationError, match="no longer there"):
        uploads.claim(token, stella, kind)


def test_it_says_how_to_send_it(media, browser):
    answer = browser.ask("start", kind="video", name="v.mp4", size=20 * MIB, type="video/mp4")
    assert answer.status_code == 201
    assert answer.json().keys() == {"token", "part_size", "part_count"}
    assert answer.json()["part_size"] == 8 * MIB
    assert answer.json()["part_count"] == 3


# --- In parts, with interruptions ---


def test_it_goes_on_after_an_interruption(media, browser, stella, small_parts):
    data = mp4(padding=11 * MIB)
    token = browser.start("video", "v.mp4", data).json()["token"]
    assert browser.ask("parts", token=token).json() == {"done": []}
    browser.send(token, data, 3)
    browser.send(token, data, 1)
    assert browser.ask("parts", token=token).json() == {"done": [1, 3]}
    answer = browser.ask("finish", token=token)
    assert answer.status_code == 400
    assert "not arrived yet" in answer.json()["message"]
    browser.send(token, data, 2)
    assert browser.ask("finish", token=token).status_code == 200
    assert storage.read(uploads.claim(token, stella, "video")) == data


def test_a_part_may_be_sent_again(media, browser, stella, small_parts):
    data = mp4(padding=6 * MIB)
    token = browser.start("video", "v.mp4", data).json()["token"]
    assert browser.put(browser.url(token, 1), b"\1" * (5 * MIB)) == 200
    browser.send(token, data)
    browser.ask("finish", token=token)
    assert storage.read(uploads.claim(token, stella, "video")) == data


def test_finish_is_safe_to_repeat(media, browser):
    """The answer to the first request may have been lost."""
    token = browser.upload("video", "v.mp4", mp4())
    assert browser.ask("finish", token=token).json() == {"name": "v.mp4", "size": len(mp4())}
    assert browser.ask("parts", token=token).json() == {"done": [1]}


def test_cancel_leaves_nothing(media, browser, stella, small_parts):
    data = mp4(padding=6 * MIB)
    token = browser.start("video", "v.mp4", data).json()["token"]
    browser.send(token, data, 1)
    for _ in range(2):
        assert browser.ask("cancel", token=token).status_code == 200
    assert storage.delete_abandoned(timezone.now() + timedelta(days=1)) == 0
    assert browser.ask("finish", token=token).status_code == 400


def test_cancel_after_the_end_leaves_nothing(media, browser):
    token = browser.upload("video", "v.mp4", mp4())
    browser.ask("cancel", token=token)
    assert storage.delete_abandoned(timezone.now() + timedelta(days=1)) == 0


def test_the_address_of_a_part_signs_its_length(bucket, browser):
    data = mp4(padding=100)
    token = browser.start("video", "v.mp4", data).json()["token"]
    query = parse_qs(urlsplit(browser.url(token, 1)).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert query["X-Amz-Expires"] == ["3600"]


def test_the_type_of_the_object_is_fixed_at_the_start(bucket, browser):
    token = browser.start("video", "v.mp4", mp4()).json()["token"]
    browser.send(token, mp4())
    browser.ask("finish", token=token)
    upload = uploads.described(token)
    assert bucket.head_object(Bucket=bucket.name, Key=upload.key)["ContentType"] == "video/mp4"


# --- Our own addresses, in a folder ---


@pytest.mark.parametrize("change", [-1, 1])
def test_it_refuses_a_part_of_another_length(folder, browser, change):
    data = mp4()
    token = browser.start("video", "v.mp4", data).json()["token"]
    assert browser.put(browser.url(token, 1), (data + b"x")[: len(data) + change]) == 400
    assert browser.ask("parts", token=token).json() == {"done": []}


def test_it_refuses_a_part_that_breaks_off(folder, browser, live_server):
    """The length is as promised, but the connection ends before."""
    data = mp4(padding=1000)
    token = browser.start("video", "v.mp4", data).json()["token"]
    path = browser.url(token, 1)
    with socket.create_connection((live_server.thread.host, live_server.thread.port), timeout=5) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[:500])
    time.sleep(0.2)
    assert browser.ask("parts", token=token).json() == {"done": []}
    browser.send(token, data)
    assert browser.ask("finish", token=token).status_code == 200


def test_a_broken_second_attempt_makes_the_part_missing(folder, browser, stella):
    data = mp4(padding=1000)
    token = browser.start("video", "v.mp4", data).json()["token"]
    browser.send(token, data)
    part = signing.loads(browser.url(token, 1).rpartition("/")[2], salt=storage.PART_SALT)
    assert storage._store().write_part(**part, body=io.BytesIO(b"short")) == 5
    assert browser.ask("parts", token=token).json() == {"done": []}


def test_parts_need_no_session_only_the_address(folder, browser):
    data = mp4()
    token = browser.start("video", "v.mp4", data).json()["token"]
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.put(browser.url(token, 1), data).status_code == 200


def test_it_refuses_an_address_that_was_changed_or_has_expired(folder, browser, monkeypatch):
    data = mp4()
    token = browser.start("video", "v.mp4", data).json()["token"]
    url = browser.url(token, 1)
    assert browser.put(url[:-2], data) == 403
    assert browser.put("/uploads/part/" + token, data) == 403
    monkeypatch.setattr(storage, "PART_URL_SECONDS", -1)
    assert browser.put(url, data) == 403


def test_it_refuses_parts_after_the_end(folder, browser, stella):
    """What was checked cannot be changed any more."""
    token = browser.start("video", "v.mp4", mp4()).json()["token"]
    url = browser.url(token, 1)
    browser.put(url, mp4())
    browser.ask("finish", token=token)
    assert browser.put(url, b"MZ" + mp4()[2:]) == 404
    assert storage.read(uploads.claim(token, stella, "video")) == mp4()


@pytest.mark.parametrize("length", ["", "x", "-1", "²"])
def test_it_refuses_a_wrong_length_header(folder, browser, length):
    token = browser.start("video", "v.mp4", mp4()).json()["token"]
    assert browser.client.put(browser.url(token, 1), mp4(), headers={"Content-Length": length}).status_code == 400


def test_parts_are_put_and_nothing_else(folder, browser):
    token = browser.start("video", "v.mp4", mp4()).json()["token"]
    assert browser.client.post(browser.url(token, 1), mp4(), content_type="x/y").status_code == 405


# --- What is accepted ---


@pytest.mark.parametrize(
    ("kind", "name", "declared"),
    [
        ("video", "lecture.exe", ""),
        ("video", "lecture.mov", "video/quicktime"),
        ("video", "lecture", "video/mp4"),
        ("video", "lecture.mp4.exe", "video/mp4"),
        ("video", "lecture.mp4", "text/html"),
        ("poster", "poster.svg", "image/svg+xml"),
        ("poster", "poster.gif", "image/gif"),
        ("captions", "captions.srt", ""),
        ("file", "page.html", "text/html"),
        ("file", "v.mp4", "video/mp4"),
        ("video", "", ""),
    ],
)
def test_it_refuses_other_types(folder, browser, kind, name, declared):
    answer = browser.ask("start", kind=kind, name=name, size=1000, type=declared)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Please choose")
    assert storage.delete_abandoned(timezone.now() + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    "declared", ["", "application/octet-stream", "application/zip", "application/x-zip-compressed"]
)
def test_it_knows_other_names_of_types(folder, browser, declared):
    assert browser.ask("start", kind="file", name="f.zip", size=9, type=declared).status_code == 201


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        ("poster", "p.jpg", 10 * MIB),
        ("video", "v.mp4", 5 * 1024 * MIB),
        ("captions", "c.vtt", MIB),
        ("file", "f.pdf", 200 * MIB),
    ],
)
def test_it_refuses_files_that_are_too_large(folder, browser, kind, name, most):
    assert browser.ask("start", kind=kind, name=name, size=most).status_code == 201
    answer = browser.ask("start", kind=kind, name=name, size=most + 1)
    assert answer.status_code == 400
    assert "the limit is" in answer.json()["message"]


@pytest.mark.parametrize("size", [0, -1, 2**70])
def test_it_refuses_impossible_sizes(folder, browser, size):
    assert browser.ask("start", kind="video", name="v.mp4", size=size).status_code == 400


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        ("video", "v.mp4", b"MZ\x90\0" + bytes(200)),
        ("video", "v.mp4", WEBM),
        ("video", "v.webm", mp4()),
        ("poster", "p.jpg", b"<svg onload=alert(1)>"),
        ("captions", "c.vtt", b"WEBVTTX"),
        ("captions", "c.vtt", b"1\n00:00:00,000 --> 00:00:01,000\n"),
        ("file", "f.pdf", b"MZ\x90\0" + bytes(200)),
        ("file", "f.zip", b"Rar!" + bytes(20)),
        ("file", "f.txt", b"\x7fELF" + b"\x01" * 200),
        ("file", "f.csv", b"a\0b"),
    ],
)
def test_it_refuses_a_file_that_is_not_what_its_name_says(folder, browser, stella, kind, name, data):
    check_refusal(browser, stella, kind, name, data)


def test_it_refuses_a_program_in_s3(bucket, browser, stella):
    check_refusal(browser, stella, "video", "v.mp4", b"MZ\x90\0" + bytes(200))


def check_refusal(browser, stella, kind, name, data):
    token = browser.start(kind, name, data).json()["token"]
    browser.send(token, data)
    answer = browser.ask("finish", token=token)
    assert answer.status_code == 400
    assert "not what its name says" in answer.json()["message"]
    with pytest.raises(ValidationError):
        uploads.claim(token, stella, kind)
    assert storage.delete_abandoned(timezone.now() + timedelta(days=1)) == 0


def test_claiming_checks_too(media, browser, stella):
    """The browser may leave out `finish` and its check."""
    data = b"MZ\x90\0" + bytes(200)
    token = browser.start("video", "v.mp4", data).json()["token"]
    browser.send(token, data)
    with pytest.raises(ValidationError, match="no longer there"):
        uploads.claim(token, stella, "video")
    upload = uploads.described(token)
    storage.join_parts(upload.key, upload.store_id)
    with pytest.raises(ValidationError, match="not what its name says"):
        uploads.claim(token, stella, "video")
    with pytest.raises(ValidationError, match="no longer there"):
        uploads.claim(token, stella, "video")


def test_it_refuses_an_object_of_another_size(media, browser, stella):
    """moto does not enforce signatures, so it lets a longer part through, as an error of S3's would."""
    data = mp4()
    token = browser.start("video", "v.mp4", data).json()["token"]
    browser.send(token, data)
    browser.ask("finish", token=token)
    storage.store(uploads.described(token).key, io.BytesIO(data + b"more"), "video/mp4")
    answer = browser.ask("finish", token=token)
    assert answer.status_code == 400
    assert "did not arrive whole" in answer.json()["message"]
    with pytest.raises(ValidationError, match="no longer there"):
        uploads.claim(token, stella, "video")


def test_a_longer_part_does_not_count_in_s3(bucket, browser):
    data = mp4()
    token = browser.start("video", "v.mp4", data).json()["token"]
    browser.put(browser.url(token, 1), data + b"more")
    assert browser.ask("parts", token=token).json() == {"done": []}
    assert browser.ask("finish", token=token).status_code == 400


def test_an_object_that_vanished_is_said_to_be_gone(media, browser, stella):
    token = browser.upload("video", "v.mp4", mp4())
    storage.delete(uploads.described(token).key)
    for what in ("finish", "parts"):
        answer = browser.ask(what, token=token)
        assert answer.status_code == 400
        assert "no longer there" in answer.json()["message"]


@pytest.mark.parametrize(
    "name", ["../../v.mp4", "/etc/v.mp4", "a\0b.mp4", "\ud800.mp4", "x" * 5000 + ".mp4", "<b>.mp4"]
)
def test_the_name_decides_nothing(folder, browser, stella, name):
    token = browser.upload("video", name, mp4())
    key = uploads.claim(token, stella, "video")
    assert key.startswith("private/videos/")
    assert len(key) < 70


# --- Who ---


@pytest.mark.parametrize("what", ["start", "parts", "finish", "cancel"])
def test_it_requires_a_login(folder, what):
    answer = Browser(Client()).ask(what, kind="video", name="v.mp4", size=5)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")


@pytest.mark.parametrize("what", ["start", "parts", "finish", "cancel"])
def test_it_requires_the_permission(folder, browser_of, alice, what):
    assert browser_of(alice).ask(what, kind="video", name="v.mp4", size=5).status_code == 403


@pytest.mark.parametrize("what", ["start", "parts", "finish", "cancel"])
def test_it_requires_our_own_page(folder, stella, what):
    client = Client(enforce_csrf_checks=True)
    client.force_login(stella, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert Browser(client).ask(what, kind="video", name="v.mp4", size=5).status_code == 403


@pytest.mark.parametrize("what", ["start", "parts", "finish", "cancel"])
def test_it_requires_post(folder, client_of, stella, what):
    path = "/uploads" if what == "start" else f"/uploads/{what}"
    assert client_of(stella).get(path).status_code == 405


@pytest.mark.parametrize("what", ["parts", "finish", "cancel"])
def test_it_refuses_another_persons_token(folder, browser, browser_of, make_user, what):
    token = browser.upload("video", "v.mp4", mp4())
    other = make_user("Olga", is_staff=True, is_superuser=True)
    answer = browser_of(other).ask(what, token=token)
    assert answer.status_code == 400
    assert "not known" in answer.json()["message"]
    with pytest.raises(ValidationError, match="not known"):
        uploads.claim(token, other, "video")
    assert storage.size_and_type(uploads.described(token).key)


def test_it_refuses_a_token_of_another_kind(folder, browser, stella):
    token = browser.upload("file", "f.zip", b"PK\x03\x04" + bytes(20))
    with pytest.raises(ValidationError, match="not known"):
        uploads.claim(token, stella, "video")


@pytest.mark.parametrize("what", ["parts", "finish", "cancel"])
def test_it_refuses_a_token_that_was_changed(folder, browser, stella, what):
    token = browser.upload("video", "v.mp4", mp4())
    for wrong in (token[:-1], "x" + token, "", "a:b:c", "\0", signing.dumps({"id": "1"}, salt=uploads.TOKEN_SALT)):
        assert browser.ask(what, token=wrong).status_code == 400
        with pytest.raises(ValidationError):
            uploads.claim(wrong, stella, "video")


@pytest.mark.parametrize("what", ["parts", "finish", "cancel"])
def test_it_refuses_a_token_of_yesterday(folder, browser, stella, monkeypatch, what):
    token = browser.upload("video", "v.mp4", mp4())
    monkeypatch.setattr(uploads, "TOKEN_SECONDS", -1)
    answer = browser.ask(what, token=token)
    assert answer.status_code == 400
    assert "more than a day old" in answer.json()["message"]
    with pytest.raises(ValidationError, match="more than a day old"):
        uploads.claim(token, stella, "video")


# --- Bad requests ---


@pytest.mark.parametrize("what", ["start", "parts", "finish", "cancel"])
@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"x"', "\0", "[" * 100_000, '{"kind": {}}', '{"token": ["x"]}']
)
def test_it_refuses_other_bodies(folder, client_of, stella, what, body):
    path = "/uploads" if what == "start" else f"/uploads/{what}"
    assert client_of(stella).post(path, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "photo"},
        {"kind": None},
        {"kind": ["video"]},
        {"name": None},
        {"name": 5},
        {"size": None},
        {"size": "5"},
        {"size": 1.5},
        {"size": True},
    ],
)
def test_it_refuses_wrong_fields(folder, browser, change):
    assert browser.ask("start", **{"kind": "video", "name": "v.mp4", "size": 5} | change).status_code == 400


@pytest.mark.parametrize("numbers", [[0], [2], [-1], ["1"], [True], [1.0], "1", {"1": 1}, [1] * 21, [10**30]])
def test_it_refuses_parts_that_there_are_not(folder, browser, numbers):
    token = browser.start("video", "v.mp4", mp4()).json()["token"]
    assert browser.ask("parts", token=token, numbers=numbers).status_code == 400


def test_it_says_when_the_store_does_not_answer(settings, bucket, browser):
    use_media(settings, "s3://media?region=us-east-1&endpoint_url=http://127.0.0.1:9")
    no_retries(storages["private"])
    answer = browser.start("video", "v.mp4", mp4())
    assert answer.status_code == 503
    assert answer.json()["message"] == "The file store does not answer. Please try again in a moment."


# --- What nobody saved ---


def test_abandoned_uploads_are_deleted_from_the_folder(folder, browser, capsys):
    old = browser.start("video", "v.mp4", mp4()).json()["token"]
    finished = browser.upload("video", "v.mp4", mp4())
    fresh = browser.upload("video", "v.mp4", mp4())
    yesterday = time.time() - 25 * 3600
    for name in (f"{uploads.described(old).id}.parts", uploads.described(finished).id):
        os.utime(folder / "incoming" / name, (yesterday, yesterday))
    call_command("delete_abandoned_uploads")
    assert capsys.readouterr().out == "2 abandoned uploads deleted.\n"
    assert incoming() == [uploads.described(fresh).id]


def test_abandoned_uploads_are_deleted_from_s3(bucket, browser, stella):
    claimed = browser.upload("video", "v.mp4", mp4())
    key = uploads.claim(claimed, stella, "video")
    assert storage.delete_abandoned(timezone.now() - timedelta(days=1)) == 0
    browser.start("video", "v.mp4", mp4())  # moto says of all of these that they began in 2010
    assert storage.delete_abandoned(timezone.now() + timedelta(minutes=1)) == 2
    assert storage.read(key) == mp4()
    assert "Contents" not in bucket.list_objects_v2(Bucket=bucket.name, Prefix="incoming/")
    assert "Uploads" not in bucket.list_multipart_uploads(Bucket=bucket.name)


def test_there_may_be_nothing_to_delete(media):
    call_command("delete_abandoned_uploads")
