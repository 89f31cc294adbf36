"""How long an MP4 video is, read from its header (ISO/IEC 14496-12) and not taken from whoever uploads it."""

from collections.abc import Callable, Iterator

MOST_BOXES = 200
Reader = Callable[[int, int], bytes]  # (from byte, how many) → bytes


def mp4_seconds(read: Reader, size: int) -> int | None:
    """The length of the video in whole seconds, at least 1; None if it does not say. `size` is the file's, in bytes.

    The header may be at either end of the file: what is between is not read.
    """
    for name, start, end in _boxes(read, 0, size):
        if name == b"moov":
            headers = (read(at, 32) for inner, at, _ in _boxes(read, start, end) if inner == b"mvhd")
            return _duration(next(headers, b""))
    return None


def _boxes(read: Reader, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte of the contents, end) of each box."""
    for _ in range(MOST_BOXES):
        head = read(start, min(16, end - start))
        if len(head) < 8:
            return
        length, header = int.from_bytes(head[:4]), 8
        if length == 1:  # a 64-bit length follows
            length, header = int.from_bytes(head[8:16]), 16
        stop = start + length if length else end  # 0: up to the end of the file
        if (length and length < header) or stop > end:
            return
        yield head[4:8], start + header, stop
        start = stop


def _duration(mvhd: bytes) -> int | None:
    """Version, flags and two times come before the time scale and the duration; version 1 has 64-bit times."""
    wide = mvhd[:1] == b"\x01"
    scale = int.from_bytes(mvhd[20:24] if wide else mvhd[12:16])
    units = int.from_bytes(mvhd[24:32] if wide else mvhd[16:20])
    is_known = scale and units and units not in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return max(1, round(units / scale)) if is_known and units // scale < 100 * 3600 else None
