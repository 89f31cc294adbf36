"""How long a video is, from its header."""

import pytest

from courses.mp4 import mp4_seconds
from courses.tests.conftest import box, mp4


def seconds(data: bytes) -> int | None:
    return mp4_seconds(lambda start, length: data[start : start + length], len(data))


def movie(mvhd: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", mvhd))


def wide_mvhd(scale: int, units: int) -> bytes:
    return b"\1" + bytes(3 + 16) + scale.to_bytes(4) + units.to_bytes(8) + bytes(80)


def test_it_works():
    assert seconds(mp4(90)) == 90
    assert seconds(mp4(90, padding=100_000)) == 90


def test_it_finds_the_header_in_front():
    assert seconds(movie(bytes(12) + (600).to_bytes(4) + (900).to_bytes(4) + bytes(80)) + box(b"mdat", bytes(50))) == 2


def test_it_reads_64_bit_headers():
    assert seconds(movie(wide_mvhd(48000, 48000 * 7200))) == 7200


def test_it_jumps_over_64_bit_boxes():
    large = (1).to_bytes(4) + b"mdat" + (16 + 500).to_bytes(8) + bytes(500)
    assert seconds(box(b"ftyp", b"isom") + large + mp4(12)) == 12


def test_it_reads_only_headers():
    asked = []
    data = mp4(90, padding=3_000_000)

    def read(start: int, length: int) -> bytes:
        asked.append(length)
        return data[start : start + length]

    assert mp4_seconds(read, len(data)) == 90
    assert sum(asked) < 500


def test_half_a_second_counts_as_one():
    assert seconds(movie(bytes(12) + (1000).to_bytes(4) + (400).to_bytes(4) + bytes(80))) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        bytes(5000),
        b"\xff" * 5000,
        b"\0\0\0\x01moov",
        box(b"moov", b""),
        box(b"moov", box(b"mvhd", b"")),
        movie(bytes(100)),
        movie(bytes(12) + (1000).to_bytes(4) + b"\xff\xff\xff\xff" + bytes(80)),
        movie(wide_mvhd(1, 2**64 - 2)),
        mp4(90)[:-200],
        box(b"free", b"") * 100_000 + mp4(90),
    ],
)
def test_it_does_not_know(data):
    assert seconds(data) is None
