"""What a run was like, in words and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean as mean

from deploy.cost.prices import Prices
from deploy.simulate import worker
from deploy.simulate.alarms import MINUTE
from deploy.simulate.policies import FOLDER, load
from deploy.simulate.scenarios import Scenario
from deploy.simulate.settings import TaskSize, task_size, timing
from deploy.simulate.world import Change, Run

SLOW_SECONDS = 2.0
HOUR = 3600


@dataclass(frozen=True)
class Summary:
    scenario: Scenario
    tasks: list[int]
    requests: float
    refused: float
    slow_share: float
    p50: float
    p99: float
    cpu: float  # in percent, on average
    highest_cpu: float  # of a minute
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
        tasks=[run.seconds[0].wanted, *(change.after for change in run.changes)],
        requests=run.requests,
        refused=run.refused,
        slow_share=times.share_above(SLOW_SECONDS),
        p50=times.quantile(0.50),
        p99=times.quantile(0.99),
        cpu=mean([second.cpu for second in run.seconds]),
        highest_cpu=max(by_minute([second.cpu for second in run.seconds])),
        overloaded_seconds=sum(second.cpu > 99 for second in run.seconds),
        dollars=dollars(run, size, prices),
    )


def by_minute(values: Sequence[float]) -> list[float]:
    return [mean(values[start : start + MINUTE]) for start in range(0, len(values), MINUTE)]


def dollars(run: Run, size: TaskSize, prices: Prices) -> float:
    """What the tasks cost; the rest of the bill is deploy/cost's."""
    on_demand, spot = run.task_seconds - run.spot_seconds, run.spot_seconds
    return hour_of_a_task(prices, size) * (on_demand + spot * prices.of("fargate_spot_share")) / HOUR


def hour_of_a_task(prices: Prices, size: TaskSize | None = None) -> float:
    """In dollars, on demand; the frontend's unless another size is given."""
    size = size or task_size("frontend")
    return size.processors * prices.of("fargate_vcpu_hour") + size.memory_mb / 1024 * prices.of("fargate_gb_hour")


def duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def percent(share: float) -> str:
    return "0" if share == 0 else f"{100 * share:.2f} %"


HEAD = (
    "| Scenario | Tasks | CPU, mean and highest | Requests | Refused | Over 2 s | p50 | p99 | Overloaded | Cost |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def row(summary: Summary) -> str:
    cells = (
        f"**{summary.scenario.name}**: {summary.scenario.title}",
        summary.path,
        f"{summary.cpu:.0f}, {summary.highest_cpu:.0f} %",
        f"{summary.requests:,.0f}",
        f"{summary.refused:,.0f} ({percent(summary.refused / summary.requests)})" if summary.refused >= 0.5 else "0",
        percent(summary.slow_share),
        duration(summary.p50),
        duration(summary.p99),
        f"{summary.overloaded_seconds} s",
        f"${summary.dollars:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def table(summaries: list[Summary]) -> str:
    return "\n".join([HEAD, *(row(summary) for summary in summaries)])


def story(title: str, changes: list[Change]) -> str:
    """Every change of the number of tasks, with the minute and the policy."""
    lines = [title]
    for change in changes:
        clock = f"{change.second // HOUR}:{change.second % HOUR // 60:02}"
        lines.append(f"  {clock} h  {change.before:2} → {change.after:2} tasks  ({change.why})")
    return "\n".join(lines if changes else [*lines, "  no change"])


def queue_story(policies: Path = FOLDER) -> str:
    """The worker, when 3,000 orders become due within a minute."""
    scaling, start = load("worker", policies), 600
    result = worker.run(scaling, task_size("worker"), timing("worker"), worker.outage(3000, start), 4 * HOUR)
    oldest = max(result.ages)
    fresh = max(second for second, age in enumerate(result.ages) if age > 60) - start
    text = story("worker: 3,000 orders become due within a minute, as after an outage of the gateway", result.changes)
    return f"{text}\n  the oldest waited {oldest / 60:.0f} min; the queue was empty again after {fresh / 60:.0f} min"
