"""The JSON end points that static/js/upload.js talks to (docs/media.md has the protocol).

400 comes with a message for the person, 503 means "try again in a moment".
"""

import functools
import json
from collections.abc import Callable
from typing import Any, TypeGuard

from django.contrib.auth.decorators import login_not_required, permission_required
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from courses import storage, uploads

MAX_URLS = 20


def upload_view(view: Callable[[HttpRequest, dict[str, Any]], JsonResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A POST of a JSON object, by someone who may add courses."""

    @require_POST
    @permission_required("courses.add_course", raise_exception=True)
    @functools.wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        try:
            return view(request, _json_object(request))
        except ValidationError as error:
            return JsonResponse({"success": False, "message": error.messages[0]}, status=400)
        except storage.MediaUnavailable:
            message = "The file store does not answer. Please try again in a moment."
            return JsonResponse({"success": False, "message": message}, status=503)

    return wrapped


@upload_view
def upload_start(request: HttpRequest, sent: dict[str, Any]) -> JsonResponse:
    """{kind, name, size, type} → 201 {token, part_size, part_count}; the token stands for the file from then on."""
    kind, name, size = sent.get("kind"), sent.get("name"), sent.get("size")
    if not isinstance(kind, str) or not isinstance(name, str) or not _is_whole(size) or kind not in uploads.KINDS:
        raise ValidationError("Please choose a file.")
    upload = uploads.start(request.user, kind, name, size, str(sent.get("type") or ""))
    answer = {"token": upload.token, "part_size": storage.PART_SIZE, "part_count": upload.part_count}
    return JsonResponse(answer, status=201)


@upload_view
def upload_parts(request: HttpRequest, sent: dict[str, Any]) -> JsonResponse:
    """{token} → {done: [numbers that have arrived]}; {token, numbers: [n, …]} → {urls: {n: where to PUT part n}}."""
    upload = _upload(request, sent)
    numbers = sent.get("numbers")
    if numbers is None:
        return JsonResponse({"done": uploads.parts_done(upload)})
    if not isinstance(numbers, list) or len(numbers) > MAX_URLS or not all(_is_part(upload, n) for n in numbers):
        raise ValidationError("This file has no such part.")
    urls = {n: storage.part_url(upload.key, upload.store_id, n, upload.part_length(n)) for n in numbers}
    return JsonResponse({"urls": urls})


@upload_view
def upload_finish(request: HttpRequest, sent: dict[str, Any]) -> JsonResponse:
    """{token} → {name, size} once all parts are there and are what was promised."""
    upload = _upload(request, sent)
    uploads.finish(upload)
    return JsonResponse({"name": upload.name, "size": upload.size})


@upload_view
def upload_cancel(request: HttpRequest, sent: dict[str, Any]) -> JsonResponse:
    """{token} → {}; what has arrived is deleted."""
    uploads.cancel(_upload(request, sent))
    return JsonResponse({})


@login_not_required
@csrf_exempt
@require_http_methods(["PUT"])
def upload_part(request: HttpRequest, token: str) -> HttpResponse:
    """Take one part into the media folder. Public, as S3's own addresses are: the signature is the authority."""
    length = request.headers.get("Content-Length", "")
    try:
        is_whole = storage.write_part(token, request, int(length) if length.isdecimal() else -1)
    except signing.BadSignature:
        return HttpResponse("This address has expired or is not ours.", status=403, content_type="text/plain")
    except FileNotFoundError:
        return HttpResponse("This upload is finished or was given up.", status=404, content_type="text/plain")
    except storage.MediaUnavailable:
        return HttpResponse("The media folder does not take files.", status=503, content_type="text/plain")
    except UnreadablePostError:
        is_whole = False  # the browser went away; it will come back and send the part again
    return HttpResponse(status=200 if is_whole else 400)


def _upload(request: HttpRequest, sent: dict[str, Any]) -> uploads.Upload:
    return uploads.opened(str(sent.get("token") or ""), request.user)


def _is_whole(number: Any) -> TypeGuard[int]:
    return type(number) is int  # True and False are integers too, for isinstance


def _is_part(upload: uploads.Upload, number: Any) -> bool:
    return _is_whole(number) and 1 <= number <= upload.part_count


def _json_object(request: HttpRequest) -> dict[str, Any]:
    try:
        sent = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise ValidationError("Send a JSON object.") from error
    if not isinstance(sent, dict):
        raise ValidationError("Send a JSON object.")
    return sent
