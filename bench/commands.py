"""How many queries a block sends: statements on SQLite, commands on DocumentDB, whoever sends them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.test.utils import CaptureQueriesContext
from pymongo import monitoring


class CommandCounter(monitoring.CommandListener):
    """Watches the clients that are made after it was registered."""

    count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@dataclass
class Sent:
    count: int = 0


sent_to_documentdb = CommandCounter()
monitoring.register(sent_to_documentdb)


@contextmanager
def counted() -> Iterator[Sent]:
    """`.count` is there when the block has ended. The ORM, the cache, the driver's own commands: all count."""
    sent, before = Sent(), sent_to_documentdb.count
    with CaptureQueriesContext(connection) as queries:
        yield sent
    sent.count = len(queries) if connection.vendor == "sqlite" else sent_to_documentdb.count - before
