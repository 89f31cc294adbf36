"""What ECS does with tasks, as far as AWS documents it: registers them, replaces those that end, rolls out new ones.

- A task is registered with its target group when it runs, and takes requests after its first passed check.
- A task that ended is deregistered some seconds later and replaced.
- A task whose target is unhealthy, or whose own check fails three times, is replaced: the new one is started first, and
  the old one stops when it is healthy (https://aws.amazon.com/about-aws/whats-new/2023/10/, “task replacement”).
- Stopping is: deregister, wait for the delay, SIGTERM, and SIGKILL after stopTimeout
  (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html). A Spot interruption and
  StopTask may send SIGTERM first (https://github.com/aws/containers-roadmap/issues/2673 and /708).
"""

import itertools
import threading
import time
from collections import Counter
from pathlib import Path

from tests.rehearsal.balancer import Balancer
from tests.rehearsal.targets import State
from tests.rehearsal.task import Task
from tests.rehearsal.timing import Timing

ROLES = ("frontend", "backend")
DESIRED = 2
CONTAINER_RETRIES = 3
WAIT_SECONDS = 60


class Cluster:
    """Two services of two tasks. `seen` counts what was done with them."""

    def __init__(self, folder: Path, environment: dict[str, str], balancer: Balancer, timing: Timing) -> None:
        self.folder, self.environment, self.balancer, self.timing = folder, environment, balancer, timing
        self.tasks: list[Task] = []
        self.gone: list[Task] = []
        self.replaced: set[str] = set()  # whose successors have been started
        self.stopping: set[str] = set()
        self.noticed: dict[str, float] = {}
        self.seen: Counter[str] = Counter()
        self.numbers = itertools.count(1)
        self.lock = threading.RLock()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def open(self) -> None:
        for role in ROLES:
            for _ in range(DESIRED):
                self.start(role)
        self.wait_until_healthy()
        self.thread.start()

    def close(self) -> None:
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join(10)
        for task in [*self.tasks, *self.gone]:
            task.kill()

    def of(self, role: str) -> list[Task]:
        """Those that are not on their way out."""
        return [task for task in self.tasks if task.role == role and task.name not in self.stopping]

    # --- What ECS does ---
    def start(self, role: str, **changed: str) -> Task:
        task = Task(f"{role}-{next(self.numbers)}", role, self.folder, self.environment | changed, self.timing)
        with self.lock:
            self.tasks.append(task)
        self.balancer.register(task.name, task.port, role)
        self.seen["tasks started"] += 1
        return task

    def stop(self, task: Task, *, signal_first: bool = False) -> threading.Thread:
        """Take it out as a deployment does; or, with `signal_first`, as Spot may. Runs beside us."""
        self.stopping.add(task.name)
        thread = threading.Thread(target=self._stop, args=[task, signal_first], daemon=True)
        thread.start()
        return thread

    def _stop(self, task: Task, signal_first: bool) -> None:
        if signal_first:
            task.terminate()
            has_ended = task.wait(self.timing.stop_timeout)
            self.is_over.wait(0 if not has_ended else self.timing.notice)
            self.balancer.deregister(task.name)
        else:
            self.balancer.deregister(task.name)
            self.is_over.wait(self.timing.deregistration)
            task.terminate()
            has_ended = task.wait(self.timing.stop_timeout)
        if not has_ended:
            self.seen["tasks killed at stopTimeout"] += 1
            task.kill()
        self._remove(task)

    def _remove(self, task: Task) -> None:
        with self.lock:
            if task in self.tasks:
                self.tasks.remove(task)
                self.gone.append(task)

    def wait_until_healthy(self, names: list[str] | None = None) -> None:
        """All of these, or all that there are."""
        wanted = names or [task.name for task in self.tasks]
        deadline = time.monotonic() + WAIT_SECONDS
        while any(self.balancer.state(name) is not State.HEALTHY for name in wanted):
            assert time.monotonic() < deadline, {name: self.balancer.state(name) for name in wanted}
            time.sleep(0.05)

    def deploy(self, *, signal_first: bool = False, **changed: str) -> None:
        """New tasks first (200 %), then the old ones go (never under 100 %). Returns when the last has ended."""
        old = list(self.tasks)
        for task in old:  # the watch leaves them alone
            self.stopping.add(task.name)
        new = [self.start(task.role, **changed) for task in old]
        self.wait_until_healthy([task.name for task in new])
        leaving = [self.stop(task, signal_first=signal_first) for task in old]
        for thread in leaving:
            thread.join()

    # --- What it watches ---
    def _watch(self) -> None:
        failures: Counter[str] = Counter()
        checked = time.monotonic()
        while not self.is_over.wait(0.2):
            for task in list(self.tasks):
                if task.name not in self.stopping:
                    self._look_at(task)
            self._let_go()
            if time.monotonic() - checked > self.timing.container_check:
                checked = time.monotonic()
                self._check_containers(failures)

    def _look_at(self, task: Task) -> None:
        if not task.is_running:
            since = self.noticed.setdefault(task.name, time.monotonic())
            if time.monotonic() - since >= self.timing.notice:
                self.balancer.deregister(task.name)
                self._remove(task)
                self.seen["tasks replaced after they ended"] += 1
                self.start(task.role)
        elif self._is_unhealthy(task) and len(self.of(task.role)) < 2 * DESIRED:
            self.seen["tasks replaced as unhealthy"] += 1
            self.replaced.add(task.name)
            self.start(task.role)

    def _is_unhealthy(self, task: Task) -> bool:
        """The grace period is for tasks that have never been healthy yet."""
        target = self.balancer.targets.get(task.name)
        if not self.timing.replaces_unhealthy or target is None or task.name in self.replaced:
            return False
        if target.state is not State.UNHEALTHY:
            return False
        is_past_grace = time.monotonic() - task.began > self.timing.grace
        return is_past_grace or any(state is State.HEALTHY for _, state in list(target.changes))

    def _let_go(self) -> None:
        """What is more than there should be goes, once enough is healthy: first the unhealthy, then the old."""
        for role in ROLES:
            tasks = self.of(role)
            healthy = [task for task in tasks if self.balancer.state(task.name) is State.HEALTHY]
            if len(healthy) < DESIRED or len(tasks) <= DESIRED:
                continue
            tasks.sort(key=lambda task: (task in healthy, task.began))
            for task in tasks[: len(tasks) - DESIRED]:
                self.stop(task)

    def _check_containers(self, failures: Counter[str]) -> None:
        """HEALTHCHECK of the image: three failures in a row, and the task is replaced."""
        for task in list(self.tasks):
            if task.name in self.stopping or not task.is_running:
                continue
            is_new = time.monotonic() - task.began < self.timing.start_period
            failures[task.name] = 0 if is_new or task.is_live() else failures[task.name] + 1
            if failures[task.name] >= CONTAINER_RETRIES:
                self.seen["tasks replaced by the container's check"] += 1
                self.start(task.role)
                self.stop(task)
