"""The prices of deploy/cost/prices.json. Each has its source and date; `basis` says how far to trust it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("prices.json")
BASES = {"aws": "AWS's own page", "third-party": "somebody else's page", "unverified": "unverified: from memory"}
FIELDS = {"price", "unit", "region", "source", "date", "basis"}


class PriceError(ValueError):
    """A price is missing or not told fully; the message is a sentence for people."""


@dataclass(frozen=True)
class Price:
    price: float
    unit: str
    region: str
    source: str
    date: str
    basis: str


class Prices:
    def __init__(self, rows: dict[str, Price]) -> None:
        self.rows = rows
        self.used: set[str] = set()

    def of(self, name: str) -> float:
        """In US dollars by the row's unit. Raises PriceError if there is no such price."""
        if name not in self.rows:
            raise PriceError(f"deploy/cost/prices.json has no price {name}.")
        self.used.add(name)
        return self.rows[name].price


def read(path: Path = FILE) -> Prices:
    """Raises PriceError with a sentence for a row that lacks something."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PriceError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise PriceError(f"{path.name} is no JSON object of prices.")
    return Prices({name: parse(name, row) for name, row in content.items()})


def parse(name: str, row: dict[str, object]) -> Price:
    if not isinstance(row, dict) or set(row) != FIELDS:
        raise PriceError(f"The price {name} needs exactly {', '.join(sorted(FIELDS))}.")
    if isinstance(row["price"], bool) or not isinstance(row["price"], int | float) or not 0 <= row["price"] < math.inf:
        raise PriceError(f"The price {name} is {row['price']!r}, which is no amount.")
    for text in ("unit", "region", "source", "date"):
        if not isinstance(row[text], str) or not row[text]:
            raise PriceError(f"The price {name} does not say its {text}.")
    if row["basis"] not in BASES:
        raise PriceError(f"The price {name} has the basis {row['basis']!r}, not one of {', '.join(BASES)}.")
    return Price(**row)  # type: ignore[arg-type]
