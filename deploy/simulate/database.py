"""The database that all tasks share: when it is full, more tasks do not help, and their processors have less to do.

All figures are assumptions, to be replaced by measurements on the first day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Small commands a second for each processor; and what a request asks. A visitor's page is nearly always cached.
COMMANDS_A_PROCESSOR = 1_500
COMMANDS = {"catalogue": 1.0, "learning": 7.0, "checkout": 7.0, "api": 7.0, "admin": 7.0}
SECONDS = 0.01  # its share of an answer, while it has little to do
HIGHEST_LOAD = 0.95
# Of all sizes: a db.t4g.medium may use both of its processors, and pays for what is above their baseline.
PROCESSORS = {"db.t4g.medium": 2.0, "db.r6g.large": 2.0, "db.r6g.xlarge": 4.0, "db.r6g.2xlarge": 8.0}


@dataclass(frozen=True)
class Database:
    commands_a_second: float
    commands_a_request: float

    def load(self, requests: float) -> float:
        """Of so many requests a second; above 1 it is too small."""
        return requests * self.commands_a_request / self.commands_a_second

    def share(self, requests: float) -> float:
        """How much of that it can do."""
        return 1 / max(1.0, self.load(requests))

    def seconds(self, requests: float) -> float:
        return SECONDS / (1 - min(self.load(requests), HIGHEST_LOAD))


def database(name: str, mix: Mapping[str, float]) -> Database:
    """Of an instance class; one that is not listed counts as the smallest."""
    processors = PROCESSORS.get(name, min(PROCESSORS.values()))
    commands = sum(share * COMMANDS[journey] for journey, share in mix.items())
    return Database(processors * COMMANDS_A_PROCESSOR, commands)
