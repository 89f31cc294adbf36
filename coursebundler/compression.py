"""Compression of answers that are worth it."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageGZipMiddleware(GZipMiddleware):
    """Compresses pages and JSON, never streams: those are media, packed already, and byte ranges must stay true."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        return response if response.streaming else super().process_response(request, response)
