"""One service behind the load balancer, second by second: traffic, tasks, metrics, alarms, policies."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from deploy.simulate.alarms import MINUTE, Metrics
from deploy.simulate.database import Database
from deploy.simulate.policies import CPU, MEMORY, REQUESTS, Scaling
from deploy.simulate.queueing import Times, share_out
from deploy.simulate.scaling import AutoScaler
from deploy.simulate.settings import Costs, TaskSize, Timing
from deploy.simulate.tasks import Fleet, Task
from deploy.simulate.traffic import Trace

# Assumption: memory that requests at work add, in MB.
MEMORY_AT_WORK_MB = 60
# Assumption: how many pages for visitors each process keeps, courses and lists.
PAGES, PROCESSES = 500, 2
IDLE = 1.0  # requests a second that a task may ask of a full database although it has none


# Requests by the wait, rate and load of their tasks, which mostly are the same: then one is worked out for all.
Alike = dict[tuple[float, float, float], float]


@dataclass
class Second:
    """What is plotted."""

    arrivals: float = 0.0
    refused: float = 0.0
    answered: float = 0.0
    wanted: int = 0
    running: int = 0
    healthy: int = 0
    cpu: float = 0.0  # percent, of the running tasks
    billed: int = 0  # tasks, of which so many on Spot
    spot: int = 0


@dataclass(frozen=True)
class Change:
    second: int
    before: int
    after: int
    why: str


@dataclass
class Run:
    """The outcome. `times` is by minute."""

    seconds: list[Second] = field(default_factory=list)
    times: dict[int, Times] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    task_seconds: float = 0.0
    spot_seconds: float = 0.0
    requests: float = 0.0
    refused: float = 0.0
    answered: float = 0.0
    wasted: float = 0.0  # of the refused: worked off although nobody waited any more
    waiting: float = 0.0  # at the end
    broken: float = 0.0  # of the refused: in flight, or sent, to a task that died

    def all_times(self) -> Times:
        total = Times()
        for times in self.times.values():
            total.merge(times)
        return total


class Prices:
    """What a request costs a task, which is more while it is cold."""

    def __init__(self, costs: Costs, mix: Mapping[str, float]) -> None:
        self.costs = costs
        self.warm = costs.of_mix(dict(mix))
        catalogue = mix.get("catalogue", 0.0) * costs.milliseconds["catalogue"] / self.warm
        self.unrendered = 1 + catalogue * (costs.unrendered_factor - 1)

    def milliseconds(self, served: float) -> float:
        """Of the next request of a task that has served so many since it was cold."""
        if math.isinf(served):
            return self.warm
        starting = self.costs.cold_factor if served < self.costs.cold_requests else 1.0
        rendering = 1 + (self.unrendered - 1) * math.exp(-served / (PAGES * PROCESSES))
        return self.warm * max(starting, rendering)


class World:
    def __init__(
        self,
        scaling: Scaling,
        size: TaskSize,
        timing: Timing,
        prices: Prices,
        trace: Trace,
        *,
        tasks: int,
        database: Database,
        events: Mapping[int, Callable[["World"], object]] | None = None,
    ) -> None:
        self.database = database
        self.size, self.timing, self.prices, self.trace = size, timing, prices, trace
        self.events = events or {}
        self.scaler = AutoScaler(scaling)
        self.metrics = Metrics(timing.metric_delay)
        self.fleet = Fleet(tasks, size, timing)
        self.run = Run()
        self.now = 0

    def rate(self, task: Task) -> float:
        """Requests a second at full load."""
        return self.size.processors * 1000 / self.prices.milliseconds(task.served)

    def use(self, timing: Timing, *, room: float | None = None) -> None:
        """Other times than those of the files, or less room, before the first second."""
        self.timing = self.fleet.timing = timing
        self.size = replace(self.size, room=room or self.size.room)
        self.metrics.delay = timing.metric_delay

    # --- What scenarios do at a certain second ---

    def set_minimum(self, least: int) -> None:
        """Scheduled scaling: https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-overview.html"""
        self.scaler.least = least
        if self.fleet.wanted < least:
            self._want(least, "scheduled")

    def slow_database(self, factor: float) -> None:
        self.database = replace(self.database, commands_a_second=self.database.commands_a_second * factor)

    # --- One second ---

    def advance(self, seconds: int) -> Run:
        for now in range(self.now, self.now + seconds):
            self.now = now
            if event := self.events.get(self.now):
                event(self)
            self.fleet.reconcile(self.now)
            self._serve(Second(arrivals=self.trace(self.now), wanted=self.fleet.wanted))
            self._scale()
        self.now += 1
        return self.run

    def _serve(self, second: Second) -> None:
        routed = self._routed()
        running = [task for task in self.fleet.tasks if task.is_running(self.now)]
        second.running = len(running)
        second.healthy = sum(not task.is_dead and not task.is_unhealthy for task in routed)
        shares = self._share_out(routed, second.arrivals)
        second.refused = self._lost_with_dead_tasks(shares) if routed else second.arrivals
        self.run.broken += second.refused if routed else 0.0
        alike: Alike = {}
        rates = self._rates(running, shares)
        for task in running:
            self._work(task, shares.get(task, 0.0), rates[task], alike, second)
        self._time(alike, second.answered)
        second.cpu = 100 * sum(task.busy for task in running) / len(running) if running else 0.0
        self._report(second, running, len(routed))
        self._count(second)

    def _routed(self) -> list[Task]:
        """Healthy tasks; if there is none, the load balancer sends to all that it has."""
        registered = [task for task in self.fleet.tasks if task.is_routed_to(self.now)]
        return [task for task in registered if not task.is_unhealthy] or registered

    @staticmethod
    def _share_out(routed: list[Task], arrivals: float) -> dict[Task, float]:
        """By least outstanding requests. An address that refuses at once never has any, and so attracts nearly all."""
        chosen = [task for task in routed if task.is_refusing] or routed
        return dict(zip(chosen, share_out([task.waiting.outstanding for task in chosen], arrivals), strict=True))

    def _lost_with_dead_tasks(self, shares: dict[Task, float]) -> float:
        """What is sent to a dead task fails until the load balancer has seen it; what waited there fails at once."""
        lost = 0.0
        for task in self.fleet.tasks:
            if task.stops_at <= self.now + 1:
                task.finish(self.now)
            if task.is_dead or task.stops_at <= self.now + 1:
                lost += task.waiting.lose() + (shares.get(task, 0.0) if task.is_dead else 0.0)
        return lost

    def _rates(self, running: list[Task], shares: dict[Task, float]) -> dict[Task, float]:
        """Requests a second of each task, as its processor and the database allow."""
        rates = {task: self.rate(task) for task in running}
        done = {task: min(task.waiting.requests + shares.get(task, 0.0), rates[task]) for task in running}
        share = self.database.share(sum(done.values()))
        return rates if share == 1 else {task: max(done[task], IDLE) * share for task in running}

    def _work(self, task: Task, arrivals: float, rate: float, alike: Alike, second: Second) -> None:
        worked = task.waiting.step(self.now, arrivals, rate, self.timing.idle, self.size.room)
        done = worked.answered + worked.wasted
        task.busy = done / self.rate(task)
        task.served += done
        task.check(self.timing, wait=task.waiting.wait(rate))
        second.refused += worked.refused
        second.answered += worked.answered
        self.run.wasted += worked.wasted
        if worked.accepted > 0 and worked.wait < self.timing.idle:
            kind = (round(worked.wait, 2), round(rate, 1), round(task.busy, 2))
            alike[kind] = alike.get(kind, 0.0) + worked.accepted

    def _time(self, alike: Alike, answered: float) -> None:
        database = self.database.seconds(answered)
        times = self.run.times.setdefault(self.now // MINUTE, Times())
        for (wait, rate, load), requests in alike.items():
            times.add(requests, wait, database + 1 / rate, load)

    def _report(self, second: Second, running: list[Task], targets: int) -> None:
        for task in running:
            self.metrics.report(CPU, self.now, 100 * task.busy)
            memory = self.prices.costs.memory_mb + MEMORY_AT_WORK_MB * task.busy
            self.metrics.report(MEMORY, self.now, 100 * memory / self.size.memory_mb)
        if targets:
            self.metrics.report(REQUESTS, self.now, second.arrivals / targets)

    def _count(self, second: Second) -> None:
        run = self.run
        run.seconds.append(second)
        run.requests += second.arrivals
        run.refused += second.refused
        run.answered += second.answered
        run.waiting = sum(task.waiting.outstanding for task in self.fleet.tasks)
        billed = [task for task in self.fleet.tasks if task.is_billed(self.now)]
        second.billed, second.spot = len(billed), sum(task.is_spot for task in billed)
        run.task_seconds += second.billed
        run.spot_seconds += second.spot

    def _scale(self) -> None:
        if self.fleet.is_complete(self.now):
            self.scaler.complete(self.now)
        if self.now and self.now % MINUTE == self.timing.metric_delay % MINUTE:
            wanted, why = self.scaler.evaluate(self.metrics, self.now, self.fleet.wanted)
            if wanted != self.fleet.wanted:
                self._want(wanted, why)

    def _want(self, wanted: int, why: str) -> None:
        self.run.changes.append(Change(self.now, self.fleet.wanted, wanted, why))
        self.fleet.wanted = wanted
