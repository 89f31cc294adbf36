"""The rehearsal in words: on the screen, and between two marks in docs/failure-tests.md."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.rehearsal.stage import Findings
from tests.source import ROOT

DOCUMENT = ROOT / "docs" / "failure-tests.md"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def on_screen(found: Findings) -> str:
    lines = [f"   {what}: {value}" for what, value in found.figures]
    lines += [f"   {'held' if held else 'NOT HELD'}: {what} ({measured})" for what, held, measured in found.promises]
    return "\n".join([*lines, f"   {found.seconds:.0f} s in all"])


def section(found: Findings, machine: str) -> str:
    """What an incident showed, and when, on what."""
    date = datetime.now(UTC).strftime("%-d %B %Y, %H:%M UTC")
    load = f"load average {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, with all that this takes"
    lines = [f"### {found.name.replace('_', ' ').capitalize()}", "", f"{found.what} ({date}, {machine}, {load}.)", ""]
    lines += [f"- {what}: {value}" for what, value in found.figures]
    lines += [f"- **{'Held' if held else 'NOT HELD'}**: {what}: {value}" for what, held, value in found.promises]
    return "\n".join([*lines, ""])


def renewed(sections: dict[str, str], order: list[str], document: Path = DOCUMENT) -> str:
    """The sections that the page has, with these in the place of their predecessors, in this order."""
    present = document.read_text().partition("<!-- rehearsal: begin -->")[2].partition("<!-- rehearsal: end -->")[0]
    parts = {part.partition("\n")[0]: f"### {part}".rstrip() + "\n" for part in present.split("### ")[1:]}
    parts |= {text.partition("\n")[0].removeprefix("### "): text for text in sections.values()}
    titles = [name.replace("_", " ").capitalize() for name in order]
    return "\n".join(parts[title] for title in titles if title in parts)


def insert(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Put the text between `<!-- name: begin -->` and `<!-- name: end -->`, which must be there."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = document.read_text().partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise SystemExit(f"{document.name} has no marks {begin} and {end}.")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}")
