"""The files for students: a starter page, a card, a table of rides and a game, all made here."""

import csv
import io
import random
import zipfile
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
DATE = (2026, 1, 1, 12, 0, 0)  # so that the same contents give the same file

BICYCLES = ("red", "blue", "green", "cargo")
STATIONS = ("Harbour", "Market", "Station Road", "Old Mill", "University", "Hill Top")

CARD = (
    ("1", "the same, however much there is", "look up a key in a dictionary"),
    ("log n", "halve it each time", "binary search in a sorted list"),
    ("n", "look at each once", "find the largest"),
    ("n log n", "sort it", "sorted(items)"),
    ("n²", "compare each with each", "two loops, one in the other"),
    ("2^n", "try every choice", "all subsets: only for small n"),
)


def make_downloads(folder: Path) -> None:
    _zip(folder / "starter-page.zip", "starter-page", _sources("starter-page"))
    _zip(folder / "paddle-game.zip", "paddle-game", _sources("paddle-game"))
    _zip(folder / "bicycle-rides.zip", "bicycle-rides", {"rides.csv": _rides(), **_sources("bicycle-rides")})
    (folder / "complexity-card.pdf").write_bytes(_card())


def _sources(name: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((SOURCES / name).iterdir())}


def _zip(path: Path, top: str, contents: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, words in contents.items():
            entry = zipfile.ZipInfo(f"{top}/{name}", DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, words)


def _rides() -> str:
    """240 rides, with the mess that real files have: spaces, capitals, an empty cell, one ride twice."""
    dice, out = random.Random("rides"), io.StringIO()  # noqa: S311
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["ride", "started_at", "bicycle", "station", "minutes"])
    for ride in range(1, 241):
        day, hour, minute = 1 + ride * 92 // 241, dice.choice((7, 8, 9, 12, 13, 17, 18, 19)), dice.randrange(60)
        month, day = (6 + (day - 1) // 31, (day - 1) % 31 % 30 + 1)
        station = dice.choice(STATIONS)
        station = station.upper() if ride % 37 == 0 else f" {station}" if ride % 29 == 0 else station
        minutes = "" if ride % 53 == 0 else str(round(dice.triangular(4, 95, 18)))
        row = [ride, f"2026-{month:02}-{day:02} {hour:02}:{minute:02}", dice.choice(BICYCLES), station, minutes]
        rows.writerow(row)
        if ride == 118:
            rows.writerow(row)
    return out.getvalue()


def _card() -> bytes:
    """One A5 page in landscape, written as PDF by hand: a few lines of text need no library."""
    lines = [
        _text(40, 368, 24, "Big-O: the card", is_bold=True),
        _text(40, 344, 11, "How the work grows when the data grows."),
    ]
    for n, (name, meaning, example) in enumerate(CARD):
        y = 300 - 42 * n
        lines += [f"{0.93 - 0.05 * n:.2f} 0.97 0.94 rg 32 {y - 14} 531 36 re f 0 g"]
        lines += [_text(44, y, 16, name, is_bold=True), _text(130, y, 13, meaning), _text(350, y, 12, example)]
    lines.append(
        _text(
            40,
            40,
            9,
            "A thousand times the data: log n +10 steps, n x 1,000, n log n x 2,000 or less, n squared x 1,000,000.",
        )
    )
    stream = "\n".join(lines).encode("cp1252")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 420] /Contents 4 0 R "
        b"/Resources << /Font << /R 5 0 R /B 6 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (Big-O: the card) /Author (CourseBundler demonstration school) >>",
    ]
    return _pdf(objects)


def _text(x: int, y: int, size: int, words: str, *, is_bold: bool = False) -> str:
    safe = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{'B' if is_bold else 'R'} {size} Tf {x} {y} Td ({safe}) Tj ET"


def _pdf(objects: list[bytes]) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    tail = b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table) + tail
