"""What a run was like, in words and tables."""

from dataclasses import dataclass

from deploy.cost.prices import Prices
from deploy.simulate.scenarios import Scenario
from deploy.simulate.settings import TaskSize
from deploy.simulate.world import Run

SLOW_SECONDS = 2.0
HOUR = 3600


@dataclass(frozen=True)
class Summary:
    scenario: Scenario
    tasks: list[int]
    highest_cpu: float
    requests: float
    refused: float
    broken: float
    slow_share: float
    p50: float
    p95: float
    p99: float
    overloaded_seconds: int
    dollars: float

    @property
    def path(self) -> str:
        """2 → 5 → 2; a long one with its middle left out."""
        tasks = self.tasks if len(self.tasks) <= 9 else [*self.tasks[:4], 0, *self.tasks[-4:]]
        return " → ".join("…" if count == 0 else str(count) for count in tasks)


def summarize(scenario: Scenario, run: Run, size: TaskSize, prices: Prices) -> Summary:
    times = run.all_times()
    return Summary(
        scenario,
        [scenario.tasks, *(change.after for change in run.changes)],
        max(second.cpu for second in run.seconds),
        run.requests,
        run.refused,
        run.broken,
        times.share_above(SLOW_SECONDS),
        *(times.quantile(share) for share in (0.5, 0.95, 0.99)),
        sum(second.cpu > 99 for second in run.seconds),
        dollars(run, size, prices),
    )


def dollars(run: Run, size: TaskSize, prices: Prices) -> float:
    """What the tasks cost; the rest of the bill is deploy/cost's."""
    hour = size.processors * prices.of("fargate_vcpu_hour") + size.memory_mb / 1024 * prices.of("fargate_gb_hour")
    on_demand, spot = run.task_seconds - run.spot_seconds, run.spot_seconds
    return hour * (on_demand + spot * prices.of("fargate_spot_share")) / HOUR


def duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def percent(share: float) -> str:
    return "0" if share == 0 else f"{100 * share:.2f} %"


HEAD = (
    "| Scenario | Tasks | Requests | Refused | Slower than 2 s | p50 | p95 | p99 | Overloaded for | Tasks cost |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def row(summary: Summary) -> str:
    cells = (
        f"**{summary.scenario.name}**: {summary.scenario.title}",
        summary.path,
        f"{summary.requests:,.0f}",
        f"{summary.refused:,.0f} ({percent(summary.refused / summary.requests)})" if round(summary.refused) else "0",
        percent(summary.slow_share),
        duration(summary.p50),
        duration(summary.p95),
        duration(summary.p99),
        f"{summary.overloaded_seconds} s",
        f"${summary.dollars:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def table(summaries: list[Summary]) -> str:
    return "\n".join([HEAD, *(row(summary) for summary in summaries)])


def story(scenario: Scenario, run: Run) -> str:
    """Every change of the number of tasks, with the minute and the policy."""
    lines = [f"{scenario.name}: {scenario.title}"]
    for change in run.changes:
        clock = f"{change.second // HOUR}:{change.second % HOUR // 60:02}"
        lines.append(f"  {clock} h  {change.before:2} → {change.after:2} tasks  ({change.why})")
    return "\n".join(lines if run.changes else [*lines, "  no change"])
