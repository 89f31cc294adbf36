"""Writes what the programs say between the markers of a document: `<!-- begin name -->` … `<!-- end name -->`."""

import re
from pathlib import Path

from deploy.cost.prices import read as read_prices
from deploy.simulate import million, plot, report, whatif
from deploy.simulate.policies import ROOT
from deploy.simulate.scenarios import SCENARIOS, run
from deploy.simulate.settings import read_capacity, task_size, timing

DOCUMENT = ROOT / "docs" / "scaling.md"
PICTURES = ROOT / "docs" / "images"
DRAWN = ("burst", "storm", "day", "launch", "launch-scheduled", "zone", "spot", "cold", "database")


def filled(text: str, pieces: dict[str, str]) -> str:
    """`text` with each piece between its markers. Raises KeyError for a marker that nobody fills."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- begin {name} -->\n{pieces[name]}\n<!-- end {name} -->"

    return re.sub(r"<!-- begin (\w+) -->\n.*?<!-- end \1 -->", fill, text, flags=re.S)


def quick_pieces() -> dict[str, str]:
    """What needs no simulation."""
    times = timing("frontend")
    reaction = times.metric_delay + times.provision + times.until_healthy
    from_to = f"{60 + reaction} to {120 + reaction} s"
    sentence = (
        f"- **From the first request too many to the first new task that answers: {from_to}.** CloudWatch's minute\n"
        "  must end, be published and be looked at; then a task starts and passes two checks. No policy on standard\n"
        "  metrics is faster: the alarm looks at one datapoint as it is."
    )
    return {
        "capacity": capacity_table(),
        "reaction": sentence,
        "needs": million.needs_table(),
        "ends": million.ends_table(),
        "assumptions": million.assumptions_table(),
    }


def capacity_table() -> str:
    costs, size = read_capacity(), task_size("frontend")
    head = "| Journey | Processor time a request | Requests a second, one task at full load |\n|---|--:|--:|"
    lines = [
        f"| {name} | {each:.1f} ms | {size.processors * 1000 / each:.0f} |" for name, each in costs.milliseconds.items()
    ]
    return "\n".join([head, *lines, f"\n{costs.source}; {size.processors:g} vCPU, {size.memory_mb} MB."])


def fenced(text: str) -> str:
    return f"```\n{text}\n```"


def pieces(pictures: Path) -> dict[str, str]:
    summaries, stories = [], []
    for scenario in SCENARIOS:
        result = run(scenario)
        summaries.append(report.summarize(scenario, result, task_size(scenario.service), read_prices()))
        stories.append(report.story(f"{scenario.name}: {scenario.title}", result.changes))
        print(stories[-1], flush=True)
        if scenario.name in DRAWN:
            (pictures / f"scaling-{scenario.name}.svg").write_text(plot.draw(scenario, result), encoding="utf-8")
    told = {"diagram": fenced(stories[0]), "worker": fenced(report.queue_story())}
    tables = {
        "scenarios": report.table(summaries),
        "whatif": "\n".join(whatif.assumptions()),
        "minimums": "\n".join(whatif.minimums(read_prices())),
    }
    return quick_pieces() | told | tables


def write_quick(document: Path = DOCUMENT) -> None:
    """The tables that need no simulation; the others stay as they are."""
    text = document.read_text(encoding="utf-8")
    kept = {found[1]: found[2] for found in re.finditer(r"<!-- begin (\w+) -->\n(.*?)\n?<!-- end \1 -->", text, re.S)}
    document.write_text(filled(text, kept | quick_pieces()), encoding="utf-8")


def write(document: Path = DOCUMENT, pictures: Path = PICTURES) -> str:
    pictures.mkdir(parents=True, exist_ok=True)
    text = document.read_text(encoding="utf-8")
    document.write_text(filled(text, pieces(pictures)), encoding="utf-8")
    return f"{document.name} and {len(DRAWN)} pictures are up to date."
