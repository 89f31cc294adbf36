"""A thousand to a million active students, on paper: what is needed, and where each part of the design ends."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from deploy.cost.prices import read as read_prices
from deploy.simulate.database import COMMANDS_A_PROCESSOR
from deploy.simulate.policies import load
from deploy.simulate.settings import Costs, environment, read_capacity, task_size
from deploy.simulate.students import ASSUMPTIONS, DATE, HOURS_A_MONTH, SECONDS_A_MONTH, Demand, assume, demand

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# pymongo has two sockets of its own to each server, to watch it: coursebundler/database_url.py sets the pool.
WATCHING_SOCKETS = 2
# https://docs.aws.amazon.com/documentdb/latest/developerguide/docdb-serverless-instance-limits.html (read 2026-11-22)
# gives 1,000 connections for 4 GiB and 4,000 for 16 GiB. Those of fixed classes are from memory of AWS's page "Quotas
# and limits": unverified.
CONNECTIONS = {"db.t4g.medium": 1_000, "db.r6g.large": 3_400, "db.r6g.4xlarge": 28_400, "db.r6g.16xlarge": 60_000}
PROCESSORS = {"db.t4g.medium": 2 * 0.2, "db.r6g.large": 2, "db.r6g.4xlarge": 16, "db.r6g.16xlarge": 64}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html (read 2026-11-22)
TARGETS = 1_000
# Assumption: rate limits and pages are kept per process; from so many tasks on a limit of 5 means little.
TASKS_FOR_LOCAL_LIMITS = 50
NAT_GBIT = 100  # https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html: from memory, unverified
MEASURED, FROM_AWS, ASSUMED, UNVERIFIED = "measured", "AWS", "assumption", "AWS, unverified"


def sockets_of_a_task(service: str = "frontend") -> int:
    """To the primary: a pool of one more than the threads in each process, and pymongo's watching."""
    variables = environment(service)
    threads, processes = int(variables.get("WEB_THREADS", 4)), int(variables.get("WEB_CONCURRENCY", 2))
    return processes * (threads + 1 + WATCHING_SOCKETS)


def all_tasks(needed: Demand, costs: Costs) -> int:
    """Web tasks at the peak, with two workers."""
    return needed.tasks(costs, task_size("frontend")) + needed.backend_tasks(costs, task_size("backend")) + 2


def database_class(needed: Demand, costs: Costs) -> str:
    """The smallest class whose processors do the commands at 60 % and that takes the connections."""
    connections = all_tasks(needed, costs) * sockets_of_a_task()
    for name, processors in PROCESSORS.items():
        if needed.commands <= 0.6 * processors * COMMANDS_A_PROCESSOR and connections <= CONNECTIONS[name]:
            return name
    return "none: more than one primary"


def rows(costs: Costs) -> list[tuple[str, str, Callable[[Demand], str]]]:
    """Name, where the figure comes from, and the figure."""
    web = task_size("frontend")
    sockets = sockets_of_a_task()
    return [
        ("students who watch at the peak", ASSUMED, lambda need: f"{need.watching:,.0f}"),
        ("requests a second at the peak", ASSUMED, lambda need: f"{need.requests:,.1f}"),
        ("… of them progress reports, each a write", ASSUMED, lambda need: f"{need.writes:,.1f}"),
        ("frontend tasks at the peak", MEASURED, lambda need: f"{need.tasks(costs, web):,}"),
        ("… if players reported every 30 s", MEASURED, lambda need: f"{demand(need.students, 30).tasks(costs, web):,}"),
        ("backend tasks", MEASURED, lambda need: f"{need.backend_tasks(costs, web):,}"),
        ("connections to the primary", "counted", lambda need: f"{all_tasks(need, costs) * sockets:,}"),
        ("database commands a second", ASSUMED, lambda need: f"{need.commands:,.0f}"),
        ("smallest database class", ASSUMED, lambda need: database_class(need, costs)),
        ("database I/O a month, million", ASSUMED, lambda need: f"{need.month_io / 1e6:,.0f}"),
        ("load balancer capacity units", ASSUMED, lambda need: f"{max(1, need.lcus()):,.1f}"),
        ("through NAT, GB a month", ASSUMED, lambda need: f"{need.nat_gb:,.1f}"),
        ("sent by CloudFront, GB a month", ASSUMED, lambda need: f"{need.edge_gb:,.0f}"),
        ("logs, GB a month", ASSUMED, lambda need: f"{need.logs_gb:,.1f}"),
    ]


@dataclass(frozen=True)
class End:
    part: str
    limit: str
    basis: str
    students: float  # at which it ends
    then: str


def students_at(limit: float, amount: Callable[[Demand], float]) -> float:
    """The number of students whose peak needs `limit`; everything here grows in proportion."""
    each = amount(demand(1_000_000)) / 1_000_000
    return limit / each if each else inf


def ends(costs: Costs) -> list[End]:
    """In the order in which they are met."""
    found = [*ends_of_tasks(costs), *ends_of_the_database(costs), *ends_of_prices()]
    return sorted(found, key=lambda end: end.students)


def ends_of_tasks(costs: Costs) -> list[End]:
    size, most = task_size("frontend"), load("frontend").most
    busy = most * size.processors * assume("load")
    nat_gb = NAT_GBIT / 8 * SECONDS_A_MONTH / assume("peak_factor")
    return [
        End(
            "frontend tasks",
            f"{most} (MaxCapacity)",
            MEASURED,
            students_at(busy, lambda need: need.processors(costs)),
            "`max_tasks`; reports every 30 s; tasks of 1 or 2 processors with as many more processes",
        ),
        End(
            "rate limits and pages kept per process",
            f"{TASKS_FOR_LOCAL_LIMITS} tasks",
            ASSUMED,
            students_at(TASKS_FOR_LOCAL_LIMITS, lambda need: all_tasks(need, costs)),
            "ElastiCache (Redis) for limits and pages; WAF's rate rule holds before that",
        ),
        End(
            "targets of one load balancer",
            f"{TARGETS:,}",
            FROM_AWS,
            students_at(TARGETS, lambda need: all_tasks(need, costs)),
            "a quota that AWS raises; larger tasks",
        ),
        End(
            "NAT",
            f"{NAT_GBIT} Gbit/s",
            UNVERIFIED,
            students_at(nat_gb, lambda need: need.nat_gb),
            "nothing: media, logs and images do not pass it",
        ),
    ]


def ends_of_prices() -> list[End]:
    """Where another way of paying is cheaper."""
    prices = read_prices()
    cluster = 3 * HOURS_A_MONTH * prices.of("docdb_db.r6g.large_hour")
    # AWS's rule: I/O-optimised if I/O is more than a quarter of the cluster's bill (its page of prices, 2026-11-22).
    most_io = cluster / 3 / prices.of("docdb_io_million") * 1e6
    return [
        End(
            "CloudFront at list price",
            "10 TB a month",
            FROM_AWS,
            students_at(10 * 1024, lambda need: need.edge_gb),
            "a contract for traffic; two or three rates of each video, so that phones take less",
        ),
        End(
            "I/O paid one by one",
            "a quarter of the database's bill, three db.r6g.large",
            FROM_AWS,
            students_at(most_io, lambda need: need.month_io),
            '`database_storage_type = "iopt1"`; reports every 30 s',
        ),
    ]


def ends_of_the_database(costs: Costs) -> list[End]:
    def connections(name: str, then: str) -> End:
        at = students_at(CONNECTIONS[name], lambda need: all_tasks(need, costs) * sockets_of_a_task())
        return End(f"connections of {name}", f"{CONNECTIONS[name]:,}", UNVERIFIED, at, then)

    def processors(name: str, limit: str, then: str) -> End:
        at = students_at(PROCESSORS[name] * COMMANDS_A_PROCESSOR, lambda need: need.commands)
        return End(f"processors of {name}", limit, ASSUMED, at, then)

    return [
        processors("db.t4g.medium", "20 % of 2, its baseline", "db.r6g.large; more readers for the catalogue's lists"),
        processors("db.r6g.large", "2", "a larger class; reports every 30 s: two thirds of the writes are gone"),
        processors("db.r6g.16xlarge", "64, one primary", "progress in a cluster of its own; elastic clusters by user"),
        connections("db.t4g.medium", "a larger class; fewer, larger tasks"),
        connections("db.r6g.16xlarge", "larger tasks: connections grow with threads, not with requests"),
    ]


def rounded(students: float) -> str:
    """Two digits are all that this is worth."""
    if students > 1e8:
        return "more than 100,000,000"
    digits = 10 ** (len(str(int(students))) - 2)
    return f"{round(students / digits) * digits:,}"


def needs_table() -> str:
    costs = read_capacity()
    head = f"| active students | basis | {' | '.join(f'{size:,}' for size in SIZES)} |\n|---|---|{'--:|' * len(SIZES)}"
    needs = [demand(size) for size in SIZES]
    lines = [f"| {name} | {basis} | {' | '.join(show(need) for need in needs)} |" for name, basis, show in rows(costs)]
    return "\n".join([head, *lines, bills()])


def bills() -> str:
    """The bill's totals, from deploy/cost, which imports this module."""
    from deploy.cost.plan import load as load_inventory
    from deploy.cost.students import sizes

    found = sizes(load_inventory()["none"], read_prices())
    cells = (f"${size.bill.total:,.0f}, video ${size.sent:,.0f}" for size in found)
    return f"| a month's bill | [cost.md](cost.md) | {' | '.join(cells)} |"


def ends_table() -> str:
    lines = [
        f"| {end.part} | {end.limit} | {end.basis} | {rounded(end.students)} | {end.then} |"
        for end in ends(read_capacity())
    ]
    return "\n".join(["| Part | Limit | Basis | Ends at about | What comes next |", "|---|---|---|--:|---|", *lines])


def assumptions_table() -> str:
    lines = [f"| {each.value:g} {each.unit} | {each.why} |" for each in ASSUMPTIONS.values()]
    return "\n".join([f"| Assumption, {DATE} | Why |", "|---|---|", *lines])


def text() -> str:
    source = f"Costs of requests: {read_capacity().source}"
    return "\n\n".join([needs_table(), ends_table(), assumptions_table(), source])
