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


def markdown(found: list[Findings], command: str, machine: str) -> str:
    """A section for each incident."""
    date = datetime.now(UTC).strftime("%-d %B %Y, %H:%M UTC")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [
        f"`{command}`, {date}, {machine}, {os.cpu_count()} cores shared with the balancer, the load, the database "
    ]
    lines[0] += f"and others (load average {load})."
    for each in found:
        lines += ["", f"### {each.name.replace('_', ' ').capitalize()}", "", each.what, ""]
        lines += [f"- {what}: {value}" for what, value in each.figures]
        lines += [
            f"- **{'Held' if held else 'NOT HELD'}**: {what}: {measured}" for what, held, measured in each.promises
        ]
    return "\n".join(lines)


def insert(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Put the text between `<!-- name: begin -->` and `<!-- name: end -->`, which must be there."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = document.read_text().partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise SystemExit(f"{document.name} has no marks {begin} and {end}.")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}")
