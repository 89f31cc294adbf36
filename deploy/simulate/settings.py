"""What the simulation takes from elsewhere: task definitions, Terraform's values, measurements, and AWS's habits.

Each figure is read from the file that has it. What AWS does not promise is an assumption and says so.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.simulate.fields import PolicyError, read_json
from deploy.simulate.policies import ROOT

TASKS = ROOT / "deploy" / "ecs"
TERRAFORM = ROOT / "deploy" / "terraform"
CAPACITY = ROOT / "deploy" / "simulate" / "capacity.json"
PAGES = ROOT / "deploy" / "simulate" / "pages.json"


@dataclass(frozen=True)
class Timing:
    """Seconds. The load balancer's are those of deploy/terraform/region/balancer.tf; a test compares them."""

    # Assumption: AWS says "one-minute periods" and not how late; a minute is what accounts show.
    metric_delay: int = 60
    # Assumption: Fargate finds a place, attaches a network interface and pulls an image of about 100 MB.
    provision: int = 35
    # Measured on half a processor by `make image`, rounded up.
    start: int = 8
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    # One passed check is enough for a new target; two are counted, to be on the safe side.
    check_interval: int = 10
    check_timeout: int = 5
    healthy_checks: int = 2
    unhealthy_checks: int = 2
    deregistration: int = 30
    # Assumption, as in tests/rehearsal: ECS sees that a task has ended, and takes it out of the load balancer.
    end_is_seen: int = 5
    # For so long ECS does not believe the load balancer about a new task; deploy/terraform/region/services.tf.
    grace: int = 60
    # From the task definition and gunicorn.conf.py.
    drain: int = 25
    graceful: int = 50
    stop: int = 90
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
    idle: int = 60

    @property
    def until_healthy(self) -> int:
        return self.start + self.healthy_checks * self.check_interval

    @property
    def until_refusal_is_seen(self) -> int:
        """A task that answers its check with 503, or refuses the connection, gets no requests after so long."""
        return self.unhealthy_checks * self.check_interval

    @property
    def until_recovery(self) -> int:
        return self.healthy_checks * self.check_interval

    @property
    def until_silence_is_seen(self) -> int:
        return self.until_refusal_is_seen + self.check_timeout


@dataclass(frozen=True)
class TaskSize:
    processors: float
    memory_mb: int
    spot_weight: int = 0
    on_demand_base: int = 2
    room: float = 2 * 1000 + 2048  # connections that it holds


@dataclass(frozen=True)
class Costs:
    """What requests cost a task, in milliseconds of processor time, by the journey that they belong to; measured."""

    milliseconds: dict[str, float]
    memory_mb: float
    source: str
    cold_factor: float = 1.0
    cold_requests: float = 0.0
    unrendered_factor: float = 1.0  # a visitor's page that no process has rendered yet

    def of_mix(self, mix: dict[str, float]) -> float:
        """The mean over a mix of journeys (shares of requests that add up to one)."""
        return sum(share * self.milliseconds[journey] for journey, share in mix.items())


JOURNEYS = {"catalogue", "learning", "checkout", "api", "admin"}


def positive(value: Any) -> float:
    """Raises ValueError for what is no amount of time or memory."""
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{value} is not above 0")
    return number


def read_capacity(path: Path = CAPACITY, pages: Path = PAGES) -> Costs:
    """Journeys from the rehearsal's measurement, what is special about cold tasks from bench/journey.py's."""
    found, single = read_json(path), read_json(pages)
    try:
        seconds = found["cpu_seconds_per_request"]
        requests = {name: positive(row["cpu_ms"]) for name, row in single["requests"].items()}
        if lacking := JOURNEYS - seconds.keys():
            raise ValueError(f"nothing about {', '.join(sorted(lacking))}")
        return Costs(
            milliseconds={name: 1000 * positive(value) for name, value in seconds.items()},
            memory_mb=positive(found["memory_mb_per_task"]),
            source=f"{found['command']}, {found['measured_at'][:10]}, {found['machine']}",
            cold_factor=positive(single["cold"]["factor"]),
            cold_requests=positive(single["cold"]["requests"]),
            unrendered_factor=requests["course_student"] / requests["course_visitor"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"{path.name} or {pages.name} says nothing that can be used: {error!r}.") from error


def terraform_number(name: str, default: int) -> int:
    found = terraform_text(name, str(default))
    return int(found) if found.isdecimal() else default


def terraform_text(name: str, default: str) -> str:
    """A value from production's, else the variable's default in Terraform, else ours."""
    values = TERRAFORM / "environments" / "production.tfvars"
    if values.exists() and (found := re.search(rf'^{name}\s*=\s*"?([\w.-]+)', values.read_text(), re.M)):
        return found[1]
    for path in (*sorted(TERRAFORM.glob("*.tf")), *sorted(TERRAFORM.glob("region/*.tf"))):
        block = re.search(rf'^variable "{name}" {{\n(.*?)^}}', path.read_text(), re.M | re.S)
        if block and (found := re.search(r'^\s*default\s*=\s*"?([\w.-]+)', block[1], re.M)):
            return found[1]
    return default


def task_definition(service: str, folder: Path = TASKS) -> dict[str, Any]:
    content = read_json(folder / f"{service}.json")
    if not isinstance(content, dict):
        raise PolicyError(f"{service}.json is no task definition.")
    return content


def number_of(value: Any, variable: str, default: int) -> int:
    """A field of a task definition: a number, or a placeholder for one of Terraform's."""
    if str(value).startswith("${"):
        return terraform_number(variable, default)
    try:
        return int(positive(value))
    except (ValueError, TypeError) as error:
        raise PolicyError(f"A task definition's {variable.removeprefix('task_')} is {value!r}, no number.") from error


def task_size(service: str, folder: Path = TASKS) -> TaskSize:
    """CPU units and memory as Fargate gives them, and how many tasks run on Spot beyond the base."""
    task = task_definition(service, folder)
    return TaskSize(
        number_of(task.get("cpu"), "task_cpu", 512) / 1024,
        number_of(task.get("memory"), "task_memory", 1024),
        terraform_number("spot_weight", 0),
        room=connections(environment(service, folder)),
    )


def connections(variables: Mapping[str, str]) -> float:
    """How many gunicorn holds: so many for each process, and its backlog; its own defaults if nothing is set."""
    text = (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")

    def number(name: str, default: int) -> int:
        found = re.search(rf"^{name} = ([\d_]+)", text, re.M)
        return int(found[1]) if found else default

    processes = int(variables.get("WEB_CONCURRENCY", 2))
    return processes * number("worker_connections", 1000) + number("backlog", 2048)


def container(service: str, folder: Path = TASKS) -> dict[str, Any]:
    containers = task_definition(service, folder).get("containerDefinitions", [])
    for each in containers:
        if each.get("name") == "app":
            return dict(each)
    raise PolicyError(f"{service}.json has no container named app.")


def environment(service: str, folder: Path = TASKS) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(service, folder).get("environment", [])}


def timing(service: str, folder: Path = TASKS) -> Timing:
    drain = environment(service, folder).get("DRAIN_SECONDS") or drain_default()
    return Timing(stop=int(container(service, folder).get("stopTimeout", 30)), drain=int(drain))


def drain_default() -> str:
    """What gunicorn.conf.py takes if nothing is set."""
    found = re.search(r'"DRAIN_SECONDS", "(\d+)"', (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8"))
    return found[1] if found else str(Timing.drain)
