"""Importing this registers every rule."""

from deploy.check.rules import (
    access,
    alarms,
    balancer,
    database,
    edge,
    network,
    operations,
    scaling,
    settings,
    storage,
    tasks,
)

__all__ = [
    "access",
    "alarms",
    "balancer",
    "database",
    "edge",
    "network",
    "operations",
    "scaling",
    "settings",
    "storage",
    "tasks",
]
