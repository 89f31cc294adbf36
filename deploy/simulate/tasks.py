"""ECS tasks from the order to the end, as far as requests and the bill notice.

Stopping and draining: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html
Spot, two minutes' notice, and nothing in its place while there is no Spot capacity:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
Sick tasks, each replaced before it is stopped:
https://aws.amazon.com/blogs/containers/a-deep-dive-into-amazon-ecs-task-health-and-task-replacement/
A zone that is back: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
(all read 2026-11-22)
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from deploy.simulate.queueing import Waiting
from deploy.simulate.settings import TaskSize, Timing

NEVER = math.inf
ZONES = ("a", "b", "c")
MOST_TASKS = 2  # maximumPercent of the services is 200; deploy/terraform/region/services.tf


@dataclass(eq=False)
class Task:
    zone: str
    is_spot: bool
    ordered_at: float
    runs_at: float
    healthy_at: float
    unroutable_at: float = NEVER
    stops_at: float = NEVER
    is_leaving: bool = False
    is_dead: bool = False
    is_refusing: bool = False  # dead, and its address says so at once
    is_unhealthy: bool = False  # too busy to answer the load balancer's checks in time
    contrary: int = 0  # seconds in a row in which its checks said otherwise
    latest_stop: float = NEVER
    waiting: Waiting = field(default_factory=Waiting)
    served: float = 0.0
    busy: float = 0.0  # the share of its processor that it used in this second

    def is_running(self, now: int) -> bool:
        return self.runs_at <= now < self.stops_at and not self.is_dead

    def is_routed_to(self, now: int) -> bool:
        return self.healthy_at <= now < self.unroutable_at

    def is_billed(self, now: int) -> bool:
        """From the pull of the image until it has stopped."""
        return self.ordered_at <= now < self.stops_at

    def check(self, timing: Timing, *, wait: float) -> None:
        """A check waits in the same queue as everybody: gunicorn's threads answer both."""
        if (wait > timing.check_timeout) == self.is_unhealthy:
            self.contrary = 0
            return
        self.contrary += 1
        if self.contrary >= (timing.until_recovery if self.is_unhealthy else timing.until_silence_is_seen):
            self.is_unhealthy, self.contrary = not self.is_unhealthy, 0

    def is_sick(self, now: int, timing: Timing) -> bool:
        """ECS believes the load balancer once the task's grace period is over."""
        return self.is_unhealthy and not self.is_dead and now >= self.runs_at + timing.grace

    def finish(self, now: int) -> None:
        """In its last second: what is in flight may be finished, for as long as gunicorn and ECS allow."""
        if self.is_leaving and not self.is_dead and self.waiting.outstanding and now + 1 < self.latest_stop:
            self.stops_at = max(self.stops_at, now + 2)


class Fleet:
    """The tasks of one service, and what ECS does to have as many as are wanted."""

    def __init__(self, wanted: int, size: TaskSize, timing: Timing, *, cold: bool = False) -> None:
        self.wanted = wanted
        self.size = size
        self.timing = timing
        self.zones: tuple[str, ...] = ZONES
        self.no_spot_until = -NEVER
        self.moving: Task | None = None  # into a zone that has too few
        self.tasks: list[Task] = []
        for _ in range(wanted):
            task = self._order(-timing.provision - timing.until_healthy)
            task.served = 0.0 if cold else NEVER

    # --- Orders ---

    def reconcile(self, now: int) -> None:
        """Start what lacks, take out what is too much; forget what has stopped."""
        self.tasks = [task for task in self.tasks if now < task.stops_at or not math.isfinite(task.stops_at)]
        active = self.active(now)
        sick = [task for task in active if task.is_sick(now, self.timing)]
        lacking = self.wanted - (len(active) - len(sick))
        for _ in range(min(lacking, MOST_TASKS * self.wanted - len(active))):
            self._order(now)
        answering = sum(task.is_routed_to(now) and task not in sick for task in active)
        for task in sick[: max(0, answering - max(0, self.wanted - len(sick)))]:
            self._stop(task, now)
        self._rebalance(now)
        for _ in range(-lacking - (self.moving is not None)):
            self._take_out(now)

    def _rebalance(self, now: int) -> None:
        """One task at a time is started where there are too few; one leaves the fullest zone when it answers."""
        if self.moving and (self.moving.is_routed_to(now) or self.moving.is_leaving or self.moving.is_dead):
            self.moving = None
        active = self.active(now)
        counts = Counter(task.zone for task in active)
        fewest = min(self.zones, key=lambda zone: counts[zone])
        is_calm = len(active) == self.wanted and all(task.is_routed_to(now) for task in active)
        if is_calm and not self.moving and max(counts.values(), default=0) - counts[fewest] > 1:
            self.moving = self._order(now)

    def active(self, now: int) -> list[Task]:
        """The tasks that ECS counts on; a dead one until the load balancer has seen it."""
        return [task for task in self.tasks if not task.is_leaving and not (task.is_dead and now >= task.unroutable_at)]

    def is_complete(self, now: int) -> bool:
        return sum(task.runs_at <= now for task in self.active(now)) >= self.wanted

    def _order(self, now: int) -> Task:
        counts = Counter(task.zone for task in self.tasks if not task.is_leaving and not task.is_dead)
        zone = min(self.zones, key=lambda zone: counts[zone])
        is_spot = self._next_is_spot()
        placed_at = max(now, self.no_spot_until) if is_spot else now
        runs_at = placed_at + self.timing.provision
        task = Task(zone, is_spot, placed_at, runs_at, runs_at + self.timing.until_healthy)
        self.tasks.append(task)
        return task

    def _next_is_spot(self) -> bool:
        """Beyond the on-demand base, so many on Spot as `spot_weight` says for each on-demand one."""
        staying = [task for task in self.tasks if not task.is_leaving and not task.is_dead]
        spot = sum(task.is_spot for task in staying)
        beyond_base = len(staying) - spot - self.size.on_demand_base
        return spot < self.size.spot_weight * (beyond_base + 1)

    def _take_out(self, now: int) -> None:
        """From the fullest zone, Spot before on-demand, the newest first."""
        active = self.active(now)
        counts = Counter(task.zone for task in active)
        self._stop(max(active, key=lambda task: (counts[task.zone], task.is_spot, task.ordered_at)), now)

    def _stop(self, task: Task, now: int) -> None:
        """Deregister, wait, SIGTERM, drain, finish what is in flight."""
        task.is_leaving = True
        task.unroutable_at = now
        sigterm = now + self.timing.deregistration
        task.stops_at = sigterm + self.timing.drain
        task.latest_stop = sigterm + min(self.timing.drain + self.timing.graceful, self.timing.stop)
        if task.runs_at > now:  # it had not begun
            task.stops_at = task.latest_stop = now + 1

    # --- Blows ---

    def reclaim_spot(self, now: int, *, gone_for: int = 0) -> int:
        """Notice and SIGTERM for all Spot tasks: they serve on with readiness at 503; how many they are."""
        self.no_spot_until = now + gone_for
        reclaimed = [task for task in self.tasks if task.is_spot and not task.is_leaving]
        for task in reclaimed:
            task.is_leaving = True
            task.unroutable_at = now + self.timing.until_refusal_is_seen
            task.stops_at = now + min(self.timing.drain + self.timing.graceful, self.timing.stop)
        return len(reclaimed)

    def kill_task(self, now: int) -> None:
        """One process dies without a word. Its address refuses connections until ECS takes it out."""
        task = self.active(now)[0]
        task.is_dead = task.is_refusing = True
        task.unroutable_at = task.stops_at = now + self.timing.end_is_seen

    def lose_zone(self, now: int) -> int:
        """The zone with the most tasks falls silent; nothing starts there again. How many tasks that was."""
        counts = Counter(task.zone for task in self.tasks if not task.is_dead)
        lost_zone = max(self.zones, key=lambda zone: counts[zone])
        self.zones = tuple(zone for zone in self.zones if zone != lost_zone)
        lost = [task for task in self.tasks if task.zone == lost_zone and not task.is_dead]
        for task in lost:
            task.is_dead = True
            task.unroutable_at = min(task.unroutable_at, now + self.timing.until_silence_is_seen)
            task.stops_at = now + self.timing.until_silence_is_seen
        return len(lost)

    def return_zone(self) -> None:
        self.zones = ZONES

    def forget_pages(self) -> None:
        """Every task's cached pages are out of date at once."""
        for task in self.tasks:
            task.served = 0.0
