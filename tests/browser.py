"""Chromium for tests: the one that `make test` found, or the system's."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.test import find_chromium

CHROMIUM = find_chromium() or shutil.which("chromium") or "chromium"
# As root it needs --no-sandbox; the others keep it from calling its maker, which no test may do.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


class Visitor:
    """One browser with its own cookies; `page` is its only tab."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.page = context.new_page()
        self.said: list[str] = []
        self.missing: list[str] = []
        self.page.on("response", lambda response: self.missing.append(response.url) if response.status >= 400 else None)
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))

    @property
    def complaints(self) -> list[str]:
        """What the console shows in red, a breach of the content security policy above all."""
        said = [line for line in self.said if "Failed to load resource" not in line]  # those are `missing`
        return [line for line in said if line.startswith("error:") or "Content Security Policy" in line]


@contextmanager
def visiting(url: str, *, java_script: bool = True, **options: Any) -> Iterator[Visitor]:
    """A browser at `url` while the block runs. It must find all it asks for, without errors in its console."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        visitor = Visitor(browser.new_context(base_url=url, java_script_enabled=java_script, **options))
        visitor.page.set_default_timeout(30_000)
        yield visitor
        browser.close()
    assert not visitor.complaints, visitor.complaints
    assert not visitor.missing, visitor.missing
