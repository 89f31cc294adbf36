"""Requests a second over time. A trace is a function of the second; sizes are in requests a second."""

import math
import random
from collections.abc import Callable

Trace = Callable[[int], float]

# Shares of the requests that reach the tasks (static files and videos never do), by the journeys of tests/rehearsal.
# Assumptions, 2026-11-22: during an announcement most are visitors and some buy; on a day of learning most are players
# that report progress every ten seconds; the backend answers calls and webhooks, and staff.
BROWSING = {"catalogue": 0.70, "learning": 0.20, "checkout": 0.10}
LEARNING = {"catalogue": 0.06, "learning": 0.92, "checkout": 0.02}
CALLING = {"api": 0.90, "admin": 0.10}


def steady(rate: float) -> Trace:
    return lambda _: rate


def burst(base: float, factor: float, start: int, rise: int, hold: int) -> Trace:
    """`base`, then `factor` times as much within `rise` seconds, for `hold` seconds, and back as fast."""
    end = start + rise + hold

    def at(second: int) -> float:
        up = min(max((second - start) / rise, 0.0), 1.0)
        down = min(max((second - end) / rise, 0.0), 1.0)
        return base * (1 + (factor - 1) * (up - down))

    return at


def daily(low: float, high: float, begins: float = 9.0, peak: float = 21.0) -> Trace:
    """A day from `begins` on (both in hours), lowest twelve hours from its peak."""

    def at(second: int) -> float:
        angle = 2 * math.pi * (second / 3600 + begins - peak) / 24
        return low + (high - low) * ((1 + math.cos(angle)) / 2) ** 2

    return at


def launch(base: float, peak: float, start: int, rise: int, fade: int) -> Trace:
    """A course is announced: the peak within `rise` seconds, then half of it is gone every `fade` seconds."""

    def at(second: int) -> float:
        if second < start:
            return base
        if second < start + rise:
            return base + (peak - base) * (second - start) / rise
        return base + (peak - base) * 0.5 ** ((second - start - rise) / fade)

    return at


def wave(low: float, high: float, period: int) -> Trace:
    return lambda second: low + (high - low) * (1 - math.cos(2 * math.pi * second / period)) / 2


def noisy(trace: Trace, share: float, seed: int = 1) -> Trace:
    """Every second differs by about `share`, as arrivals do; the same seed gives the same noise."""
    dice = random.Random(seed)  # noqa: S311  a simulation that can be repeated
    noise = [max(0.0, dice.gauss(1, share)) for _ in range(3600)]
    return lambda second: trace(second) * noise[second % len(noise)]
