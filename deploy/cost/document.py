"""The tables of docs/cost.md."""

import re

from deploy.cost import usage as used
from deploy.cost import variants
from deploy.cost.bill import Bill, bill
from deploy.cost.catalogue import ALB, DNS, DOCDB, ECS, EDGE, NAT, REST, WATCHING
from deploy.cost.plan import STANDBYS, Inventory
from deploy.cost.prices import BASES, Prices
from deploy.cost.students import sizes
from deploy.simulate.document import filled
from deploy.simulate.policies import ROOT

DOCUMENT = ROOT / "docs" / "cost.md"
# What the design says of each line, in dollars a month.
DESIGN_LINES = {
    ECS: (50, 200),
    ALB: (20, 20),
    DOCDB: (200, 300),
    EDGE: (10, 50),
    NAT: (35, 35),
    WATCHING: (10, 20),
    DNS: (1, 1),
    REST: (0, 0),
}
WHY = {
    ECS: "with a worker and scheduled commands, which the design has not; some of the maximum runs on Spot",
    ALB: "the hours; capacity units hardly count",
    DOCDB: "three small instances and their I/O; with any larger class it is more",
    EDGE: "1,000 students; the first TB is free, then video grows with the students (below)",
    NAT: "the design counts one gateway; it draws one in each zone",
    WATCHING: "alarms, our own metrics and Container Insights; the design seems to count logs alone",
    DNS: "the zone, and health checks every ten seconds for failing over",
    REST: "firewall, endpoints, addresses, keys, secrets, snapshots, services for the account",
}


def money(dollars: float) -> str:
    return f"${dollars:,.0f}" if dollars >= 100 else f"${dollars:,.2f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns of figures are flushed right."""
    align = ["--:" if re.match(r"[+−$\d]", column[0]) else "---" for column in zip(*rows, strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, align, *rows])


def totals(inventories: dict[str, Inventory], prices: Prices) -> str:
    rows = []
    for name in STANDBYS:
        least, most = variants.least_and_most(inventories[name], prices)
        rows.append([f'`standby = "{name}"`', money(least.total), money(most.total)])
    saved = variants.least_and_most(variants.everything_saved(inventories["none"]), prices)
    rows.append(["no standby, every saving below", *(money(each.total) for each in saved)])
    rows.append(["the design's estimate", *(money(each) for each in variants.DESIGN)])
    return table(["1,000 active students", "two and two web tasks", "ten and ten, all month"], rows)


def verdict(least: float, most: float, low: float, high: float) -> str:
    if most < low:
        return "holds; it is less"
    if most <= high:
        return "holds"
    return "holds at the minimum only" if least <= high else "does not hold"


def against_the_design(inventory: Inventory, prices: Prices) -> str:
    least, most = (each.by_group() for each in variants.least_and_most(inventory, prices))
    rows = []
    for group, (low, high) in DESIGN_LINES.items():
        estimate = "–" if group == REST else f"${low}" if low == high else f"${low}–{high}"
        word = "left out" if group == REST else verdict(least[group], most[group], low, high)
        rows.append([group, estimate, money(least[group]), money(most[group]), word, WHY[group]])
    rows.append(["**Total**", "$326–606", money(sum(least.values())), money(sum(most.values())), "", ""])
    return table(["Line", "Design", "Minimum", "Maximum", "The design's figure", "Why"], rows)


def difference(before: Bill, after: Bill) -> str:
    dollars = after.total - before.total
    return f"{'+' if dollars > 0 else '−'}{money(abs(dollars))}" if abs(dollars) >= 0.005 else "0"


def switches(inventory: Inventory, prices: Prices) -> str:
    before = variants.least_and_most(inventory, prices)
    rows = []
    for switch in (*variants.SAVING, *variants.OTHER):
        after = variants.least_and_most(switch.change(inventory), prices)
        changes = [difference(old, new) for old, new in zip(before, after, strict=True)]
        rows.append([switch.what, switch.how, *changes, switch.price])
    return table(["Switch", "How", "Minimum", "Maximum", "What is given up"], rows)


def the_way_inside(inventory: Inventory, prices: Prices) -> str:
    """Savings one upon the other, until minimum and maximum are within the design's range."""
    rows = [["as planned", *(money(each.total) for each in variants.least_and_most(inventory, prices)), ""]]
    for switch in variants.WAY_INSIDE:
        inventory = switch.change(inventory)
        least, most = variants.least_and_most(inventory, prices)
        inside = "yes" if most.total <= variants.DESIGN[1] else ""
        rows.append([f"and {switch.what}", money(least.total), money(most.total), inside])
    return table(["Savings, one upon the other", "Minimum", "Maximum", "Within $326–606"], rows)


def by_students(inventory: Inventory, prices: Prices) -> str:
    rows = [
        [
            f"{size.students:,}",
            f"{size.tasks:,.0f}",
            size.database,
            money(size.bill.total - size.sent),
            money(size.sent),
            money(size.bill.total),
            money(size.per_thousand),
        ]
        for size in sizes(inventory, prices)
    ]
    return table(
        ["Active students", "Web tasks", "Database", "All but video", "Video", "A month", "Per 1,000 students"], rows
    )


def lines(some: Bill) -> str:
    rows = [
        [line.what, line.group, f"{line.quantity:,.1f}", f"`{line.price}`", money(line.dollars)]
        for line in sorted(some.lines, key=lambda line: (line.group, -line.dollars))
    ]
    return table(["What", "Line", "Quantity", "Price", "A month"], rows)


def price_table(prices: Prices) -> str:
    rows = []
    for name, row in sorted(prices.rows.items()):
        source = f"[page]({row.source})" if row.source.startswith("https://") and " " not in row.source else row.source
        rows.append([f"`{name}`", f"{row.price:g}", row.unit, row.region, BASES[row.basis], row.date, source])
    return table(["Price", "$", "Unit", "Region", "Basis", "Date", "Source"], rows)


def assumptions() -> str:
    names = [
        ("GB of videos and pictures, in each region", used.MEDIA_GB),
        ("GB uploaded a month", used.NEW_MEDIA_GB),
        ("GB of images in each registry", used.IMAGES_GB),
        ("images scanned a month", used.IMAGES_SCANNED),
        ("metrics of our own, whatever the traffic", used.SERVICE_METRICS),
        ("routes asked for in every hour (three metrics each, only with METRICS_BY_ROUTE)", used.ROUTES),
        ("Container Insights metrics of a service, and of a task", used.INSIGHTS_METRICS),
        ("GB of AWS's own logs a month", used.PLATFORM_LOGS_GB),
        ("of the logs' size is kept, compressed", used.COMPRESSED),
        ("minutes of a task for a scheduled command", used.SCHEDULED_MINUTES),
        ("of the database: a night's snapshot beyond the first", used.CHANGED_A_DAY),
        ("GB through NAT a month, besides orders", used.OTHER_NAT_GB),
        ("GB of images a month through NAT, if there are no interface endpoints", used.IMAGES_PULLED_GB),
        ("items for Config, a month and region", used.CONFIG_ITEMS),
        ("Security Hub's checks, a month and region", used.SECURITY_CHECKS),
    ]
    return table([f"Assumption, {used.DATE}", "Value"], [[name, f"{value:g}"] for name, value in names])


def pieces(inventories: dict[str, Inventory], prices: Prices) -> dict[str, str]:
    plain = inventories["none"]
    return {
        "totals": totals(inventories, prices),
        "design": against_the_design(plain, prices),
        "switches": switches(plain, prices),
        "inside": the_way_inside(plain, prices),
        "students": by_students(plain, prices),
        "minimum": lines(bill(plain, used.usage(variants.STUDENTS), prices)),
        "assumptions": assumptions(),
        "prices": price_table(prices),
    }


def text(inventories: dict[str, Inventory], prices: Prices) -> str:
    """The document as it should be."""
    return filled(DOCUMENT.read_text(encoding="utf-8"), pieces(inventories, prices))
