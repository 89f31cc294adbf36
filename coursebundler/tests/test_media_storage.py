"""What MEDIA_STORAGE_URL may say, and what the start says when it is wrong."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from coursebundler.media_storage import media_settings

PEM = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"


def options(url: str, alias: str, **more) -> dict:
    return media_settings(url, **{"url_seconds": 60} | more).storages[alias]["OPTIONS"]


def test_a_folder_may_have_any_name():
    assert options("file:///srv/my%20media", "private")["location"] == "/srv/my media"
    assert media_settings("file:///srv/media", url_seconds=60).origins == []


def test_browsers_may_reach_the_bucket():
    assert media_settings("s3://my-media?region=ap-south-1", url_seconds=60).origins == [
        "https://my-media.s3.ap-south-1.amazonaws.com"
    ]


def test_browsers_may_reach_the_endpoint_and_the_cdn():
    url = "s3://my-media?region=us-east-1&endpoint_url=http://localhost:9000/&cdn=https://cdn.example.org"
    assert media_settings(url, url_seconds=60).origins == ["http://localhost:9000", "https://cdn.example.org"]


@pytest.mark.parametrize("region", ["us-east-1", "ap-south-1", "eu-central-2"])
def test_the_allowed_origin_is_where_addresses_point(region, settings, monkeypatch):
    """The policy of the page would stop an upload to any other origin."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    from courses import storage

    media = media_settings(f"s3://my-media?region={region}", url_seconds=60)
    settings.STORAGES = {**settings.STORAGES, **media.storages}
    assert storage.part_url("incoming/1", "id", 1, 5).startswith(f"{media.origins[0]}/incoming/1?")
    assert storage.signed_url("private/videos/1.mp4").startswith(f"{media.origins[0]}/private/videos/1.mp4?")


def test_accelerated_uploads_have_an_origin_of_their_own(settings, monkeypatch):
    """Only what browsers upload goes there; pages still read from the bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    from courses import storage

    media = media_settings("s3://my-media?region=us-east-1&accelerate=true", url_seconds=60)
    settings.STORAGES = {**settings.STORAGES, **media.storages}
    settings.MEDIA_UPLOADS_ACCELERATED = media.accelerates_uploads
    assert media.origins == [
        "https://my-media.s3.us-east-1.amazonaws.com",
        "https://my-media.s3-accelerate.amazonaws.com",
    ]
    part = storage.part_url("incoming/1", "id", 1, 5)
    assert part.startswith("https://my-media.s3-accelerate.amazonaws.com/incoming/1?")
    assert "content-length" in part
    assert "checksum" not in part
    assert storage.signed_url("private/videos/1.mp4").startswith(f"{media.origins[0]}/private/videos/1.mp4?")


@pytest.mark.parametrize("wrong", ["accelerate=yes", "accelerate=true&endpoint_url=http://localhost:9000"])
def test_acceleration_is_amazons_and_on_or_off(wrong):
    with pytest.raises(ImproperlyConfigured, match="accelerate"):
        media_settings(f"s3://my-media?region=us-east-1&{wrong}", url_seconds=60)


def test_uploads_go_straight_to_the_bucket_unless_told():
    assert media_settings("s3://my-media?region=us-east-1", url_seconds=60).accelerates_uploads is False
    off = media_settings("s3://my-media?region=us-east-1&accelerate=false", url_seconds=60)
    assert (off.accelerates_uploads, len(off.origins)) == (False, 1)


def test_private_files_use_the_cdn_only_when_it_signs():
    url = "s3://my-media?region=us-east-1&cdn=https://cdn.example.org"
    assert options(url, "public")["custom_domain"] == "cdn.example.org"
    assert "custom_domain" not in options(url, "private")
    signed = options(url, "private", cloudfront_key_id="K1", cloudfront_private_key=PEM)
    assert signed["custom_domain"] == "cdn.example.org"
    assert signed["cloudfront_key_id"] == "K1"


def test_no_object_is_made_public_by_an_acl():
    url = "s3://my-media?region=us-east-1"
    assert options(url, "private")["default_acl"] is None
    assert options(url, "private")["querystring_auth"] is True
    assert options(url, "private", url_seconds=77)["querystring_expire"] == 77
    assert options(url, "public")["querystring_auth"] is False


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must begin with file:/// or s3://"),
        ("/srv/media", "must begin with file:/// or s3://"),
        ("https://my-media", "must begin with file:/// or s3://"),
        ("file://srv/media", "three slashes"),
        ("file:///", "three slashes"),
        ("file:///srv/media?x=1", "three slashes"),
        ("file:///etc/passwd", "not a folder"),
        ("s3://", "must name a bucket"),
        ("s3://my.media?region=us-east-1", "must name a bucket"),
        ("s3://My_Media?region=us-east-1", "must name a bucket"),
        ("s3://my-media/folder?region=us-east-1", "must name a bucket"),
        ("s3://my-media", "needs the bucket's region"),
        ("s3://my-media?region=", "needs the bucket's region"),
        ("s3://my-media?region=moon", "needs the bucket's region"),
        ("s3://my-media?region=us-east-1&regoin=x", "does not know regoin"),
        ("s3://my-media?region=us-east-1&endpoint_url=localhost:9000", "endpoint_url"),
        ("s3://my-media?region=us-east-1&cdn=cdn.example.org", "cdn"),
        ("s3://my-media?region=us-east-1&cdn=https://cdn.example.org/media", "cdn"),
        ("s3://my-media?region=us-east-1&cdn=https://x.org%20;script-src%20*", "cdn"),
    ],
)
def test_it_refuses_a_wrong_url_with_a_sentence(url, says):
    with pytest.raises(ImproperlyConfigured, match=r"docs/media\.md") as error:
        media_settings(url, url_seconds=60)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "more",
    [
        {"cloudfront_key_id": "K1"},
        {"cloudfront_private_key": PEM},
        {"cloudfront_key_id": "K1", "cloudfront_private_key": "not a key"},
        {"cloudfront_key_id": "K1", "cloudfront_private_key": PEM},  # without a cdn
        {"url_seconds": 0},
        {"url_seconds": 8 * 24 * 3600},
    ],
)
def test_it_refuses_wrong_options(more):
    with pytest.raises(ImproperlyConfigured, match=r"docs/media\.md"):
        media_settings("s3://my-media?region=us-east-1", **{"url_seconds": 60} | more)
