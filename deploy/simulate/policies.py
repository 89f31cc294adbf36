"""The files of deploy/ecs/scaling as objects. A field or a value that the simulation does not know is refused.

The files hold bodies of PutScalingPolicy (Application Auto Scaling) and PutMetricAlarm (CloudWatch):
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from deploy.simulate.fields import Fields, PolicyError, read_json

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "ecs" / "scaling"

CPU, MEMORY = "AWS/ECS CPUUtilization", "AWS/ECS MemoryUtilization"
REQUESTS = "AWS/ApplicationELB RequestCountPerTarget"
QUEUE_AGE, QUEUE_DEPTH = "CourseBundler QueueAge", "CourseBundler QueueDepth"
METRICS = (CPU, MEMORY, REQUESTS, QUEUE_AGE, QUEUE_DEPTH)
PREDEFINED = {
    "ECSServiceAverageCPUUtilization": CPU,
    "ECSServiceAverageMemoryUtilization": MEMORY,
    "ALBRequestCountPerTarget": REQUESTS,
}
COMPARISONS = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
STATISTICS = ("Average", "Maximum", "Minimum", "Sum")
MISSING = ("missing", "ignore", "breaching", "notBreaching")
ADJUSTMENTS = ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity")
MOST_TASKS = 5_000  # of an ECS service: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
# The dimensions that name this service; an alarm on another one's metric would see other traffic than is replayed.
OWN = ("${service}",)
DIMENSIONS = {
    "AWS/ECS": {"ClusterName": ("${cluster}",), "ServiceName": OWN},
    "AWS/ApplicationELB": {"LoadBalancer": ("${load_balancer}",), "TargetGroup": ("${target_group}",)},
    "CourseBundler": {"Service": OWN},
}
LONGEST_WINDOW = 86_400  # seconds, for periods below an hour: PutMetricAlarm
DEFAULT_COOLDOWN = 300  # seconds; for ECS, in both kinds of policy


@dataclass(frozen=True)
class Step:
    """Bounds are relative to the alarm's threshold; None is without end."""

    lower: float | None
    upper: float | None
    adjustment: int


@dataclass(frozen=True)
class StepPolicy:
    name: str
    adjustment_type: str
    steps: tuple[Step, ...]
    cooldown: int
    least: int
    aggregation: str = "Average"

    def acts_on(self, comparison: str) -> bool:
        """Whether a step reaches as far as a value just beyond the threshold, above or below."""
        if comparison.startswith("Greater"):
            return any((step.upper is None and (step.lower or 0) >= 0) or (step.upper or 0) > 0 for step in self.steps)
        return any((step.lower is None and (step.upper or 0) <= 0) or (step.lower or 0) < 0 for step in self.steps)


@dataclass(frozen=True)
class TrackingPolicy:
    name: str
    metric: str
    target: float
    scale_out_cooldown: int
    scale_in_cooldown: int
    never_scales_in: bool


@dataclass(frozen=True)
class Alarm:
    name: str
    metric: str
    statistic: str
    period: int
    evaluation_periods: int
    datapoints: int
    threshold: float
    comparison: str
    missing: str
    policies: tuple[str, ...]

    def is_breached_by(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)


@dataclass(frozen=True)
class Scaling:
    """What one service's file says."""

    service: str
    least: int
    most: int
    steps: tuple[StepPolicy, ...]
    tracking: tuple[TrackingPolicy, ...]
    alarms: tuple[Alarm, ...]

    def step_policy(self, name: str) -> StepPolicy:
        return next(policy for policy in self.steps if policy.name == name)


def load(service: str, folder: Path = FOLDER) -> Scaling:
    """Raises PolicyError with a sentence if the file is missing, is no JSON, or says what is not understood."""
    path = folder / f"{service}.json"
    return parse(service, read_json(path), path.name)


def parse(service: str, content: Any, where: str) -> Scaling:
    fields = Fields(content, where)
    target = Fields(fields.take("target", dict), f"{where}: target")
    least, most = target.take("MinCapacity", int), target.take("MaxCapacity", int)
    target.finish()
    if not 0 <= least <= most <= MOST_TASKS:
        raise PolicyError(f"{where}: MinCapacity {least} and MaxCapacity {most} are no range within {MOST_TASKS:,}.")
    steps: list[StepPolicy] = []
    tracking: list[TrackingPolicy] = []
    for policy in fields.take("policies", list):
        parsed = parse_policy(policy, where)
        (steps if isinstance(parsed, StepPolicy) else tracking).append(parsed)  # type: ignore[arg-type]
    alarms = tuple(parse_alarm(alarm, where, service) for alarm in fields.take("alarms", list))
    fields.finish()
    check_names(where, steps, tracking, alarms)
    check_pairs(where, steps, alarms)
    return Scaling(service, least, most, tuple(steps), tuple(tracking), alarms)


def check_names(where: str, steps: list[StepPolicy], tracking: list[TrackingPolicy], alarms: tuple[Alarm, ...]) -> None:
    names = [policy.name for policy in steps] + [policy.name for policy in tracking]
    for kind, all_of_kind in (
        ("policies are named", names),
        ("alarms are named", [alarm.name for alarm in alarms]),
        ("policies track", [policy.metric for policy in tracking]),  # AWS takes one for each metric
    ):
        for name in all_of_kind:
            if all_of_kind.count(name) > 1:
                raise PolicyError(f"{where}: two {kind} {name}.")
    called = {name for alarm in alarms for name in alarm.policies}
    known = {policy.name for policy in steps}
    for name in sorted(called - known):
        raise PolicyError(f"{where}: an alarm calls the policy {name}, which is no step policy here.")
    for name in sorted(known - called):
        raise PolicyError(f"{where}: no alarm calls the step policy {name}.")


def check_pairs(where: str, steps: list[StepPolicy], alarms: tuple[Alarm, ...]) -> None:
    """What an alarm and its policy say together."""
    for alarm in alarms:
        for policy in (policy for policy in steps if policy.name in alarm.policies):
            if alarm.statistic != policy.aggregation:
                raise PolicyError(
                    f"{where}: the alarm {alarm.name} takes {alarm.statistic} and its policy {policy.name} "
                    f"{policy.aggregation}; AWS does not say which of them decides on the step."
                )
            if not policy.acts_on(alarm.comparison):
                raise PolicyError(f"{where}: {policy.name} has no step for what {alarm.name} calls it about.")


def parse_policy(content: Any, where: str) -> StepPolicy | TrackingPolicy:
    fields = Fields(content, where)
    name = fields.take("PolicyName", str)
    fields.where = f"{where}: policy {name}"
    kind = fields.take("PolicyType", str, one_of=("StepScaling", "TargetTrackingScaling"))
    body = Fields(fields.take(f"{kind}PolicyConfiguration", dict), fields.where)
    fields.finish()
    return parse_step_policy(name, body) if kind == "StepScaling" else parse_tracking_policy(name, body)


def parse_step_policy(name: str, body: Fields) -> StepPolicy:
    kind = body.take("AdjustmentType", str, one_of=ADJUSTMENTS)
    steps = tuple(parse_step(step, body.where) for step in body.take("StepAdjustments", list))
    check_steps(steps, body.where)
    cooldown = body.take("Cooldown", int, DEFAULT_COOLDOWN, at_least=0)
    least = body.take("MinAdjustmentMagnitude", int, 0, at_least=1)
    aggregation = body.take("MetricAggregationType", str, "Average", one_of=("Average", "Minimum", "Maximum"))
    body.finish()
    if least and kind != "PercentChangeInCapacity":
        raise PolicyError(f"{body.where}: MinAdjustmentMagnitude is for PercentChangeInCapacity only.")
    if kind == "ExactCapacity" and any(step.adjustment < 0 for step in steps):
        raise PolicyError(f"{body.where}: an exact capacity below 0.")
    return StepPolicy(name, kind, steps, cooldown, least, aggregation)


def parse_step(content: Any, where: str) -> Step:
    fields = Fields(content, where)
    lower = fields.take("MetricIntervalLowerBound", float, None)
    upper = fields.take("MetricIntervalUpperBound", float, None)
    adjustment = fields.take("ScalingAdjustment", int)
    fields.finish()
    if lower is not None and upper is not None and lower >= upper:
        raise PolicyError(f"{where}: a step from {lower:g} to {upper:g} is empty.")
    return Step(lower, upper, adjustment)


def check_steps(steps: tuple[Step, ...], where: str) -> None:
    """AWS refuses steps that overlap or leave a gap."""
    if not steps:
        raise PolicyError(f"{where}: there is no step.")
    if any(step.lower is None and step.upper is None for step in steps):
        raise PolicyError(f"{where}: a step needs one bound at least.")
    ordered = sorted(steps, key=lambda step: float("-inf") if step.lower is None else step.lower)
    for before, after in pairwise(ordered):
        if before.upper is None or after.lower is None or before.upper != after.lower:
            raise PolicyError(f"{where}: the steps overlap or leave a gap after {before.upper}.")
    if (ordered[0].lower or 0) < 0:
        raise PolicyError(f"{where}: no step goes below {ordered[0].lower:g}; the lowest must have no lower bound.")
    if (ordered[-1].upper or 0) > 0:
        raise PolicyError(f"{where}: no step goes beyond {ordered[-1].upper:g}; the highest must have no upper bound.")


def parse_tracking_policy(name: str, body: Fields) -> TrackingPolicy:
    target = body.take("TargetValue", float)
    predefined = Fields(body.take("PredefinedMetricSpecification", dict), body.where)
    metric = PREDEFINED[predefined.take("PredefinedMetricType", str, one_of=tuple(PREDEFINED))]
    if bool(predefined.take("ResourceLabel", str, "")) != (metric == REQUESTS):
        raise PolicyError(f"{body.where}: ALBRequestCountPerTarget needs a ResourceLabel, and no other metric has one.")
    predefined.finish()
    out, back = (body.take(f"Scale{way}Cooldown", int, DEFAULT_COOLDOWN, at_least=0) for way in ("Out", "In"))
    never_scales_in = body.take("DisableScaleIn", bool, False)
    body.finish()
    if target <= 0:
        raise PolicyError(f"{body.where}: TargetValue {target:g} is not above 0.")
    return TrackingPolicy(name, metric, target, out, back, never_scales_in)


def parse_alarm(content: Any, where: str, service: str) -> Alarm:
    fields = Fields(content, where)
    name = fields.take("AlarmName", str)
    fields.where = f"{where}: alarm {name}"
    for unused, kind in (("AlarmDescription", str), ("Tags", list)):
        fields.take(unused, kind, None)
    namespace = fields.take("Namespace", str)
    metric = f"{namespace} {fields.take('MetricName', str)}"
    if metric not in METRICS:
        raise PolicyError(f"{fields.where}: the simulation has no metric {metric}; it has {', '.join(METRICS)}.")
    check_dimensions(fields, namespace, service)
    alarm = Alarm(name, metric, **parse_evaluation(fields), policies=parse_actions(fields))
    fields.finish()
    return alarm


def check_dimensions(fields: Fields, namespace: str, service: str) -> None:
    found = {}
    for each in fields.take("Dimensions", list):
        dimension = Fields(each, f"{fields.where}: Dimensions")
        found[dimension.take("Name", str)] = dimension.take("Value", str)
        dimension.finish()
    wanted = DIMENSIONS[namespace]
    is_own = all(value in (*wanted.get(name, ()), service) for name, value in found.items())
    if found.keys() != wanted.keys() or not is_own:
        raise PolicyError(
            f"{fields.where}: its Dimensions are not those of this service's metric: "
            f"{', '.join(f'{name} {values[0]}' for name, values in wanted.items())}."
        )


def parse_evaluation(fields: Fields) -> dict[str, Any]:
    period = fields.take("Period", int)
    if period < 60 or period % 60:
        raise PolicyError(f"{fields.where}: a period of {period} s; these metrics come once a minute.")
    periods = fields.take("EvaluationPeriods", int)
    if period * periods > LONGEST_WINDOW:
        raise PolicyError(f"{fields.where}: {periods} periods of {period} s are more than a day.")
    datapoints = fields.take("DatapointsToAlarm", int, periods)
    if not 1 <= datapoints <= periods:
        raise PolicyError(f"{fields.where}: {datapoints} datapoints of {periods} periods cannot be.")
    return {
        "statistic": fields.take("Statistic", str, one_of=STATISTICS),
        "period": period,
        "evaluation_periods": periods,
        "datapoints": datapoints,
        "threshold": fields.take("Threshold", float),
        "comparison": fields.take("ComparisonOperator", str, one_of=tuple(COMPARISONS)),
        "missing": fields.take("TreatMissingData", str, "missing", one_of=MISSING),
    }


def parse_actions(fields: Fields) -> tuple[str, ...]:
    """Names of policies. Terraform takes no other action from these files."""
    if not fields.take("ActionsEnabled", bool, True):
        raise PolicyError(f"{fields.where}: its actions are switched off.")
    for other in ("OKActions", "InsufficientDataActions"):
        fields.take(other, list, None)
    actions = fields.take("AlarmActions", list)
    for action in actions:
        if not isinstance(action, str) or not action.startswith("policy:"):
            raise PolicyError(f"{fields.where}: the action {action!r} is no policy:<name>.")
    if not actions:
        raise PolicyError(f"{fields.where}: it calls no policy.")
    return tuple(action.removeprefix("policy:") for action in actions)
