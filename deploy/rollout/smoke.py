"""The site from outside, after a release: does it answer, with what it should?"""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from deploy.rollout.failure import Failed

TIMEOUT_SECONDS = 10
ATTEMPTS = 3
PAUSE_SECONDS = 5


@dataclass
class Reply:
    status: int
    body: str


def fetch(url: str, method: str = "GET") -> Reply:
    """Raises OSError if nobody answers."""
    body = b"{}" if method == "POST" else None
    request = urllib.request.Request(url, body, {"User-Agent": "coursebundler-deploy"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return Reply(response.status, response.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Reply(error.code, "")


def checks(site: str) -> dict[str, Callable[[], str]]:
    """What is looked at; each gives what is wrong, or nothing."""
    return {
        "a page is served (frontend)": lambda: page(site),
        "its style sheet is served (S3)": lambda: style_sheet(site),
        "the catalogue answers (database)": lambda: expect(fetch(f"{site}/courses"), 200),
        "the API answers (backend)": lambda: expect(fetch(f"{site}/api/v1/courses"), 200),
        "a webhook without a signature is refused": lambda: expect(fetch(f"{site}/webhooks/razorpay", "POST"), 400),
        "the admin asks who it is": lambda: expect_text(fetch(f"{site}/admin/"), "password"),
    }


def page(site: str) -> str:
    return expect_text(fetch(f"{site}/"), "<title>")


def style_sheet(site: str) -> str:
    found = re.search(r'href="([^"]+\.css)"', fetch(f"{site}/").body)
    if not found:
        return "the page names no style sheet"
    address = found[1] if "://" in found[1] else site + found[1]
    return expect(fetch(address), 200)


def expect(reply: Reply, status: int) -> str:
    return "" if reply.status == status else f"{reply.status} instead of {status}"


def expect_text(reply: Reply, text: str) -> str:
    return expect(reply, 200) or ("" if text in reply.body else f"the page has no {text}")


def look(site: str, say: Callable[[str], None]) -> None:
    """Raises Failed with everything that is wrong. Each is tried some times: a cold start may be slow."""
    wrong = []
    for name, check in checks(site).items():
        problem = tried(check)
        say(f"  {'FAILED' if problem else 'ok    '} {name}{f': {problem}' if problem else ''}")
        wrong += [f"{name}: {problem}"] if problem else []
    if wrong:
        raise Failed(
            f"{site} does not do what it should: {'; '.join(wrong)}.",
            "If the version before did: `deploy/deploy rollback`. Else look at the alarms and the services' events.",
        )


def tried(check: Callable[[], str]) -> str:
    problem = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            problem = check()
        except OSError as error:
            problem = f"nobody answers ({getattr(error, 'reason', error)})"
        if not problem:
            return ""
    return problem
