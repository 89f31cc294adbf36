"""Media that lie in a folder on this machine; in S3 mode the browser never comes here.

Both views are public: the signature of a private address is the authority, and the gate that hands it out
(courses/views/learning.py) has asked who may watch.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils._os import safe_join
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date
from django.views.decorators.http import require_safe

from coursebundler.media_storage import PRIVATE_CACHE_CONTROL, PUBLIC_CACHE_CONTROL
from courses import storage


@login_not_required
@require_safe
def public_media(request: HttpRequest, path: str) -> HttpResponseBase:
    """A poster or photo. Its key holds a random id and its contents never change, so caches may keep it for ever."""
    response = _file_response(request, _path_in("public", path))
    response["Cache-Control"] = PUBLIC_CACHE_CONTROL
    return response


@login_not_required
@require_safe
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """A private file at a signed address (courses.storage.signed_url), with HTTP Range for seeking in videos."""
    try:
        granted = signing.loads(token, salt=storage.MEDIA_SALT, max_age=settings.MEDIA_URL_SECONDS)
    except signing.BadSignature:
        text = "This link to a file has expired or is not complete. Please open the lecture again."
        return HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
    response = _file_response(request, _path_in("private", granted["key"].removeprefix("private/")))
    response["Cache-Control"] = PRIVATE_CACHE_CONTROL
    if name := granted.get("name"):
        response["Content-Disposition"] = content_disposition_header(True, name)
    return response


def _path_in(folder: str, path: str) -> Path:
    """The file below that one folder of the media; 404 for anything else, whatever dots and NULs the path holds."""
    if not isinstance(root := storages["private"], FileSystemStorage):
        raise Http404
    try:
        found = Path(safe_join(root.path(folder), path))
        is_file = found.is_file()
    except (SuspiciousFileOperation, ValueError, OSError) as error:
        raise Http404 from error
    if not is_file:
        raise Http404
    return found


def _file_response(request: HttpRequest, path: Path) -> HttpResponseBase:
    """200, 206 for one range (RFC 9110, 14), 304 or 416. Several ranges at once get the whole file, as is allowed."""
    size, modified = path.stat().st_size, int(path.stat().st_mtime)
    etag = f'"{path.stat().st_mtime_ns:x}-{size:x}"'
    span = _wanted_range(request, size, validators=(etag, http_date(modified)))
    first, after = span or (0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(after - first),
        "Content-Type": storage.content_type_of(path.name),
        "ETag": etag,
        "Last-Modified": http_date(modified),
        "X-Content-Type-Options": "nosniff",
    }
    if first >= after and span:
        return HttpResponse(status=416, headers=headers | {"Content-Length": "0", "Content-Range": f"bytes */{size}"})
    if span:
        headers["Content-Range"] = f"bytes {first}-{after - 1}/{size}"
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    body = _chunks(path, first, after - first)
    response: Any = StreamingHttpResponse(body, status=206 if span else 200, headers=headers)
    return get_conditional_response(request, etag, modified, response) or response


def _chunks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length > 0 and (chunk := file.read(min(length, 64 * 1024))):
            length -= len(chunk)
            yield chunk


def _wanted_range(request: HttpRequest, size: int, validators: tuple[str, str]) -> tuple[int, int] | None:
    """The first byte and the one after the last; None for the whole file; an empty range if there is no such part."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("Range", ""))
    if request.method != "GET" or not found or found.groups() == ("", ""):
        return None
    if request.headers.get("If-Range", validators[0]) not in validators:
        return None  # the browser holds a part of another version
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) else (size, size)
    if last and int(last) < int(first):
        return None  # not a range at all, says the RFC
    return min(int(first), size), min(int(last) + 1 if last else size, size)
