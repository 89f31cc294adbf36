"""The site as it stands in front of the public: a balancer, two services of two tasks, and the world around them."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.rehearsal.balancer import REFUSED, Balancer
from tests.rehearsal.cluster import DESIRED, ROLES, Cluster
from tests.rehearsal.people import JOURNEYS, Asked, Crowd, Fate, Site
from tests.rehearsal.task import Task
from tests.rehearsal.timing import Timing
from tests.rehearsal.world import World
from tests.servers import free_port

STUDENTS = 40
IN_FLIGHT = "lost in flight on the killed task"
AFTERWARDS = "502 from the killed task's address"
CONFLICT = "503 and Retry-After after a write conflict"
WARM_UP_SECONDS = 4
MOMENT_SECONDS = 1  # in which a busy balancer may send on a connection whose end it has not read yet


@dataclass
class Findings:
    """What an incident showed: figures, and promises with whether they were held."""

    name: str
    what: str = ""
    seconds: float = 0
    figures: list[tuple[str, str]] = field(default_factory=list)
    promises: list[tuple[str, bool, str]] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        return [what for what, is_held, _ in self.promises if not is_held]

    def figure(self, what: str, value: object) -> None:
        self.figures.append((what, str(value)))

    def promise(self, what: str, is_held: bool, measured: object) -> None:
        self.promises.append((what, is_held, str(measured)))


class Stage:
    def __init__(self, world: World, timing: Timing) -> None:
        self.world, self.timing = world, timing
        self.balancer = Balancer(timing, world.site_port)
        self.cluster = Cluster(world.folder, world.environment, self.balancer, timing)
        self.crowds = 0
        self.conflicts_before = 0
        self.forgets = False  # a proof: an order vanishes

    @property
    def site(self) -> Site:
        return Site(self.world.site_port, self.world.school, self.world.pay)

    def crowd(self, people: int = 12, *, think: float = 0.3, journeys: dict[str, int] = JOURNEYS) -> Crowd:
        """Other people each time: who has bought everything buys nothing more."""
        self.crowds += 1
        return Crowd(self.site, people, think_seconds=think, journeys=journeys, seed=7 * self.crowds)

    def settle(self) -> None:
        """Wait until both services have what they should have, and nothing more."""
        deadline = time.monotonic() + 180
        while any(
            len(self.balancer.healthy(role)) != DESIRED or len(self.cluster.of(role)) != DESIRED for role in ROLES
        ):
            assert time.monotonic() < deadline, {one.name: one.state for one in self.balancer.targets.values()}
            time.sleep(0.1)
        self.cluster.seen.clear()
        self.cluster.replaced.clear()
        self.conflicts_before = self._conflicts_logged()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> float:
        """How long it took; `seconds` if it did not happen."""
        began = time.monotonic()
        while not condition() and time.monotonic() - began < seconds:
            time.sleep(0.02)
        return time.monotonic() - began

    def just_checked(self, task: Task) -> None:
        """Wait for the worst moment: right after a passed check."""
        target = self.balancer.targets[task.name]
        before = target.checked
        self.wait_for(lambda: target.checked > before, 2 * self.timing.check_interval)

    # --- What became of requests ---
    def counted(self, asked: list[Asked], killed: Task | None = None) -> Counter[str]:
        return Counter(self.fate(one, killed) for one in asked)

    def fate(self, one: Asked, killed: Task | None) -> str:
        passed = self.balancer.passed.get(one.number)
        if one.fate in (Fate.BALANCER, Fate.CUT) and killed and passed and passed.target == killed.name:
            was_sent = passed.why != REFUSED and passed.began <= killed.killed_at + MOMENT_SECONDS
            return IN_FLIGHT if was_sent else AFTERWARDS
        if one.fate in (Fate.BALANCER, Fate.CUT) and passed:
            return f"{one.fate} ({passed.status} {passed.why}, {passed.target or 'no target'})"
        return str(one.fate)

    def conflicts(self) -> int:
        """Requests that the site gave up since `settle`, because another transaction was in the way every time.

        With two processors for everything the look-alike's transactions last so long. No incident has a part in it.
        """
        return self._conflicts_logged() - self.conflicts_before

    def _conflicts_logged(self) -> int:
        logs = [task.log.read_text(errors="replace") for task in [*self.cluster.tasks, *self.cluster.gone]]
        lines = (line for log in logs for line in log.splitlines())
        return sum("cannot be asked" in line and "WriteConflict" in line for line in lines)

    def lost(self, crowd: Crowd) -> dict[str, list[object]]:
        """What was acknowledged and is not there."""
        told = asdict(crowd.told)
        if self.forgets and told["orders"]:
            self.world.run("tests.rehearsal.school", "forget", told["orders"][0])
        found: dict[str, list[object]] = json.loads(
            self.world.run("tests.rehearsal.school", "verify", told=json.dumps(told))
        )
        return {what: rows for what, rows in found.items() if rows}


@contextmanager
def scratch(kept: Path | None) -> Iterator[Path]:
    """A folder for a while, or the one that the logs are to stay in."""
    if kept:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="coursebundler-rehearsal-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def staged(engine: str, timing: Timing, kept: Path | None = None, **environment: str) -> Iterator[Stage]:
    with scratch(kept) as folder:
        world = World(folder, engine, free_port())
        with world.open(STUDENTS):
            world.environment |= environment
            stage = Stage(world, timing)
            stage.balancer.start()
            try:
                stage.cluster.open()
                with stage.crowd(think=0.1):  # what a process does once, it has done
                    time.sleep(WARM_UP_SECONDS)
                yield stage
            finally:
                stage.cluster.close()
                stage.balancer.close()
