"""courses/storage/, in a folder and in S3."""

import base64
import contextlib
import io
import json
import socket
import time
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.files.storage import storages

from coursebundler import bulkhead
from courses import storage
from courses.storage import bucket as s3
from courses.tests.conftest import no_retries, use_media

KEY = "private/files/1.pdf"


def test_it_works(media):
    storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")
    assert storage.read(KEY) == b"%PDF-1.7"
    assert storage.read_range(KEY, 1, 3) == b"PDF"
    assert storage.size_and_type(KEY) == (8, "application/pdf")


def test_a_store_over_it_replaces_it(media):
    storage.store(KEY, io.BytesIO(b"a long first text"), "application/pdf")
    storage.store(KEY, io.BytesIO(b"short"), "application/pdf")
    assert storage.read(KEY) == b"short"


def test_a_copy_keeps_its_contents_and_type(media):
    storage.store("incoming/1", io.BytesIO(b"%PDF-1.7"), "application/pdf")
    storage.copy("incoming/1", KEY)
    storage.delete("incoming/1")
    assert storage.read(KEY) == b"%PDF-1.7"
    assert storage.size_and_type(KEY) == (8, "application/pdf")


def test_a_copy_works_where_there_are_no_links(folder, monkeypatch):
    def link(source, target):
        raise OSError("not on this file system")

    monkeypatch.setattr("os.link", link)
    test_a_copy_keeps_its_contents_and_type(None)


def test_what_is_not_there_is_not_found(media):
    for attempt in (storage.read, storage.size_and_type, lambda key: storage.read_range(key, 0, 5)):
        with pytest.raises(FileNotFoundError):
            attempt(KEY)
    with pytest.raises(FileNotFoundError):
        storage.copy(KEY, "private/files/2.pdf")
    storage.delete(KEY)  # safe


@pytest.mark.parametrize("key", ["../outside", "private/\0"])
def test_a_key_leads_nowhere_else(folder, key):
    with pytest.raises(FileNotFoundError):
        storage.read_range(key, 0, 5)


def test_a_full_disk_is_told_apart(folder, monkeypatch):
    def save(self, name, content, **more):
        raise OSError("No space left on device")

    monkeypatch.setattr(storage.PrivateFiles, "save", save)
    with pytest.raises(storage.MediaUnavailable):
        storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")


def test_a_store_that_does_not_answer_is_told_apart(settings, bucket):
    use_media(settings, "s3://media?region=us-east-1&endpoint_url=http://127.0.0.1:9")
    no_retries(storages["private"])
    for attempt in (storage.size_and_type, storage.read, storage.delete):
        with pytest.raises(storage.MediaUnavailable):
            attempt(KEY)


@pytest.fixture
def silent_store(settings, bucket, monkeypatch):
    """S3 takes connections and says nothing; what should be quick gives up after a moment."""
    monkeypatch.setattr(s3, "QUICK", {"read_timeout": 0.2, "retries": {"total_max_attempts": 1}})
    with socket.create_server(("127.0.0.1", 0)) as server:
        use_media(settings, f"s3://media?region=us-east-1&endpoint_url=http://127.0.0.1:{server.getsockname()[1]}")
        yield


@pytest.mark.parametrize(
    "attempt",
    [
        storage.read,
        storage.size_and_type,
        lambda key: storage.read_range(key, 0, 5),
        lambda key: storage.start_parts(key, "video/mp4"),
        lambda key: storage.part_sizes(key, "upload"),
        lambda key: storage.drop_parts(key, "upload"),
    ],
)
def test_a_store_that_falls_silent_is_not_waited_for_long(silent_store, attempt):
    began = time.monotonic()
    with pytest.raises(storage.MediaUnavailable):
        attempt(KEY)
    assert time.monotonic() - began < 5


def test_few_threads_wait_for_a_store_that_falls_silent(bucket, settings, monkeypatch):
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.05)
    storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")
    with contextlib.ExitStack() as waiting:
        for _ in range(settings.WEB_THREADS // 4):
            waiting.enter_context(s3._waiting.place())
        with pytest.raises(storage.MediaUnavailable):
            storage.read(KEY)
    assert storage.read(KEY) == b"%PDF-1.7"


def test_a_bucket_that_refuses_is_told_apart(settings, bucket, s3_server):
    use_media(settings, f"s3://no-such-bucket?region=us-east-1&endpoint_url={s3_server}")
    with pytest.raises(storage.MediaUnavailable):
        storage.start_parts("incoming/1", "video/mp4")


# --- In S3 ---


def test_a_private_address_is_signed_and_expires(bucket, settings):
    storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")
    url = storage.signed_url(KEY)
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Expires"] == [str(settings.MEDIA_URL_SECONDS)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Signature"]
    answer = requests.get(url, headers={"Range": "bytes=1-3"}, timeout=5)
    assert (answer.status_code, answer.content) == (206, b"PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Cache-Control"] == "private, max-age=86400"


def test_a_private_address_can_name_the_download(bucket):
    storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")
    answer = requests.get(storage.signed_url(KEY, download_name="Knots.pdf"), timeout=5)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Knots.pdf"'


def test_a_public_address_is_plain_and_may_be_kept_for_ever(bucket):
    storage.store("public/posters/1-320.webp", io.BytesIO(b"RIFF"), "image/webp")
    url = storages["public"].url("public/posters/1-320.webp")
    assert "?" not in url
    head = bucket.head_object(Bucket=bucket.name, Key="public/posters/1-320.webp")
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["ContentType"] == "image/webp"


def test_no_object_is_readable_by_everybody(bucket):
    storage.store(KEY, io.BytesIO(b"%PDF-1.7"), "application/pdf")
    grants = bucket.get_object_acl(Bucket=bucket.name, Key=KEY)["Grants"]
    assert all("URI" not in grant["Grantee"] for grant in grants)


def test_a_large_copy_keeps_its_type(bucket, monkeypatch):
    """Above its threshold boto3 copies in parts, which loses the type unless it is told again."""
    import boto3.s3.transfer

    real = boto3.s3.transfer.TransferConfig
    size = 5 * 2**20
    monkeypatch.setattr(
        "boto3.s3.transfer.TransferConfig", lambda **_: real(multipart_threshold=size, multipart_chunksize=size)
    )
    storage.store("incoming/1", io.BytesIO(bytes(2 * size)), "video/mp4")
    storage.copy("incoming/1", "private/videos/1.mp4")
    head = bucket.head_object(Bucket=bucket.name, Key="private/videos/1.mp4")
    assert head["ContentLength"] == 2 * size
    assert head["ContentType"] == "video/mp4"
    assert head["CacheControl"] == "private, max-age=86400"


# --- Behind CloudFront ---


@pytest.fixture
def cloudfront_key(settings, bucket, s3_server) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    url = f"s3://{bucket.name}?region=us-east-1&endpoint_url={s3_server}&cdn=https://cdn.example.org"
    use_media(settings, url, cloudfront_key_id="K2EXAMPLE", cloudfront_private_key=pem)
    return key


def verified_policy(url: str, key: rsa.RSAPrivateKey) -> dict:
    """What CloudFront does: build the canned policy from the address and check the signature over it."""
    address, _, signature_part = url.partition("Expires=")
    query = parse_qs("Expires=" + signature_part)
    policy = {
        "Statement": [
            {"Resource": address[:-1], "Condition": {"DateLessThan": {"AWS:EpochTime": int(query["Expires"][0])}}}
        ]
    }
    text = query["Signature"][0].replace("-", "+").replace("_", "=").replace("~", "/")
    signed = json.dumps(policy, separators=(",", ":")).encode()
    key.public_key().verify(base64.b64decode(text), signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    assert query["Key-Pair-Id"] == ["K2EXAMPLE"]
    return policy["Statement"][0]


def test_cloudfront_addresses_are_signed_and_expire(cloudfront_key, settings):
    before = int(time.time())
    statement = verified_policy(storage.signed_url("private/videos/1.mp4"), cloudfront_key)
    assert statement["Resource"] == "https://cdn.example.org/private/videos/1.mp4"
    expires_at = statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
    assert before + settings.MEDIA_URL_SECONDS - 1 <= expires_at <= time.time() + settings.MEDIA_URL_SECONDS


def test_cloudfront_addresses_can_name_the_download(cloudfront_key):
    statement = verified_policy(storage.signed_url(KEY, download_name="Knots.pdf"), cloudfront_key)
    assert "response-content-disposition=attachment" in statement["Resource"]
    assert 'filename="Knots.pdf"' in unquote(statement["Resource"]).replace("+", " ")


def test_public_addresses_go_through_cloudfront_unsigned(cloudfront_key):
    assert storages["public"].url("public/posters/1-320.webp") == "https://cdn.example.org/public/posters/1-320.webp"


def test_uploads_do_not_go_through_cloudfront(cloudfront_key, s3_server):
    assert storage.part_url("incoming/1", "id", 1, 5).startswith(s3_server)


def test_without_a_cloudfront_key_private_files_come_signed_from_s3(settings, bucket, s3_server):
    use_media(settings, f"s3://{bucket.name}?region=us-east-1&endpoint_url={s3_server}&cdn=https://cdn.example.org")
    assert "X-Amz-Signature" in storage.signed_url(KEY)
