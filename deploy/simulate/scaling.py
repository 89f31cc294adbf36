"""Application Auto Scaling: from alarms to the number of tasks that is wanted.

Steps, rounding, cooldowns:
https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html
Tracking, and several policies at once:
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
"""

import math
from dataclasses import replace

from deploy.simulate.alarms import Metrics, Watch
from deploy.simulate.policies import Alarm, Scaling, Step, StepPolicy, TrackingPolicy

NEVER = math.inf
# The alarms that tracking makes for itself, as accounts show them; AWS promises no figures.
TRACKING_OUT_PERIODS, TRACKING_IN_PERIODS, TRACKING_IN_SHARE = 3, 15, 0.9
MOST_REMOVED_BY_TRACKING = 1  # "more gradually" is all that AWS says


def contains(step: Step, breach: float) -> bool:
    """Above the threshold the lower bound belongs to the step, below it the upper one."""
    lower = -math.inf if step.lower is None else step.lower
    upper = math.inf if step.upper is None else step.upper
    return lower <= breach < upper if breach >= 0 and upper > 0 else lower < breach <= upper


def round_percent(change: float) -> int:
    """To whole tasks: towards zero, but a part of a task is one task."""
    if 0 < abs(change) < 1:
        return 1 if change > 0 else -1
    return math.trunc(change)


def adjusted(policy: StepPolicy, capacity: int, adjustment: int) -> int:
    if policy.adjustment_type == "ExactCapacity":
        return adjustment
    if policy.adjustment_type == "ChangeInCapacity":
        return capacity + adjustment
    change = round_percent(capacity * adjustment / 100)
    if change and abs(change) < policy.least:
        change = policy.least if change > 0 else -policy.least
    return capacity + change


def step_target(policy: StepPolicy, capacity: int, breach: float) -> int:
    """The capacity that the step for this breach leads to; the same one if there is no such step."""
    for step in policy.steps:
        if contains(step, breach):
            return adjusted(policy, capacity, step.adjustment)
    return capacity


class Cooldown:
    """After growing: what was added counts as part of the next, larger step. After shrinking: no more shrinking.

    It runs from the moment at which the activity is complete, which for ECS is when the tasks run.
    """

    def __init__(self, out_seconds: int, in_seconds: int) -> None:
        self.seconds = {True: out_seconds, False: in_seconds}
        self.until = -NEVER
        self.grew = False
        self.base = 0

    def is_on(self, now: int) -> bool:
        return now < self.until

    def base_of(self, now: int, capacity: int) -> int:
        """What a step out is counted from."""
        return self.base if self.is_on(now) and self.grew else capacity

    def blocks_shrinking(self, now: int) -> bool:
        return self.is_on(now) and not self.grew

    def begin(self, base: int, *, grew: bool) -> None:
        self.base, self.grew, self.until = base, grew, NEVER

    def complete(self, now: int) -> None:
        if self.until == NEVER:
            self.until = now + self.seconds[self.grew]

    def stop_shrinking(self) -> None:
        if not self.grew:
            self.until = -NEVER


class StepScaler:
    def __init__(self, policy: StepPolicy, watch: Watch, cooldown: Cooldown | None = None) -> None:
        self.policy = policy
        self.watch = watch
        self.cooldown = cooldown or Cooldown(policy.cooldown, policy.cooldown)

    def propose(self, metrics: Metrics, now: int, capacity: int) -> int | None:
        if not self.watch.look(metrics, now):
            return None
        breach = self.watch.value - self.watch.alarm.threshold
        target = step_target(self.policy, self.cooldown.base_of(now, capacity), breach)
        if target <= capacity:
            target = step_target(self.policy, capacity, breach)
            return None if target >= capacity or self.cooldown.blocks_shrinking(now) else target
        return target if target > capacity else None


class TrackingScaler:
    def __init__(self, policy: TrackingPolicy) -> None:
        self.policy = policy
        statistic = "Sum" if policy.metric.endswith("RequestCountPerTarget") else "Average"
        high = Alarm(
            f"{policy.name} high", policy.metric, statistic, 60, TRACKING_OUT_PERIODS, TRACKING_OUT_PERIODS,
            policy.target, "GreaterThanThreshold", "missing", (),
        )  # fmt: skip
        low = replace(
            high, name=f"{policy.name} low", evaluation_periods=TRACKING_IN_PERIODS, datapoints=TRACKING_IN_PERIODS,
            threshold=policy.target * TRACKING_IN_SHARE, comparison="LessThanThreshold",
        )  # fmt: skip
        self.high, self.low = Watch(high), Watch(low)
        self.cooldown = Cooldown(policy.scale_out_cooldown, policy.scale_in_cooldown)
        self.is_ready_to_shrink = False

    def propose(self, metrics: Metrics, now: int, capacity: int) -> int | None:
        """A larger capacity, or None; shrinking needs all tracking policies and is asked for apart."""
        self.is_ready_to_shrink = self.low.look(metrics, now) and not self.cooldown.is_on(now)
        if not self.high.look(metrics, now):
            return None
        target = math.ceil(self.cooldown.base_of(now, capacity) * self.high.value / self.policy.target)
        return target if target > capacity else None

    def shrunk(self, capacity: int) -> int:
        needed = math.ceil(capacity * self.low.value / self.policy.target)
        return max(needed, capacity - MOST_REMOVED_BY_TRACKING)


Scaler = StepScaler | TrackingScaler


class AutoScaler:
    """All policies of one service. The largest capacity that any of them asks for wins."""

    def __init__(self, scaling: Scaling) -> None:
        self.least, self.most = scaling.least, scaling.most
        cooldowns = {policy.name: Cooldown(policy.cooldown, policy.cooldown) for policy in scaling.steps}
        self.steps = [
            StepScaler(scaling.step_policy(name), Watch(alarm), cooldowns[name])
            for alarm in scaling.alarms
            for name in alarm.policies
        ]
        self.tracking = [TrackingScaler(policy) for policy in scaling.tracking]
        self.all: list[Scaler] = [*self.steps, *self.tracking]

    def evaluate(self, metrics: Metrics, now: int, capacity: int) -> tuple[int, str]:
        """The capacity wanted, and the policy that wants it."""
        asked: dict[Scaler, int | None] = {scaler: scaler.propose(metrics, now, capacity) for scaler in self.all}
        asked |= self._shrink_by_tracking(capacity, asked)
        proposals = {scaler: target for scaler, target in asked.items() if target is not None}
        if not proposals:
            return capacity, ""
        winner = max(proposals, key=lambda scaler: proposals[scaler])
        target = min(max(proposals[winner], self.least), self.most)
        if target != capacity:
            self._begin(winner, now, capacity, target)
        return target, winner.policy.name if target != capacity else ""

    def _shrink_by_tracking(self, capacity: int, asked: dict[Scaler, int | None]) -> dict[Scaler, int | None]:
        """Tracking shrinks only if all its policies that may shrink agree."""
        voters = [scaler for scaler in self.tracking if not scaler.policy.never_scales_in]
        if any(asked[scaler] is not None or not scaler.is_ready_to_shrink for scaler in voters):
            return {}
        return {scaler: target for scaler in voters if (target := scaler.shrunk(capacity)) < capacity}

    def _begin(self, winner: Scaler, now: int, capacity: int, target: int) -> None:
        grew = target > capacity
        winner.cooldown.begin(winner.cooldown.base_of(now, capacity) if grew else capacity, grew=grew)
        if grew:
            for scaler in self.all:
                scaler.cooldown.stop_shrinking()

    def complete(self, now: int) -> None:
        """The tasks wanted are there: cooldowns begin to run."""
        for scaler in self.all:
            scaler.cooldown.complete(now)
