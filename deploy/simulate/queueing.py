"""How long requests wait at one task, second by second.

A task works at a rate of so many requests a second. What it cannot do waits, first come, first served, at that task:
the load balancer keeps no queue, and a new task takes none of an old one's. Whoever has waited for as long as the load
balancer's idle time-out is refused (504). Below full load, requests share the processor; the time then is service /
(1 - load) on average, and is taken as exponentially distributed (processor sharing, M/G/1: Kleinrock, Queueing Systems
II, 4.4).
"""

import math
from collections import defaultdict
from itertools import pairwise

# What is random in a time: an exponential distribution of mean one in slices, which are finer where p95 and p99 are.
EDGES = (*(number / 20 for number in range(18)), 0.9, 0.92, 0.94, 0.96, 0.98, 0.985, 0.99, 0.995, 1.0)
RANDOM = [(-math.log(1 - (low + high) / 2), high - low) for low, high in pairwise(EDGES)]
HIGHEST_LOAD = 0.95  # above that the queue itself, not chance, makes the waiting
BINS_PER_DOUBLING = 8


class Waiting:
    """The requests that wait at one task; a fluid, not single requests."""

    def __init__(self) -> None:
        self.requests = 0.0

    def step(self, arrivals: float, rate: float, patience: float) -> tuple[float, float, float]:
        """One second: requests served, refused, and how long an arrival waits before it is worked on, in seconds."""
        wait = self.requests / rate
        room = max(0.0, patience * rate - self.requests)
        accepted = min(arrivals, room + rate)
        served = min(self.requests + accepted, rate)
        self.requests += accepted - served
        return served, arrivals - accepted, wait


def share_out(waiting: list[float], arrivals: float) -> list[float]:
    """Least outstanding requests: arrivals fill the shortest queues first, until all are level."""
    order = sorted(range(len(waiting)), key=waiting.__getitem__)
    shares = [0.0] * len(waiting)
    left = arrivals
    for count, index in enumerate(order, 1):
        level = waiting[index]
        higher = waiting[order[count]] if count < len(order) else math.inf
        poured = min(left, (higher - level) * count)
        for each in order[:count]:
            shares[each] += poured / count
        left -= poured
        if left <= 0:
            break
    return shares


class Times:
    """How many requests took how long: counted in steps of 9 %, so that days fit into memory."""

    def __init__(self) -> None:
        self.bins: dict[int, float] = defaultdict(float)

    def add(self, requests: float, wait: float, service: float, load: float) -> None:
        """`wait` is certain, `service` (both in seconds) is the mean of an empty task."""
        mean = service / (1 - min(load, HIGHEST_LOAD))
        for random, share in RANDOM:
            self.bins[round(BINS_PER_DOUBLING * math.log2(wait + random * mean))] += requests * share

    def quantile(self, share: float) -> float:
        """Seconds; 0 if there were no requests."""
        left: float = share * sum(self.bins.values())
        for number, requests in sorted(self.bins.items()):
            left -= requests
            if left <= 0:
                return 2.0 ** (number / BINS_PER_DOUBLING)
        return 0.0

    def share_above(self, seconds: float) -> float:
        total = sum(self.bins.values())
        slow = sum(count for number, count in self.bins.items() if 2.0 ** (number / BINS_PER_DOUBLING) > seconds)
        return slow / total if total else 0.0

    def merge(self, other: "Times") -> None:
        for number, requests in other.bins.items():
            self.bins[number] += requests
