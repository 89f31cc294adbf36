"""Mail on a laptop: what Django's file backend wrote, to be read at /dev/mail. It exists in development only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from csp.constants import NONE, SELF
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.clickjacking import xframe_options_sameorigin

SEPARATOR = re.compile(rb"^-{79}\n", re.MULTILINE)  # What the file backend writes after each message.
SHOWN = 100


@dataclass(frozen=True)
class Mail:
    """One message of one of the backend's files."""

    file: str
    index: int
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "(no subject)")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(self.message[name])) for name in ("From", "To", "Reply-To", "Date") if self.message[name]]

    @property
    def sent_at(self) -> datetime | None:
        return self.message["Date"].datetime if self.message["Date"] else None

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def attachments(self) -> list[str]:
        return [part.get_filename() or part.get_content_type() for part in self.message.iter_attachments()]

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return part.get_content() if part else ""


@login_not_required  # One must read the code before one can log in.
def mail_list(request: HttpRequest) -> HttpResponse:
    """The newest mails, the last one first."""
    mails = [mail for _, mail in zip(range(SHOWN), _newest_first(), strict=False)]
    return render(request, "dev/mail_list.html", {"mails": mails})


@login_not_required
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]
def mail_detail(request: HttpRequest, file: str, index: int) -> HttpResponse:
    return render(request, "dev/mail_detail.html", {"mail": _mail_or_404(file, index)})


@login_not_required
@xframe_options_sameorigin
@csp(  # type: ignore[arg-type]
    {
        "default-src": [NONE],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "frame-ancestors": [SELF],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
)
def mail_html(request: HttpRequest, file: str, index: int) -> HttpResponse:
    """The HTML part alone, for a frame: no script runs, nothing is loaded, links open in a new tab."""
    html = _mail_or_404(file, index).html
    if not html:
        raise Http404
    return HttpResponse(html.replace("<head>", '<head><base target="_blank">', 1))


urlpatterns = [
    path("", mail_list, name="dev_mail"),
    path("/<str:file>/<int:index>", mail_detail, name="dev_mail_detail"),
    path("/<str:file>/<int:index>/html", mail_html, name="dev_mail_html"),
]


def _newest_first() -> Iterator[Mail]:
    for file in sorted(Path(settings.EMAIL_FILE_PATH).glob("*.log"), key=lambda f: (f.stat().st_mtime_ns, f.name))[
        ::-1
    ]:
        yield from reversed(_mails_in(file))


def _mails_in(file: Path) -> list[Mail]:
    parts = [part for part in SEPARATOR.split(file.read_bytes()) if part.strip()]
    messages = [message_from_bytes(part, policy=policy.default) for part in parts]
    return [Mail(file.stem, index, message) for index, message in enumerate(messages)]


def _mail_or_404(file: str, index: int) -> Mail:
    """Files are looked up by their listed names, so that no path from the address reaches the disk."""
    for candidate in Path(settings.EMAIL_FILE_PATH).glob("*.log"):
        if candidate.stem == file:
            mails = _mails_in(candidate)
            if index < len(mails):
                return mails[index]
    raise Http404
