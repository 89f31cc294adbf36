"""How long requests wait at one task, second by second, and which are never answered.

A task works at a rate of so many requests a second. What it cannot do waits, first come, first served, at that task:
the load balancer keeps no queue, and a new task takes none of an old one's. Three things end in a refusal:

- Whoever has waited for as long as the load balancer's idle time-out is told 504. The task does not know that: gunicorn
  reads the request from the closed connection and works it off all the same. So a queue of more than a minute is work
  for nobody (a test starts gunicorn and shows it).
- A task holds so many connections and no more: `worker_connections` of each process, and the listening socket's
  backlog. Whoever comes then is told 504 after ten seconds: https://repost.aws/knowledge-center/504-error-alb
  (read 2026-11-22).
- A task that dies takes with it what waits there (502).

Below full load, requests share the processor; the time then is service / (1 - load) on average, and is taken as
exponentially distributed (processor sharing, M/G/1: Kleinrock, Queueing Systems II, 4.4; an M/M/1 queue's is the same).
"""

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise

# What is random in a time: an exponential distribution of mean one in slices, which are finer where p95 and p99 are.
EDGES = (*(number / 20 for number in range(18)), 0.9, 0.92, 0.94, 0.96, 0.98, 0.985, 0.99, 0.995, 1.0)
RANDOM = [(-math.log(1 - (low + high) / 2), high - low) for low, high in pairwise(EDGES)]
HIGHEST_LOAD = 0.95  # above that the queue itself, not chance, makes the waiting
BINS_PER_DOUBLING = 8


@dataclass(frozen=True)
class Worked:
    """Of one second, in requests; `wait` is how long an arrival of it waits before it is worked on, in seconds."""

    accepted: float
    answered: float
    wasted: float  # worked off although nobody waits for it any more
    refused: float
    wait: float


class Waiting:
    """The requests that wait at one task; a fluid, not single requests."""

    def __init__(self) -> None:
        self.late = 0.0  # given up by the load balancer, still to be worked off, before all others
        self.live: deque[list[float]] = deque()  # the others: when they came, and how many

    @property
    def outstanding(self) -> float:
        """What the load balancer still waits for."""
        return sum(requests for _, requests in self.live)

    @property
    def requests(self) -> float:
        return self.late + self.outstanding

    def wait(self, rate: float) -> float:
        return self.requests / rate

    def step(self, now: int, arrivals: float, rate: float, patience: float, room: float = math.inf) -> Worked:
        """One second."""
        wait = self.wait(rate)
        accepted = min(arrivals, max(0.0, room + rate - self.requests))
        if accepted > 0:
            self.live.append([now, accepted])
        gone = self._give_up(now - patience)
        wasted = min(self.late, rate)
        self.late -= wasted
        return Worked(accepted, self._answer(rate - wasted), wasted, arrivals - accepted + gone, wait)

    def _give_up(self, before: float) -> float:
        gone = 0.0
        while self.live and self.live[0][0] <= before:
            gone += self.live.popleft()[1]
        self.late += gone
        return gone

    def _answer(self, requests: float) -> float:
        left = requests
        while self.live and left >= self.live[0][1]:
            left -= self.live.popleft()[1]
        if self.live:
            self.live[0][1] -= left
            return requests
        return requests - left

    def lose(self) -> float:
        """All that waits here is gone with the task; how much of it somebody waited for."""
        lost = self.outstanding
        self.late = 0.0
        self.live.clear()
        return lost


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
