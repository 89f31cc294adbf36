"""Spreadsheets out of the site."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from import_export import admin


class ExportMixin(admin.ExportMixin):
    """For a ModelAdmin: an “Export” button. django-import-export's own, but for a 500 at an unknown filter."""

    def export_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().export_action(request, *args, **kwargs)
        except IncorrectLookupParameters:
            return redirect(request.path)


class _Lines:
    """A file for csv.writer that gives each line back at once."""

    def write(self, line: str) -> str:
        return line


def csv_response(name: str, rows: Iterable[list[str]]) -> StreamingHttpResponse:
    """A download that is written while it is read, so that any number of rows takes the same memory."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(rows: Iterable[list[str]]) -> Iterator[str]:
    writer = csv.writer(_Lines())
    return (writer.writerow(harmless(row)) for row in rows)


def harmless(row: list[str]) -> list[str]:
    """What a spreadsheet would take for a formula becomes text; numbers stay numbers."""
    return [f"'{cell}" if cell[:1] in "=+-@\t\r" and cell and not _is_number(cell) else cell for cell in row]


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdecimal()
