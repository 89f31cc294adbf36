"""Pictures as SVG, without a library: panels one above the other over the same time, readable in light and dark."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate

from deploy.cost.prices import read as read_prices
from deploy.simulate import report
from deploy.simulate.alarms import MINUTE
from deploy.simulate.scenarios import Scenario
from deploy.simulate.settings import task_size
from deploy.simulate.world import Run

WIDTH, LEFT, RIGHT, TOP = 760, 62, 14, 34
HEIGHT, GAP = 84, 26  # of a panel, and below it
MOST_POINTS = 360
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:14px;font-weight:600}.g{stroke:#ddd}.x{stroke:#999}"
    "path{fill:none;stroke-width:1.6}.a{stroke:#0b62a8}.b{stroke:#b3470b}.c{stroke:#3d7a1f}"
    "text.a{fill:#0b62a8;stroke:none}text.b{fill:#b3470b;stroke:none}text.c{fill:#3d7a1f;stroke:none}.s{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#333}.x{stroke:#777}.a{stroke:#6cb6ff}.b{stroke:#ffa657}"
    ".c{stroke:#7ee787}text.a{fill:#6cb6ff}text.b{fill:#ffa657}text.c{fill:#7ee787}.s{fill:#0d1117}}"
)

Series = tuple[str, Sequence[float]]


@dataclass(frozen=True)
class Panel:
    title: str  # with its unit
    series: list[Series]
    highest: float | None = None


def ticks(highest: float) -> tuple[float, float]:
    """A round number of at least `highest`, and half of it."""
    size = 10.0 ** math.floor(math.log10(highest))
    top = next(round(size * factor, 10) for factor in (1, 2, 4, 6, 8, 10, 20) if size * factor >= highest)
    return top, top / 2


def thinned(values: Sequence[float], reduce: Callable[[Sequence[float]], float] = max) -> list[float]:
    """At most so many points, each the highest of its stretch: a short peak is not lost."""
    stretch = max(1, len(values) // MOST_POINTS)
    return [reduce(values[index : index + stretch]) for index in range(0, len(values), stretch)]


def line(values: Sequence[float], kind: str, top: float, highest: float) -> str:
    points = thinned(values)
    width = WIDTH - LEFT - RIGHT
    steps = []
    for index, value in enumerate(points):
        x = LEFT + width * index / max(1, len(points) - 1)
        y = top + HEIGHT * (1 - min(value, highest) / highest)
        steps.append(f"{x:.1f},{y:.1f}")
    return f'<path class="{kind}" d="M{" ".join(steps)}"/>'


def panel(content: Panel, number: int) -> str:
    top = TOP + 16 + number * (HEIGHT + GAP)
    highest, half = ticks(content.highest or max(max(values, default=0) for _, values in content.series) or 1)
    parts = [f'<text x="{LEFT}" y="{top - 6}">{escape(content.title)}</text>']
    for value in (0.0, half, highest):
        y = top + HEIGHT * (1 - value / highest)
        kind = "g" if value else "x"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,g}</text>')
    x = WIDTH - RIGHT
    for kind, (name, values) in reversed(list(zip("abc", content.series, strict=False))):
        parts.append(f'<text class="{kind}" x="{x}" y="{top - 6}" text-anchor="end">{escape(name)}</text>')
        parts.append(line(values, kind, top, highest))
        x -= 14 + 7 * len(name)
    return "".join(parts)


def axis(seconds: int, panels: int) -> str:
    y = TOP + 16 + panels * (HEIGHT + GAP) - 10
    hours = seconds >= 3 * 3600
    count = seconds // 3600 if hours and seconds <= 8 * 3600 else 6
    parts = []
    for number in range(count + 1):
        at = seconds * number / count
        label = f"{at / 3600:g}" if hours else f"{at / 60:g}"
        x = LEFT + (WIDTH - LEFT - RIGHT) * number / count
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{y + 16}" text-anchor="end">{"hours" if hours else "minutes"}</text>')
    return "".join(parts)


def picture(title: str, panels: list[Panel], seconds: int) -> str:
    height = TOP + 16 + len(panels) * (HEIGHT + GAP) + 14
    body = "".join(panel(content, number) for number, content in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title>"
        f'<style>{STYLE}</style><rect class="s" width="{WIDTH}" height="{height}"/>'
        f'<text class="t" x="{LEFT}" y="20">{escape(title)}</text>{body}{axis(seconds, len(panels))}</svg>\n'
    )


def by_minute(run: Run, share: float) -> list[float]:
    minutes = len(run.seconds) // MINUTE
    return [run.times[minute].quantile(share) if minute in run.times else 0.0 for minute in range(minutes)]


def refused_by_minute(run: Run) -> list[float]:
    refused = [second.refused for second in run.seconds]
    return [sum(refused[start : start + MINUTE]) for start in range(0, len(refused), MINUTE)]


def cost_so_far(scenario: Scenario, run: Run) -> list[float]:
    hour = report.hour_of_a_task(read_prices(), task_size(scenario.service))
    spot = read_prices().of("fargate_spot_share")
    each = (second.billed - second.spot * (1 - spot) for second in run.seconds)
    return [hour * tasks / 3600 for tasks in accumulate(each)]


def draw(scenario: Scenario, run: Run) -> str:
    seconds = run.seconds
    panels = [
        Panel("requests a second", [("arriving", [second.arrivals for second in seconds])]),
        Panel(
            "tasks",
            [("wanted", [second.wanted for second in seconds]), ("healthy", [second.healthy for second in seconds])],
        ),
        Panel("CPU, % of the running tasks", [("average", [second.cpu for second in seconds])], 100),
        Panel("time of an answer, seconds", [(f"p{share:.0f}", by_minute(run, share / 100)) for share in (50, 95, 99)]),
        Panel("refused requests a minute", [("refused", refused_by_minute(run))]),
        Panel("tasks' cost so far, dollars", [("Fargate", cost_so_far(scenario, run))]),
    ]
    return picture(f"{scenario.name}: {scenario.title}", panels, len(seconds))
