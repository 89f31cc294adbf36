"""What MEDIA_STORAGE_URL means: which storages Django uses for media, and which origins a browser may reach."""

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# Keys hold random ids and are never written twice, so what a browser has it may keep.
PUBLIC_CACHE_CONTROL = "public, max-age=31536000, immutable"
PRIVATE_CACHE_CONTROL = "private, max-age=86400"
LONGEST_URL_SECONDS = 7 * 24 * 3600  # of an S3 signature
S3_OPTIONS = {"region", "endpoint_url", "cdn", "accelerate"}


class MediaSettings(NamedTuple):
    storages: dict[str, dict[str, Any]]  # the aliases "public", "private" and "default" of STORAGES
    origins: list[str]  # scheme://host[:port], for the Content-Security-Policy
    accelerates_uploads: bool = False  # whether browsers upload through S3 Transfer Acceleration


def media_settings(
    url: str, *, url_seconds: int, cloudfront_key_id: str = "", cloudfront_private_key: str = ""
) -> MediaSettings:
    """The storages behind `file:///folder` or `s3://bucket?region=…&endpoint_url=…&cdn=https://…&accelerate=true`.

    `url_seconds` is how long a private URL works. Raises ImproperlyConfigured with a sentence for the operator.
    """
    if not 1 <= url_seconds <= LONGEST_URL_SECONDS:
        raise _wrong(f"MEDIA_URL_SECONDS must be between 1 and {LONGEST_URL_SECONDS} (a week).")
    if bool(cloudfront_key_id) != bool(cloudfront_private_key):
        raise _wrong("Set both CLOUDFRONT_KEY_ID and CLOUDFRONT_PRIVATE_KEY, or neither.")
    if cloudfront_private_key and "PRIVATE KEY-----" not in cloudfront_private_key:
        raise _wrong("CLOUDFRONT_PRIVATE_KEY must be a private RSA key in PEM form, with its BEGIN and END lines.")
    scheme = urlsplit(url).scheme
    if scheme == "file":
        return _local(url)
    if scheme == "s3":
        return _s3(url, url_seconds, cloudfront_key_id, cloudfront_private_key)
    raise _wrong("MEDIA_STORAGE_URL must begin with file:/// or s3://.")


def _wrong(sentence: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{sentence} See docs/media.md.")


def _local(url: str) -> MediaSettings:
    parts = urlsplit(url)
    folder = unquote(parts.path)
    if parts.netloc or len(folder) < 2 or parts.query or parts.fragment:
        raise _wrong("MEDIA_STORAGE_URL must name a folder by its whole path, with three slashes: file:///srv/media.")
    if Path(folder).exists() and not Path(folder).is_dir():
        raise _wrong(f"MEDIA_STORAGE_URL names {folder}, which is not a folder.")
    options = {"location": folder, "base_url": "/media/", "allow_overwrite": True}
    private = {"BACKEND": "courses.storage.PrivateFiles", "OPTIONS": options}
    public = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    return MediaSettings({"default": private, "private": private, "public": public}, [])


def _s3(url: str, url_seconds: int, key_id: str, private_key: str) -> MediaSettings:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", parts.netloc) or parts.path.strip("/") or parts.fragment:
        # A dot would be legal, but then the bucket's name does not match Amazon's TLS certificate.
        raise _wrong(
            "MEDIA_STORAGE_URL must name a bucket of lower-case letters, digits and hyphens: s3://my-bucket?region=…"
        )
    if unknown := sorted(given.keys() - S3_OPTIONS):
        raise _wrong(f"MEDIA_STORAGE_URL does not know {', '.join(unknown)}; it takes {', '.join(sorted(S3_OPTIONS))}.")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", given.get("region", "")):
        raise _wrong("MEDIA_STORAGE_URL needs the bucket's region: s3://my-bucket?region=us-east-1")
    endpoint = _origin(given["endpoint_url"], "endpoint_url") if "endpoint_url" in given else ""
    cdn = _origin(given["cdn"], "cdn") if "cdn" in given else ""
    is_accelerated = given.get("accelerate", "false") == "true"
    if given.get("accelerate", "false") not in ("true", "false") or (is_accelerated and endpoint):
        raise _wrong("accelerate in MEDIA_STORAGE_URL is true or false, and true only without endpoint_url.")
    if key_id and not cdn:
        raise _wrong("CLOUDFRONT_KEY_ID is set, but MEDIA_STORAGE_URL has no cdn=https://….")
    common = {
        "bucket_name": parts.netloc,
        "region_name": given["region"],
        "endpoint_url": endpoint or None,
        "client_config": _client_config(is_amazon=not endpoint),
        "default_acl": None,  # the bucket's policy decides; an object is never made public by an ACL
        "querystring_expire": url_seconds,
    }
    through_cdn = {"custom_domain": urlsplit(cdn).netloc, "url_protocol": f"{urlsplit(cdn).scheme}:"} if cdn else {}
    public = (
        common | through_cdn | {"querystring_auth": False, "object_parameters": {"CacheControl": PUBLIC_CACHE_CONTROL}}
    )
    private = common | {"querystring_auth": True, "object_parameters": {"CacheControl": PRIVATE_CACHE_CONTROL}}
    if key_id:
        # Without a key the private files must not go through the CDN: their URLs would be unsigned.
        private |= through_cdn | {"cloudfront_key_id": key_id, "cloudfront_key": private_key}
    backend = "storages.backends.s3.S3Storage"
    storages = {
        "default": {"BACKEND": backend, "OPTIONS": private},
        "private": {"BACKEND": backend, "OPTIONS": private},
        "public": {"BACKEND": backend, "OPTIONS": public},
    }
    bucket_origin = endpoint or f"https://{parts.netloc}.s3.{given['region']}.amazonaws.com"
    accelerated_origin = f"https://{parts.netloc}.s3-accelerate.amazonaws.com" if is_accelerated else ""
    origins = [origin for origin in (bucket_origin, accelerated_origin, cdn) if origin]
    return MediaSettings(storages, origins, is_accelerated)


def _origin(url: str, name: str) -> str:
    parts = urlsplit(url.rstrip("/"))
    if (
        parts.scheme not in ("http", "https")
        or not re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc)
        or parts.path
        or parts.query
    ):
        raise _wrong(
            f"{name} in MEDIA_STORAGE_URL must be an address without a path, such as https://media.example.org."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _client_config(*, is_amazon: bool) -> Any:
    from botocore.config import Config  # loading it takes a fifth of a second, which local files need not pay

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual" if is_amazon else "path", "us_east_1_regional_endpoint": "regional"},
        # A checksum header in a presigned URL would have to be computed by the browser.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 4},
    )
