"""Files behind the lectures of the cast, and where they can be."""

import io
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.files.storage import storages
from django.test import Client
from PIL import Image

from coursebundler.media_storage import media_settings
from courses import storage, uploads
from tests import servers


@pytest.fixture
def stored_files() -> None:
    """The captions and the file that the tests' lectures point to."""
    storage.store("private/captions/1.vtt", io.BytesIO(b"WEBVTT\n"), "text/vtt")
    storage.store("private/files/1.pdf", io.BytesIO(b"%PDF-1.4\n"), "application/pdf")


# --- The two places where media can be: a folder, and a real S3 API (moto) over HTTP on this machine ---


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with servers.moto() as address:
        yield address


def use_media(settings, url: str, **options) -> None:
    media = media_settings(url, url_seconds=settings.MEDIA_URL_SECONDS, **options)
    settings.STORAGES = {**settings.STORAGES, **media.storages}


def no_retries(s3_storage: Any) -> None:
    """boto3 waits between its attempts; one is enough to see that nobody answers."""
    from botocore.config import Config

    s3_storage.client_config = s3_storage.client_config.merge(Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def folder(settings, tmp_path) -> Path:
    """Media in an empty folder."""
    use_media(settings, f"file://{tmp_path}/media")
    return tmp_path / "media"


@pytest.fixture(scope="session")
def boto3_session() -> Any:
    """Reading boto3's description of S3 takes half a second; once is enough."""
    import boto3

    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.fixture
def bucket(settings, s3_server, boto3_session, monkeypatch) -> Any:
    """Media in an empty bucket; gives boto3's client for it, with the bucket's name as `client.name`."""
    monkeypatch.setattr("storages.backends.s3.S3Storage._create_session", lambda storage: boto3_session)
    name = f"media-{uuid.uuid4().hex[:12]}"
    use_media(settings, f"s3://{name}?region=us-east-1&endpoint_url={s3_server}")
    client = storages["private"].connection.meta.client
    client.create_bucket(Bucket=name)
    client.name = name
    return client


@pytest.fixture(params=["folder", "bucket"])
def media(request) -> str:
    """Runs the test twice, once for each place."""
    request.getfixturevalue(request.param)
    return request.param


# --- Files as people have them ---


def picture(size: tuple[int, int] = (64, 36), form: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, form, **options)
    return buffer.getvalue()


def box(name: bytes, contents: bytes) -> bytes:
    return (len(contents) + 8).to_bytes(4) + name + contents


def mp4(seconds: int = 90, padding: int = 0) -> bytes:
    """The beginning of an MP4 as far as its length is concerned."""
    header = bytes(12) + (1000).to_bytes(4) + (seconds * 1000).to_bytes(4) + bytes(80)
    return box(b"ftyp", b"isom\0\0\2\0") + box(b"mdat", bytes(padding)) + box(b"moov", box(b"mvhd", header))


WEBM = b"\x1a\x45\xdf\xa3" + bytes(60)
VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
PDF = b"%PDF-1.7\n" + bytes(100)


# --- What static/js/upload.js does ---


class Browser:
    def __init__(self, client: Client) -> None:
        self.client = client

    def ask(self, what: str, **body) -> Any:
        path = "/uploads" if what == "start" else f"/uploads/{what}"
        return self.client.post(path, body, content_type="application/json")

    def start(self, kind: str, name: str, data: bytes, **changes) -> Any:
        return self.ask("start", **{"kind": kind, "name": name, "size": len(data), "type": ""} | changes)

    def url(self, token: str, number: int) -> str:
        return self.ask("parts", token=token, numbers=[number]).json()["urls"][str(number)]

    def put(self, url: str, body: bytes) -> int:
        """The status of the answer, from our own server or from S3's."""
        if url.startswith("http"):
            return requests.put(url, data=body, timeout=10).status_code
        return self.client.put(url, body, content_type="application/octet-stream").status_code

    def send(self, token: str, data: bytes, *numbers: int) -> None:
        for number in numbers or range(1, -(-len(data) // storage.PART_SIZE) + 1):
            part = data[(number - 1) * storage.PART_SIZE : number * storage.PART_SIZE]
            assert self.put(self.url(token, number), part) == 200

    def upload(self, kind: str, name: str, data: bytes) -> str:
        """The token of the finished upload."""
        token = self.start(kind, name, data).json()["token"]
        self.send(token, data)
        assert self.ask("finish", token=token).status_code == 200
        return token


@pytest.fixture
def browser_of(client_of) -> Callable[..., Browser]:
    return lambda user: Browser(client_of(user))


@pytest.fixture
def browser(browser_of, stella) -> Browser:
    """Stella's."""
    return browser_of(stella)


def use_parts_of(size: int, monkeypatch) -> None:
    for module in (storage, storage.folder, uploads):
        monkeypatch.setattr(module, "PART_SIZE", size)


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """S3 takes no smaller parts than 5 MiB, unless they are the last."""
    use_parts_of(5 * 1024 * 1024, monkeypatch)
