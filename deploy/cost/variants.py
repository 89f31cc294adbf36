"""The plan as it is, and as it would be with other choices; what each choice changes on the bill."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from deploy.cost.bill import Bill, bill
from deploy.cost.plan import Inventory, Item
from deploy.cost.prices import Prices
from deploy.cost.usage import usage

Change = Callable[[Inventory], Inventory]
STUDENTS = 1_000  # whose traffic the minimum and the maximum bear
DESIGN = (326, 606)  # dollars a month, from the design


def changed(inventory: Inventory, kind: str, change: Callable[[Item], Item | None]) -> Inventory:
    """The inventory with every item of a type changed, or left out."""
    items = [change(item) if item.type == kind else item for item in inventory.items]
    return replace(inventory, items=[item for item in items if item is not None])


def with_variables(inventory: Inventory, **values: object) -> Inventory:
    return replace(inventory, variables=inventory.variables | values)


def one_nat(inventory: Inventory) -> Inventory:
    for kind in ("aws_nat_gateway", "aws_eip"):
        inventory = changed(inventory, kind, lambda item: replace(item, count=1))
    return inventory


def no_endpoints(inventory: Inventory) -> Inventory:
    return changed(inventory, "aws_vpc_endpoint", lambda _: None)


def spot(weight: int) -> Change:
    def change(inventory: Inventory) -> Inventory:
        return changed(
            inventory,
            "aws_ecs_service",
            lambda item: replace(item, arguments=item.arguments | {"spot_weight": weight}),
        )

    return change


def instance_class(name: str) -> Change:
    return lambda inventory: changed(
        inventory, "aws_docdb_cluster_instance", lambda item: replace(item, arguments={"class": name})
    )


def instances(count: int) -> Change:
    """At most so many in each region."""
    return lambda inventory: changed(
        inventory, "aws_docdb_cluster_instance", lambda item: replace(item, count=min(count, item.count))
    )


def with_days(kind: str, days: int) -> Change:
    return lambda inventory: changed(inventory, kind, lambda item: replace(item, arguments={"days": days}))


def snapshots(days: int) -> Change:
    return with_days("aws_backup_plan", days)


def logs(days: int) -> Change:
    return with_days("aws_cloudwatch_log_group", days)


def without(*kinds: str) -> Change:
    return lambda inventory: replace(inventory, items=[item for item in inventory.items if item.type not in kinds])


def plain_insights(inventory: Inventory) -> Inventory:
    return changed(inventory, "aws_ecs_cluster", lambda item: replace(item, arguments={"insights": "disabled"}))


ACCOUNT = (
    "aws_guardduty_detector",
    "aws_config_configuration_recorder",
    "aws_securityhub_account",
    "aws_inspector2_enabler",
)


@dataclass(frozen=True)
class Switch:
    what: str
    how: str
    price: str  # what is given up
    change: Change


SAVING = (
    Switch("one NAT gateway", "`single_nat = true`", "when its zone fails, so do all outgoing calls", one_nat),
    Switch(
        "no interface endpoints", "`interface_endpoints = false`", "images, logs, secrets go through NAT", no_endpoints
    ),
    Switch(
        "Graviton",
        '`cpu_architecture = "ARM64"`',
        "an image built for ARM",
        lambda inventory: with_variables(inventory, cpu_architecture="ARM64"),
    ),
    Switch(
        "a quarter of a processor, 512 MB",
        "`task_cpu = 256`, `task_memory = 512`",
        "half the requests a task; 400 MB were measured, so that little is left",
        lambda inventory: with_variables(inventory, task_cpu=256, task_memory=512),
    ),
    Switch(
        "two database instances",
        "`database_instances = 2`",
        "a reader less, a zone without one",
        instances(2),
    ),
    Switch(
        "no services for the account",
        "`account_services` without guardduty, config, securityhub and registry's scans",
        "nobody looks for intruders and drift; often another account pays for them",
        without(*ACCOUNT),
    ),
    Switch("no Container Insights", "region/cluster.tf", "no figures for single tasks", plain_insights),
)
OTHER = (
    Switch(
        "metrics of each route",
        '`settings = { METRICS_BY_ROUTE = "true" }`',
        "nothing; without it the log lines have them, and Logs Insights adds them up",
        lambda inventory: with_variables(inventory, metrics_by_route=True),
    ),
    Switch("snapshots for 90 days, not 35", "`backup_days = 90`", "nothing; it is dearer", snapshots(90)),
    Switch("logs for two years, not 400 days", "`log_retention_days = 731`", "nothing; it is dearer", logs(731)),
    Switch("no Spot", "`spot_weight = 0`", "nothing; it is dearer", spot(0)),
    Switch(
        "I/O-optimised storage",
        '`database_storage_type = "iopt1"`',
        "nothing; it pays from about 400,000 students on",
        lambda inventory: changed(
            inventory, "aws_docdb_cluster", lambda item: replace(item, arguments=item.arguments | {"storage": "iopt1"})
        ),
    ),
    Switch("db.r6g.large", "`database_instance_class`", "nothing; it is dearer", instance_class("db.r6g.large")),
)


# What gives up least for what it saves comes first.
WAY_INSIDE = tuple(SAVING[number] for number in (0, 1, 2, 4, 6, 5))


def everything_saved(inventory: Inventory) -> Inventory:
    """All savings but the quarter of a processor, for which the site needs too much memory."""
    for switch in SAVING:
        if "quarter" not in switch.what:
            inventory = switch.change(inventory)
    return inventory


def least_and_most(inventory: Inventory, prices: Prices, students: int = STUDENTS) -> tuple[Bill, Bill]:
    """Two and two web tasks all month, and ten and ten; the same traffic."""
    return bill(inventory, usage(students), prices), bill(inventory, usage(students, is_full=True), prices)
