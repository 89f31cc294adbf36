"""Files behind the lectures of the cast."""

import io

import pytest

from courses import storage


@pytest.fixture
def stored_files() -> None:
    """The captions and the file that the tests' lectures point to."""
    storage.store("private/captions/1.vtt", io.BytesIO(b"WEBVTT\n"), "text/vtt")
    storage.store("private/files/1.pdf", io.BytesIO(b"%PDF-1.4\n"), "application/pdf")
