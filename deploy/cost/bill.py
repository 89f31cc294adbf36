"""Counts × prices."""

from collections import defaultdict
from dataclasses import dataclass

from deploy.cost.catalogue import FREE, ONCE, PAID, Charge
from deploy.cost.plan import Inventory, PlanError
from deploy.cost.prices import Prices
from deploy.cost.usage import Usage


@dataclass(frozen=True)
class Line:
    group: str
    what: str
    price: str
    quantity: float
    dollars: float


@dataclass(frozen=True)
class Bill:
    lines: list[Line]

    @property
    def total(self) -> float:
        return sum(line.dollars for line in self.lines)

    def by_group(self) -> dict[str, float]:
        totals: dict[str, float] = defaultdict(float)
        for line in self.lines:
            totals[line.group] += line.dollars
        return totals


def check_types(inventory: Inventory) -> None:
    """Raises PlanError for a type that is known neither as paid nor as free."""
    unknown = sorted({item.type for item in inventory.items} - PAID.keys() - FREE)
    if unknown:
        raise PlanError(
            f"The plan has {', '.join(unknown)}, and deploy/cost does not know whether that costs money. "
            "Add it to PAID or FREE in deploy/cost/catalogue.py."
        )


def charges(inventory: Inventory, usage: Usage) -> list[Charge]:
    check_types(inventory)
    found: list[Charge] = []
    seen: set[str] = set()
    for item in inventory.items:
        if item.type in PAID and item.type not in seen:
            found += PAID[item.type](item, inventory, usage)
            seen |= {item.type} & ONCE
    return found


def price_of(name: str, prices: Prices) -> float:
    """Of one price, or of a product of several: `a × b`."""
    result = 1.0
    for factor in name.split(" × "):
        result *= prices.of(factor)
    return result


def bill(inventory: Inventory, usage: Usage, prices: Prices) -> Bill:
    """Raises PlanError for a type, PriceError for a price that is not known."""
    quantities: dict[tuple[str, str, str], float] = defaultdict(float)
    free: dict[tuple[str, str, str], float] = {}
    for charge in charges(inventory, usage):
        key = (charge.group, charge.what, charge.price)
        quantities[key] += charge.quantity
        free[key] = max(free.get(key, 0.0), charge.free)
    lines = []
    for key, quantity in quantities.items():
        dollars = max(0.0, quantity - free[key]) * price_of(key[2], prices)
        lines.append(Line(*key, quantity, dollars))
    return Bill(lines)
