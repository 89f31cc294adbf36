"""The storm again, with other assumptions and other choices: how much depends on what nobody has measured yet."""

from collections.abc import Iterator
from dataclasses import replace

from deploy.cost.prices import Prices
from deploy.simulate.report import SLOW_SECONDS, duration, hour_of_a_task, percent
from deploy.simulate.scenarios import named, prepare
from deploy.simulate.settings import task_size
from deploy.simulate.world import Run

STORM = named("storm")
HOURS_A_MONTH = 730
NEVER = 10**6  # seconds


def storm(*, least: int | None = None, room: float | None = None, **timing: int) -> Run:
    """With another least number of tasks, other times, or tasks that hold fewer connections."""
    scenario = replace(STORM, tasks=least or STORM.tasks)
    world = prepare(scenario)
    world.scaler.least = least or world.scaler.least
    world.use(replace(world.timing, **timing), room=room)
    return world.advance(scenario.seconds)


def outcome(run: Run) -> str:
    times = run.all_times()
    refused = percent(run.refused / run.requests)
    return f"{refused} | {percent(times.share_above(SLOW_SECONDS))} | {duration(times.quantile(0.99))}"


def assumptions() -> Iterator[str]:
    """One at a time."""
    yield "| Storm, if … | Refused | Slower than 2 s | p99 |\n|---|--:|--:|--:|"
    yield f"| as assumed | {outcome(storm())} |"
    for seconds in (0, 30, 120):
        yield f"| a datapoint is seen {seconds} s after its minute, not 60 | {outcome(storm(metric_delay=seconds))} |"
    for seconds in (20, 90):
        yield f"| a place and the image take {seconds} s, not 35 | {outcome(storm(provision=seconds))} |"
    yield f"| checks are answered at once, however busy a task is | {outcome(storm(check_timeout=NEVER))} |"
    yield f"| a task holds 500 connections, not {task_size('frontend').room:,.0f} | {outcome(storm(room=500))} |"
    yield f"| one check is enough for a new task, not two | {outcome(storm(healthy_checks=1))} |"


def minimums(prices: Prices) -> Iterator[str]:
    """What a higher minimum buys, and its price."""
    yield "| Storm, with at least … tasks | Refused | Slower than 2 s | p99 | More a month |\n|---|--:|--:|--:|--:|"
    for least in (2, 3, 4, 6):
        dollars = (least - STORM.tasks) * HOURS_A_MONTH * hour_of_a_task(prices)
        yield f"| {least} | {outcome(storm(least=least))} | ${dollars:.0f} |"
