"""The worker's queue against deploy/ecs/scaling/worker.json: orders become due, workers settle them one by one."""

from collections import deque
from dataclasses import dataclass, field

from deploy.simulate.alarms import MINUTE, Metrics
from deploy.simulate.policies import QUEUE_AGE, QUEUE_DEPTH, Scaling
from deploy.simulate.scaling import AutoScaler
from deploy.simulate.settings import TaskSize, Timing
from deploy.simulate.tasks import Fleet
from deploy.simulate.traffic import Trace
from deploy.simulate.world import Change

# Assumption: one order takes half a second, nearly all of it two answers of the gateway.
SETTLED_A_SECOND = 2.0


@dataclass
class QueueRun:
    ages: list[float] = field(default_factory=list)  # of the oldest due order, in seconds
    tasks: list[int] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    task_seconds: float = 0.0


class Queue:
    """Due orders, oldest first, by the second in which they became due."""

    def __init__(self) -> None:
        self.due: deque[list[float]] = deque()

    def add(self, second: int, orders: float) -> None:
        if orders > 0:
            self.due.append([second, orders])

    def settle(self, orders: float) -> None:
        while self.due and orders >= self.due[0][1]:
            orders -= self.due.popleft()[1]
        if self.due:
            self.due[0][1] -= orders

    def age(self, now: int) -> float:
        return now - self.due[0][0] if self.due else 0.0

    def depth(self) -> float:
        return sum(orders for _, orders in self.due)


def run(scaling: Scaling, size: TaskSize, timing: Timing, trace: Trace, seconds: int) -> QueueRun:
    """So many seconds, beginning with the least number of workers."""
    scaler, metrics, queue = AutoScaler(scaling), Metrics(timing.metric_delay), Queue()
    fleet, result = Fleet(scaling.least, size, timing), QueueRun()
    for now in range(seconds):
        fleet.reconcile(now)
        # A worker is behind no load balancer: it works as soon as it has started.
        workers = sum(task.runs_at + timing.start <= now and not task.is_leaving for task in fleet.tasks)
        queue.add(now, trace(now))
        queue.settle(workers * SETTLED_A_SECOND)
        if workers:
            metrics.report(QUEUE_AGE, now, queue.age(now))
            metrics.report(QUEUE_DEPTH, now, queue.depth())
        if fleet.is_complete(now):
            scaler.complete(now)
        if now and now % MINUTE == timing.metric_delay % MINUTE:
            wanted, why = scaler.evaluate(metrics, now, fleet.wanted)
            if wanted != fleet.wanted:
                result.changes.append(Change(now, fleet.wanted, wanted, why))
                fleet.wanted = wanted
        result.ages.append(queue.age(now))
        result.tasks.append(workers)
        result.task_seconds += sum(task.is_billed(now) for task in fleet.tasks)
    return result


def outage(orders: float, start: int, normal: float = 0.05) -> Trace:
    """So many orders become due within a minute, as after an outage of the gateway; else few."""
    return lambda second: orders / 60 if start <= second < start + 60 else normal
