"""The figures of scaling: out fast, in slowly, and nothing that swings (deploy/ecs/README.md)."""

from collections.abc import Iterator
from itertools import pairwise

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.scaling import IN, OUT, WEB, alarms_of, direction_of, role_of, service_of, steps_of
from deploy.check.state import Resource, State

# In seconds. Shorter than a start and the task would be counted as missing again; longer and people wait.
COOLDOWN = {OUT: (60, 300), IN: (120, 900)}
MOST_SECONDS_TO_OUT, LEAST_SECONDS_TO_IN = 120, 300
FULL = 100.0
# A tracking policy that only adds: at what share of its memory a task is full, and how many requests a minute make
# sense for one (deploy/simulate/capacity.json has what it bears).
MEMORY_PERCENT, REQUESTS_A_MINUTE = (70, 90), (600, 12000)
MOST_WORKERS = 10
# By metric: the statistic that says it, and how the answer is to be counted.
STATISTICS = {"CPUUtilization": ("Average", "PercentChangeInCapacity"), "QueueAge": ("Maximum", "ChangeInCapacity")}


def _scaling_alarms(state: State) -> Iterator[tuple[Resource, str, Resource]]:
    """(policy, scale-out or scale-in, alarm) of every alarm that starts a step policy."""
    for policy in state.of("appautoscaling_policy"):
        if policy["policy_type"] == "StepScaling":
            for alarm in alarms_of(state, policy):
                yield policy, direction_of(policy), alarm


def _seconds(alarm: Resource) -> int:
    return int(alarm["period"] or 0) * int(alarm["datapoints_to_alarm"] or alarm["evaluation_periods"])


@rule
def out_fast_in_slowly(subject: Subject) -> Findings:
    """Tasks are added after two minutes at most and removed after five at least, each with time to take effect."""
    for policy, direction, alarm in _scaling_alarms(subject.state):
        seconds = _seconds(alarm)
        if direction == OUT and seconds > MOST_SECONDS_TO_OUT:
            yield alarm.address, f"adds tasks after {seconds} s"
        if direction == IN and seconds < LEAST_SECONDS_TO_IN:
            yield alarm.address, f"removes tasks after {seconds} s"
        cooldown = policy.block("step_scaling_policy_configuration").get("cooldown") or 0
        least, most = COOLDOWN.get(direction, (0, 0))
        if not least <= cooldown <= most:
            yield policy.address, f"cool-down of {cooldown} s"


@rule
def alarms_say_what_they_mean(subject: Subject) -> Findings:
    """CPU is an average and a queue's age a maximum; no figure means nothing; the datapoints asked for can come."""
    for policy, _, alarm in _scaling_alarms(subject.state):
        statistic, adjustment = STATISTICS.get(alarm["metric_name"], ("", ""))
        step = policy.block("step_scaling_policy_configuration")
        if alarm["statistic"] != statistic or step.get("metric_aggregation_type") not in (None, statistic):
            yield (
                alarm.address,
                f"looks at the {alarm['statistic']}, its policy at the {step.get('metric_aggregation_type')}",
            )
        if step.get("adjustment_type") != adjustment:
            yield policy.address, f"{step.get('adjustment_type')}, not {adjustment}"
        if alarm["treat_missing_data"] not in (None, "missing", "ignore", "notBreaching"):
            yield alarm.address, f"takes a missing figure for {alarm['treat_missing_data']}"
        if (alarm["datapoints_to_alarm"] or 1) > alarm["evaluation_periods"]:
            yield alarm.address, f"{alarm['datapoints_to_alarm']} of {alarm['evaluation_periods']} datapoints"


@rule
def alarms_are_their_own(subject: Subject) -> Findings:
    """What moves a service looks at that service, and has its name; nothing moves two."""
    for policy, _, alarm in _scaling_alarms(subject.state):
        service = service_of(subject.state, policy["resource_id"], policy.region)
        cluster = policy["resource_id"].split("/")[1]
        name = role_of(service) if service else ""
        wanted = (
            {"Service": name} if alarm["metric_name"] == "QueueAge" else {"ClusterName": cluster, "ServiceName": name}
        )
        if alarm["dimensions"] != wanted:
            yield alarm.address, f"looks at {alarm['dimensions']}"
        if not alarm["alarm_name"].startswith(f"{cluster}-{name}-") or len(alarm["alarm_actions"]) != 1:
            yield alarm.address, f"is called {alarm['alarm_name']} and starts {len(alarm['alarm_actions'])} policies"


@rule
def more_need_more(subject: Subject) -> Findings:
    """The further from the threshold, the larger the step; two full tasks become five (the design's third diagram)."""
    for policy, direction, alarm in _scaling_alarms(subject.state):
        sizes = [abs(adjustment) for _, _, adjustment in steps_of(policy)]
        if direction == IN:
            sizes.reverse()
        if any(second < first for first, second in pairwise(sizes)):
            yield policy.address, f"steps of {sizes}"
        if direction == OUT and alarm["metric_name"] == "CPUUtilization":
            at_full = [size for low, high, size in steps_of(policy) if low <= FULL - alarm["threshold"] < high]
            if 2 + 2 * sum(at_full) // 100 != 5:
                yield policy.address, f"two full tasks and {sum(at_full)} % more"


@rule
def nothing_swings(subject: Subject) -> Findings:
    """What is removed brings those who stay nowhere near the threshold at which tasks are added."""
    highs = {
        policy["resource_id"] + policy.region: alarm
        for policy, direction, alarm in _scaling_alarms(subject.state)
        if direction == OUT
    }
    for policy, direction, alarm in _scaling_alarms(subject.state):
        high = highs.get(policy["resource_id"] + policy.region)
        if direction != IN or not high:
            continue
        is_percent = alarm["metric_name"] == "CPUUtilization"
        for _, upper, adjustment in steps_of(policy):
            left = 1 + adjustment / 100 if is_percent else 1.0
            after = (alarm["threshold"] + upper) / left if left > 0 else float("inf")
            if after > 0.75 * high["threshold"]:
                yield policy.address, f"{after:.0f} after removing, and {high['threshold']:.0f} adds"


@rule
def tracking_only_adds(subject: Subject) -> Findings:
    """Memory and requests add tasks and never remove any; their targets are neither always nor never reached."""
    limits = {"ECSServiceAverageMemoryUtilization": MEMORY_PERCENT, "ALBRequestCountPerTarget": REQUESTS_A_MINUTE}
    for policy in subject.state.of("appautoscaling_policy"):
        for block in policy.blocks("target_tracking_scaling_policy_configuration"):
            kinds = [metric["predefined_metric_type"] for metric in block["predefined_metric_specification"] or []]
            least, most = limits.get(kinds[0] if kinds else "", (0, 0))
            if not least <= block["target_value"] <= most:
                yield policy.address, f"aims at {block['target_value']:g} of {kinds}"
            if not block["disable_scale_in"]:
                yield policy.address, "removes tasks: only cpu-in does that"
            if not 30 <= (block["scale_out_cooldown"] or 0) <= COOLDOWN[OUT][1]:
                yield policy.address, f"cool-down of {block['scale_out_cooldown']} s"


@rule
def queue_is_worked_off(subject: Subject) -> Findings:
    """Workers are added before anybody is told that the queue is old, and are one to ten."""
    told = [
        alarm["threshold"]
        for alarm in subject.state.of("cloudwatch_metric_alarm")
        if alarm["metric_name"] == "QueueAge" and alarm["treat_missing_data"] != "breaching" and _tells(alarm)
    ]
    for _, direction, alarm in _scaling_alarms(subject.state):
        if direction == OUT and alarm["metric_name"] == "QueueAge" and alarm["threshold"] >= min(told, default=300):
            yield alarm.address, f"adds workers after {alarm['threshold']:.0f} s"
    for target in subject.state.of("appautoscaling_target"):
        service = service_of(subject.state, target["resource_id"], target.region)
        if service and role_of(service) not in WEB and target["max_capacity"]:
            limits = target["min_capacity"], target["max_capacity"]
            if not limits[0] <= 1 < limits[1] <= MOST_WORKERS:
                yield target.address, f"from {target['min_capacity']} to {target['max_capacity']} workers"


def _tells(alarm: Resource) -> bool:
    return any(":sns:" in action for action in alarm["alarm_actions"] or [])


@rule
def launches_go_back(subject: Subject) -> Findings:
    """What a launch raises, its end puts back to what scaling keeps at other times."""
    least = {
        found["resource_id"] + found.region: found["min_capacity"]
        for found in subject.state.of("appautoscaling_target")
    }
    for action in subject.state.of("appautoscaling_scheduled_action"):
        if action["name"].endswith("-end"):
            capacity = action.block("scalable_target_action").get("min_capacity")
            if int(capacity or 0) != least.get(action["resource_id"] + action.region):
                yield action.address, f"leaves {capacity} tasks"
        if action["timezone"] not in (None, "UTC"):
            yield action.address, f"in {action['timezone']}"
