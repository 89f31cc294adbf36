"""CloudWatch: samples become one-minute datapoints that are seen late; alarms look at the last few of them.

How many datapoints decide, and what a missing one counts for:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
A window of several minutes slides: it is looked at anew each minute, and no clock cuts it (read 2026-11-22).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
"""

from collections import defaultdict
from dataclasses import dataclass

from deploy.simulate.policies import Alarm

MINUTE = 60
OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
# AWS looks further back than EvaluationPeriods when datapoints are missing; its tables show five for three.
FURTHER_BACK = 2


@dataclass
class Datapoint:
    total: float = 0.0
    count: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float, weight: float = 1.0) -> None:
        self.total += value * weight
        self.count += weight
        self.least, self.most = min(self.least, value), max(self.most, value)

    def merge(self, other: "Datapoint") -> None:
        self.total += other.total
        self.count += other.count
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    def statistic(self, name: str) -> float:
        averages = {"Average": self.total / self.count if self.count else 0.0, "Sum": self.total}
        return {**averages, "Minimum": self.least, "Maximum": self.most}[name]


class Metrics:
    """What services report each second, by metric and minute. A minute is seen `delay` seconds after its end."""

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.minutes: dict[str, dict[int, Datapoint]] = defaultdict(dict)

    def report(self, metric: str, second: int, value: float, weight: float = 1.0) -> None:
        self.minutes[metric].setdefault(second // MINUTE, Datapoint()).add(value, weight)

    def look(self, metric: str, statistic: str, period: int, periods: int, now: int) -> list[float | None]:
        """The last so many periods that can be seen, oldest first; None where nothing was reported."""
        end, length = (now - self.delay) // MINUTE, period // MINUTE  # the first minute that cannot be seen yet
        return [self._period(metric, statistic, end - back * length, length) for back in range(periods, 0, -1)]

    def _period(self, metric: str, statistic: str, first: int, length: int) -> float | None:
        merged = Datapoint()
        for minute in range(first, first + length):
            if found := self.minutes[metric].get(minute):
                merged.merge(found)
        return merged.statistic(statistic) if merged.count else None


def evaluate(alarm: Alarm, points: list[float | None], before: str) -> str:
    """The alarm's state, from the datapoints of its evaluation range, oldest first."""
    real = [point for point in points if point is not None][-alarm.evaluation_periods :]
    breaching = sum(alarm.is_breached_by(point) for point in real)
    lacking = alarm.evaluation_periods - len(real)
    if alarm.missing == "breaching":
        breaching += lacking
    if breaching >= alarm.datapoints:
        return ALARM
    if alarm.missing in ("breaching", "notBreaching") or breaching < len(real):
        return OK
    if alarm.missing == "ignore" or (real and not is_old_enough(points, alarm)):
        return before
    return ALARM if real else INSUFFICIENT


def is_old_enough(points: list[float | None], alarm: Alarm) -> bool:
    """Few datapoints, all of them breaching: enough once the oldest is DatapointsToAlarm periods old."""
    oldest = next(index for index, point in enumerate(points) if point is not None)
    return len(points) - oldest >= alarm.datapoints


class Watch:
    """One alarm over time."""

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.state = INSUFFICIENT
        self.value = 0.0  # the newest datapoint

    def look(self, metrics: Metrics, now: int) -> bool:
        """Evaluate; whether it is in ALARM. Auto scaling is called in every period of that, not only in the first."""
        alarm = self.alarm
        periods = alarm.evaluation_periods + FURTHER_BACK
        points = metrics.look(alarm.metric, alarm.statistic, alarm.period, periods, now)
        if not all(point is None for point in points[-alarm.evaluation_periods :]):
            self.value = next(point for point in reversed(points) if point is not None)
        self.state = evaluate(alarm, points, self.state)
        return self.state == ALARM
