"""ECS tasks from the order to the end, as far as requests and the bill notice.

Stopping and draining: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html
Spot, two minutes' notice: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from deploy.simulate.queueing import Waiting
from deploy.simulate.settings import TaskSize, Timing

NEVER = math.inf
ZONES = ("a", "b", "c")


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


class Fleet:
    """The tasks of one service, and what ECS does to have as many as are wanted."""

    def __init__(self, wanted: int, size: TaskSize, timing: Timing, *, cold: bool = False) -> None:
        self.wanted = wanted
        self.size = size
        self.timing = timing
        self.zones: tuple[str, ...] = ZONES
        self.tasks: list[Task] = []
        for _ in range(wanted):
            task = self._order(-timing.provision - timing.until_healthy)
            task.served = 0.0 if cold else NEVER

    # --- Orders ---

    def reconcile(self, now: int) -> None:
        """Start what lacks, take out what is too much; forget what has stopped."""
        self.tasks = [task for task in self.tasks if now < task.stops_at or not math.isfinite(task.stops_at)]
        active = self.active(now)
        for _ in range(self.wanted - len(active)):
            self._order(now)
        for _ in range(len(active) - self.wanted):
            self._take_out(now)

    def active(self, now: int) -> list[Task]:
        """The tasks that ECS counts on; a dead one until the load balancer has seen it."""
        return [task for task in self.tasks if not task.is_leaving and not (task.is_dead and now >= task.unroutable_at)]

    def is_complete(self, now: int) -> bool:
        active = self.active(now)
        return len(active) == self.wanted and all(task.runs_at <= now for task in active)

    def _order(self, now: int) -> Task:
        counts = Counter(task.zone for task in self.tasks if not task.is_leaving and not task.is_dead)
        zone = min(self.zones, key=lambda zone: counts[zone])
        runs_at = now + self.timing.provision
        task = Task(zone, self._next_is_spot(), now, runs_at, runs_at + self.timing.until_healthy)
        self.tasks.append(task)
        return task

    def _next_is_spot(self) -> bool:
        """Beyond the on-demand base, so many on Spot as `spot_weight` says for each on-demand one."""
        staying = [task for task in self.tasks if not task.is_leaving and not task.is_dead]
        spot = sum(task.is_spot for task in staying)
        beyond_base = len(staying) - spot - self.size.on_demand_base
        return spot < self.size.spot_weight * (beyond_base + 1)

    def _take_out(self, now: int) -> None:
        """From the fullest zone, Spot before on-demand, the newest first: deregister, wait, stop, drain."""
        active = self.active(now)
        counts = Counter(task.zone for task in active)
        task = max(active, key=lambda task: (task.is_spot, counts[task.zone], task.ordered_at))
        task.is_leaving = True
        task.unroutable_at = now
        task.stops_at = now + self.timing.deregistration + self.timing.drain

    # --- Blows ---

    def reclaim_spot(self, now: int) -> int:
        """Notice and SIGTERM for all Spot tasks: they serve on with readiness at 503; how many they are."""
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

    def forget_pages(self) -> None:
        """Every task's cached pages are out of date at once."""
        for task in self.tasks:
            task.served = 0.0
