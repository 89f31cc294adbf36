"""Rules about an applied deployment that need more than one resource, or more than a schema knows.

A rule is a function that yields what is wrong; the first line of its docstring says what must be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.check.state import State

# Where, and what is there.
Findings = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Subject:
    """What the rules look at.

    Args:
        environment: production or staging.
        site: what the site's own code says (site_facts.py).
    """

    state: State
    environment: str
    standby: str
    site: dict[str, Any]


Rule = Callable[[Subject], Findings]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


@dataclass(frozen=True)
class Problem:
    """Something that a rule, or another layer, does not agree with."""

    rule: str
    message: str
    address: str
    detail: str

    def __str__(self) -> str:
        return f"{self.address}: {self.detail}\n    {self.rule}: {self.message}"


def check(subject: Subject) -> list[Problem]:
    """What every rule says of this state."""
    from deploy.check.rules import every  # noqa: F401  (the modules register their rules)

    found = []
    for function in RULES:
        message = (function.__doc__ or "").strip().splitlines()[0]
        found += [Problem(function.__name__, message, where, what) for where, what in function(subject)]
    return found
