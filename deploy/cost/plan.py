"""What a plan has that decides the bill: types, regions, counts and few arguments of `terraform show -json`.

`inventory.json` keeps that for the plans of each kind of standby, so that the bill can be computed, and checked,
on a machine without Terraform. A test with Terraform makes it again and compares.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INVENTORY = Path(__file__).with_name("inventory.json")
PRIMARY = "us-east-1"
STANDBY = "us-west-2"
STANDBYS = ("none", "pilot-light", "warm", "serving")
VARIABLES = ("task_cpu", "task_memory", "cpu_architecture", "database_instance_class", "single_nat", "standby")

Arguments = dict[str, Any]


class PlanError(ValueError):
    """Not a plan, or one without what the bill needs; the message is a sentence for people."""


@dataclass(frozen=True)
class Item:
    """So many resources of a type in a region that are alike in what they cost."""

    type: str
    region: str
    count: int
    arguments: Arguments


@dataclass(frozen=True)
class Inventory:
    variables: Arguments
    items: list[Item]

    def of(self, *types: str) -> list[Item]:
        return [item for item in self.items if item.type in types]

    def count(self, kind: str) -> int:
        return sum(item.count for item in self.of(kind))

    @property
    def serving_region(self) -> str:
        """Where the traffic goes: to the standby once that one has taken over."""
        return STANDBY if self.variables.get("standby") == "serving" else PRIMARY

    def number(self, name: str) -> float:
        """A variable that is a number; `-var` gives it as text. Raises PlanError if it is none."""
        value = self.variables.get(name)
        try:
            return float(value)  # type: ignore[arg-type]  # None is told below
        except (TypeError, ValueError) as error:
            raise PlanError(f"The plan's variable {name} is {value!r}, which is no number.") from error


# --- What is kept of a resource ---


def _blocks(values: Arguments, name: str) -> list[Any]:
    return values.get(name) or []


def _health_check(values: Arguments) -> Arguments:
    """Each feature beyond plain HTTP every 30 seconds is billed."""
    features = {
        "https": str(values.get("type", "")).startswith("HTTPS"),
        "fast": values.get("request_interval") == 10,
        "string": bool(values.get("search_string")),
        "latency": bool(values.get("measure_latency")),
    }
    return {"features": sum(features.values())}


def _alarm(values: Arguments) -> Arguments:
    """An alarm is billed by its metrics; one of metric math has several."""
    return {"metrics": sum(bool(query.get("metric")) for query in _blocks(values, "metric_query")) or 1}


def _service(values: Arguments) -> Arguments:
    providers = {each["capacity_provider"]: each for each in _blocks(values, "capacity_provider_strategy")}
    on_demand, spot = providers.get("FARGATE", {}), providers.get("FARGATE_SPOT", {})
    return {
        "name": values["name"],
        "desired": values["desired_count"],
        "base": on_demand.get("base") or 0,
        "weight": on_demand.get("weight") or 0,
        "spot_weight": spot.get("weight") or 0,
    }


def _range(values: Arguments) -> Arguments:
    name = str(values["resource_id"]).rpartition("/")[2]
    return {"name": name, "least": values["min_capacity"], "most": values["max_capacity"]}


def _tracking_alarms(values: Arguments) -> Arguments:
    """Tracking makes one alarm to grow by, and one to shrink by unless that is switched off."""
    policies = _blocks(values, "target_tracking_scaling_policy_configuration")
    return {"alarms": sum(1 if policy.get("disable_scale_in") else 2 for policy in policies)}


def runs_a_month(expression: str) -> float:
    """Of a schedule: `rate(10 minutes)`, or a cron expression that is daily, weekly or monthly."""
    if found := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return 730 * 60 / (int(found[1]) * {"minute": 1, "hour": 60, "day": 1440}[found[2]])
    if not (found := re.fullmatch(r"cron\(\d+ \d+ (\S+) \* (\S+) \*\)", expression)):
        raise PlanError(f"How often {expression} runs is not known to deploy/cost/plan.py.")
    day_of_month, day_of_week = found.groups()
    return 1 if day_of_month.isdigit() else 52 / 12 if re.fullmatch(r"[A-Z]{3}|\d", day_of_week) else 365 / 12


def _schedule(values: Arguments) -> Arguments:
    is_on = values.get("state") != "DISABLED"
    return {"runs": round(runs_a_month(values["schedule_expression"]), 1) if is_on else 0}


def _days(values: Arguments) -> Arguments:
    """For how long snapshots are kept, by the rule that keeps them longest."""
    lifecycles = [each for rule in _blocks(values, "rule") for each in _blocks(rule, "lifecycle")]
    return {"days": max((each.get("delete_after") or 0 for each in lifecycles), default=0)}


KEPT: dict[str, Callable[[Arguments], Arguments]] = {
    "aws_appautoscaling_policy": _tracking_alarms,
    "aws_appautoscaling_target": _range,
    "aws_backup_plan": _days,
    "aws_cloudwatch_log_group": lambda values: {"days": values.get("retention_in_days") or 0},
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_docdb_cluster": lambda values: {
        "storage": values.get("storage_type") or "standard",
        "managed_password": bool(values.get("manage_master_user_password")),
    },
    "aws_docdb_cluster_instance": lambda values: {"class": values["instance_class"]},
    "aws_ecs_cluster": lambda values: {
        "insights": next((each["value"] for each in _blocks(values, "setting")), "disabled"),
    },
    "aws_ecs_service": _service,
    "aws_lb": lambda values: {
        "kind": values.get("load_balancer_type") or "application",
        "addresses": 0 if values.get("internal") else len(_blocks(values, "subnets")),
    },
    "aws_route53_health_check": _health_check,
    "aws_scheduler_schedule": _schedule,
    "aws_secretsmanager_secret": lambda values: {"copies": 1 + len(_blocks(values, "replica"))},
    "aws_vpc_endpoint": lambda values: {
        "kind": values.get("vpc_endpoint_type") or "Gateway",
        "zones": len(_blocks(values, "subnet_ids")) if values.get("vpc_endpoint_type") == "Interface" else 0,
    },
    "aws_wafv2_web_acl": lambda values: {"rules": len(_blocks(values, "rule"))},
    "aws_wafv2_web_acl_logging_configuration": lambda values: {"filtered": bool(_blocks(values, "logging_filter"))},
}


def region_of(change: Arguments) -> str:
    """The standby's module is in the other region, whatever its resources say."""
    if str(change.get("module_address", "")).startswith("module.standby"):
        return STANDBY
    return str((change["change"]["after"] or {}).get("region") or PRIMARY)


def with_zones(change: Arguments, zones: int) -> Arguments:
    """What a resource will be. Subnets that are not there yet are one in each zone."""
    after, unknown = change["after"], change.get("after_unknown") or {}
    return after | {name: [None] * zones for name in ("subnets", "subnet_ids") if unknown.get(name) is True}


def variables_of(plan: Arguments) -> Arguments:
    found = {name: plan["variables"][name].get("value") for name in VARIABLES}
    settings = (plan["variables"].get("settings") or {}).get("value") or {}
    is_on = str(settings.get("METRICS_BY_ROUTE", "")).lower() in ("true", "1", "yes", "on")
    return found | {"metrics_by_route": is_on}


def read(plan: Arguments) -> Inventory:
    """From the JSON of a plan. Raises PlanError if it is none."""
    try:
        changes = [change for change in plan["resource_changes"] if change["mode"] == "managed"]
        variables = variables_of(plan)
        zones = len((plan["variables"].get("availability_zones") or {}).get("value") or "abc")
        counted: Counter[tuple[str, str, str]] = Counter()
        for change in changes:
            if change["change"]["after"] is not None:
                kept = KEPT.get(change["type"], lambda _: {})(with_zones(change["change"], zones))
                counted[(change["type"], region_of(change), json.dumps(kept, sort_keys=True))] += 1
    except (KeyError, TypeError, AttributeError) as error:
        raise PlanError(f"That is no plan as `terraform show -json` prints it: {error!r}.") from error
    items = [Item(kind, region, count, json.loads(kept)) for (kind, region, kept), count in sorted(counted.items())]
    return Inventory(variables, items)


def differences(kept: Inventory, fresh: Inventory) -> list[str]:
    """What a fresh plan has and the kept one lacks (+), and the other way round (-); none if they are alike."""
    found = [f"{name} was {kept.variables.get(name)!r}, is {value!r}"
             for name, value in fresh.variables.items() if kept.variables.get(name) != value]  # fmt: skip
    for sign, these, those in (("+", fresh, kept), ("-", kept, fresh)):
        found += [
            f"{sign} {item.count} {item.type} in {item.region} {json.dumps(item.arguments)}"
            for item in these.items
            if item not in those.items
        ]
    return found


# --- The kept file ---


def dump(inventories: dict[str, Inventory]) -> str:
    """One line an item, so that a difference can be read."""
    return "{\n" + ",\n".join(f'"{name}": {_dumped(each)}' for name, each in inventories.items()) + "\n}\n"


def _dumped(inventory: Inventory) -> str:
    lines = [json.dumps([item.type, item.region, item.count, item.arguments]) for item in inventory.items]
    items = ",\n  ".join(lines)
    return f'{{\n "variables": {json.dumps(inventory.variables)},\n "items": [\n  {items}\n ]}}'


def load(path: Path = INVENTORY) -> dict[str, Inventory]:
    """By kind of standby. Raises PlanError if the file is missing or broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Inventory(each["variables"], [Item(*item) for item in each["items"]])
            for name, each in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanError(f"{path.name} cannot be used: {error!r}. Make it with python -m deploy.cost plan.") from error
