"""What happens when. Traffic is given in tasks' worth: 1 is what one task can do at full load, as measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.simulate import traffic
from deploy.simulate.database import database
from deploy.simulate.policies import FOLDER, load
from deploy.simulate.settings import read_capacity, task_size, terraform_text, timing
from deploy.simulate.traffic import Trace
from deploy.simulate.world import Prices, Run, World

HOUR = 3600
Events = Mapping[int, Callable[[World], object]]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    worth: Trace  # traffic in tasks' worth
    seconds: int
    tasks: int = 2
    service: str = "frontend"
    mix: Mapping[str, float] = field(default_factory=lambda: traffic.BROWSING)
    events: Events = field(default_factory=dict)
    spot_weight: int | None = None


# Ten times as much within a minute; two tasks bear it, at 95 % of their processors.
BURST = traffic.burst(0.19, 10, start=600, rise=60, hold=1800)
# Ten times what two tasks bear with ease: for some minutes it is more than they can do.
STORM = traffic.burst(0.325, 10, start=600, rise=60, hold=1800)
# Ten times a busy hour: more than the largest number of tasks can do.
FLOOD = traffic.burst(1.2, 10, start=600, rise=60, hold=1200)
LAUNCH = traffic.launch(0.3, 6.0, start=HOUR, rise=300, fade=1800)
SCHEDULED: Events = {HOUR - 900: lambda world: world.set_minimum(8), 2 * HOUR: lambda world: world.set_minimum(2)}

EVENING = traffic.noisy(traffic.daily(0.2, 5.0), 0.1)
HALF_LOADED = traffic.noisy(traffic.wave(1.4, 2.6, 1800), 0.05)

SCENARIOS = (
    Scenario("burst", "Ten times the traffic within 60 s", BURST, 2 * HOUR),
    Scenario("storm", "Ten times the traffic within 60 s, beyond what two tasks can do", STORM, 2 * HOUR),
    Scenario("flood", "Ten times a busy hour: beyond what ten tasks can do", FLOOD, 2 * HOUR),
    Scenario("day", "A day of learning, from its quietest hour", EVENING, 24 * HOUR, mix=traffic.LEARNING),
    Scenario("launch", "A course is announced, unprepared", LAUNCH, 4 * HOUR),
    Scenario(
        "launch-scheduled",
        "A course is announced, eight tasks scheduled 15 minutes before",
        LAUNCH,
        4 * HOUR,
        events=SCHEDULED,
    ),
    Scenario(
        "crash",
        "One task of four dies without a word",
        traffic.steady(2.0),
        HOUR,
        tasks=4,
        events={900: lambda world: world.fleet.kill_task(world.now)},
    ),
    Scenario(
        "zone",
        "An availability zone is lost, and is back after half an hour",
        traffic.steady(3.6),
        HOUR,
        tasks=6,
        events={
            900: lambda world: world.fleet.lose_zone(world.now),
            2700: lambda world: world.fleet.return_zone(),
        },
    ),
    Scenario(
        "spot",
        "All Spot tasks are taken back at once",
        traffic.steady(3.6),
        HOUR,
        tasks=6,
        spot_weight=3,
        events={900: lambda world: world.fleet.reclaim_spot(world.now)},
    ),
    Scenario(
        "spot-gone",
        "All Spot tasks are taken back, and for half an hour there is no Spot",
        traffic.steady(3.6),
        HOUR,
        tasks=6,
        spot_weight=3,
        events={900: lambda world: world.fleet.reclaim_spot(world.now, gone_for=1800)},
    ),
    Scenario(
        "cold",
        "Every rendered page is out of date at once",
        traffic.steady(2.2),
        HOUR,
        tasks=4,
        events={900: lambda world: world.fleet.forget_pages()},
    ),
    Scenario(
        "database",
        "For a quarter of an hour the database does a fifth of what it can",
        traffic.steady(3.6),
        HOUR,
        tasks=6,
        mix=traffic.LEARNING,
        events={900: lambda world: world.slow_database(0.2), 1800: lambda world: world.slow_database(5.0)},
    ),
    Scenario("steady", "Between 35 and 65 % of the processors", HALF_LOADED, 6 * HOUR, tasks=4),
    Scenario(
        "webhooks",
        "The backend: calls and webhooks, ten times as many within 60 s",
        BURST,
        2 * HOUR,
        service="backend",
        mix=traffic.CALLING,
    ),
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def prepare(scenario: Scenario, folder: Path = FOLDER) -> World:
    """The world at second 0. Raises PolicyError for files that are not understood."""
    size = task_size(scenario.service)
    if scenario.spot_weight is not None:
        size = replace(size, spot_weight=scenario.spot_weight)
    prices = Prices(read_capacity(), scenario.mix)
    rate = size.processors * 1000 / prices.warm
    scaling = load(scenario.service, folder)
    return World(
        scaling,
        size,
        timing(scenario.service),
        prices,
        lambda second: scenario.worth(second) * rate,
        tasks=min(max(scenario.tasks, scaling.least), scaling.most),
        events=scenario.events,
        database=database(terraform_text("database_instance_class", "db.t4g.medium"), scenario.mix),
    )


def run(scenario: Scenario, folder: Path = FOLDER) -> Run:
    return prepare(scenario, folder).advance(scenario.seconds)
