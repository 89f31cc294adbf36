"""The scaling files as the simulation reads them, and how auto scaling counts: cases worked out by hand."""

import copy
import json

import pytest

from deploy.simulate import alarms, policies, scaling, settings
from deploy.simulate.fields import PolicyError
from deploy.simulate.policies import CPU, Alarm, Step, StepPolicy

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

SERVICES = ("frontend", "backend", "worker")


@pytest.fixture
def content():
    return json.loads((policies.FOLDER / "frontend.json").read_text())


def refusal(content):
    with pytest.raises(PolicyError) as caught:
        policies.parse("frontend", content, "frontend.json")
    return str(caught.value)


def with_change(content, value, *path):
    changed = copy.deepcopy(content)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


# --- Reading ---


@pytest.mark.parametrize("service", SERVICES)
def test_every_file_is_understood(service):
    found = policies.load(service)

    assert 1 <= found.least < found.most
    assert found.steps


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        (60, ("policies", 0, "StepScalingPolicyConfiguration", "EstimatedInstanceWarmup"), "EstimatedInstanceWarmup"),
        (1, ("target", "Minimum"), "does not know Minimum"),
        (1, ("surprise",), "does not know surprise"),
        (True, ("alarms", 0, "EvaluateLowSampleCountPercentile"), "does not know EvaluateLowSampleCountPercentile"),
        ("two", ("target", "MinCapacity"), "MinCapacity is 'two', which is not a whole number"),
        (True, ("target", "MinCapacity"), "MinCapacity is True, which is not a whole number"),
        (20, ("target", "MinCapacity"), "MinCapacity 20 and MaxCapacity 10"),
        ("Sometimes", ("alarms", 0, "ComparisonOperator"), "ComparisonOperator is Sometimes, not one of"),
        ("p99", ("alarms", 0, "Statistic"), "Statistic is p99, not one of"),
        (10, ("alarms", 0, "Period"), "a period of 10 s"),
        (3, ("alarms", 0, "DatapointsToAlarm"), "3 datapoints of 1 periods"),
        ("Latency", ("alarms", 0, "MetricName"), "no metric AWS/ECS Latency"),
        (False, ("alarms", 0, "ActionsEnabled"), "switched off"),
        (["policy:cpu-up"], ("alarms", 0, "AlarmActions"), "calls the policy cpu-up"),
        ([], ("alarms", 0, "AlarmActions"), "it calls no policy"),
        ("cpu-in", ("policies", 0, "PolicyName"), "two policies are named cpu-in"),
        ("PredictiveScaling", ("policies", 0, "PolicyType"), "PolicyType is PredictiveScaling, not one of"),
        (0, ("policies", 3, "TargetTrackingScalingPolicyConfiguration", "TargetValue"), "TargetValue 0"),
        ([], ("policies", 0, "StepScalingPolicyConfiguration", "StepAdjustments"), "there is no step"),
    ],
)
def test_what_is_not_understood_is_refused_with_a_sentence(content, value, path, sentence):
    assert sentence in refusal(with_change(content, value, *path))


def test_steps_with_a_gap_are_refused_as_aws_does(content):
    steps = content["policies"][0]["StepScalingPolicyConfiguration"]["StepAdjustments"]
    steps[1]["MetricIntervalLowerBound"] = 12

    assert "leave a gap after 10" in refusal(content)


def test_a_missing_field_is_named(content):
    del content["alarms"][0]["Threshold"]

    assert "Threshold is missing" in refusal(content)


def test_a_missing_or_broken_file_is_told(tmp_path):
    with pytest.raises(PolicyError, match=r"frontend\.json cannot be read"):
        policies.load("frontend", tmp_path)
    (tmp_path / "frontend.json").write_text("{")
    with pytest.raises(PolicyError, match=r"frontend\.json is not JSON"):
        policies.load("frontend", tmp_path)


# --- Steps ---


def step_policy(kind="PercentChangeInCapacity", least=0, *steps):
    return StepPolicy("p", kind, tuple(Step(*step) for step in steps), 60, least)


@pytest.mark.parametrize(
    ("breach", "taken"),
    # Above the threshold the lower bound belongs to the step; the example is AWS's own, with a threshold of 50.
    [(0, 0), (9.9, 0), (10, 10), (19.9, 10), (20, 30), (50, 30)],
)
def test_bounds_above_the_threshold(breach, taken):
    policy = step_policy("ChangeInCapacity", 0, (0.0, 10.0, 0), (10.0, 20.0, 10), (20.0, None, 30))

    assert scaling.step_target(policy, 10, breach) - 10 == taken


@pytest.mark.parametrize(("breach", "taken"), [(-0.1, 0), (-9.9, 0), (-10, -10), (-19.9, -10), (-20, -30), (-30, -30)])
def test_bounds_below_the_threshold(breach, taken):
    policy = step_policy("ChangeInCapacity", 0, (-10.0, 0.0, 0), (-20.0, -10.0, -10), (None, -20.0, -30))

    assert scaling.step_target(policy, 40, breach) - 40 == taken


@pytest.mark.parametrize(
    ("capacity", "percent", "least", "after"),
    [
        (10, 25, 0, 12),  # 2.5 is rounded down
        (2, 25, 0, 3),  # half a task is one
        (2, -25, 0, 1),
        (10, -67, 0, 4),  # -6.7 is rounded to -6
        (4, 25, 2, 6),  # AWS's example of MinAdjustmentMagnitude: 25 % of 4 is 1, but at least 2
        (4, -25, 2, 2),
        (2, 150, 1, 5),
    ],
)
def test_percentages_become_whole_tasks(capacity, percent, least, after):
    assert scaling.adjusted(step_policy("PercentChangeInCapacity", least), capacity, percent) == after


def test_an_exact_capacity_is_taken_as_it_is():
    assert scaling.adjusted(step_policy("ExactCapacity"), 7, 3) == 3


# --- Cooldown: AWS's example, two tasks and then a step of three ---


def scaler(watch_value, *, threshold=70.0, steps=((0.0, 10.0, 2), (10.0, None, 3))):
    alarm = Alarm("high", CPU, "Average", 60, 1, 1, threshold, "GreaterThanThreshold", "missing", ("p",))
    watch = alarms.Watch(alarm)
    return scaling.StepScaler(step_policy("ChangeInCapacity", 0, *steps), watch), metrics_of(watch_value)


def metrics_of(*minutes):
    metrics = alarms.Metrics(delay=0)
    for minute, value in enumerate(minutes):
        if value is not None:
            metrics.report(CPU, minute * 60, value)
    return metrics


def test_a_larger_step_in_the_cooldown_adds_only_the_difference():
    out, metrics = scaler(75)
    assert out.propose(metrics, 60, 4) == 6
    out.cooldown.begin(4, grew=True)
    out.cooldown.complete(60)

    assert out.propose(metrics, 100, 6) is None  # the same step
    assert out.propose(metrics_of(95), 100, 6) == 7  # three more than four
    assert out.propose(metrics_of(95), 121, 6) == 9  # after the cooldown it counts from six


def test_the_cooldown_runs_from_the_moment_that_the_tasks_are_there():
    out, _ = scaler(75)
    metrics = metrics_of(75, 75, 75)
    out.cooldown.begin(4, grew=True)

    assert out.propose(metrics, 120, 6) is None
    out.cooldown.complete(120)
    assert out.propose(metrics, 179, 6) is None
    assert out.propose(metrics, 180, 6) == 8


def test_shrinking_waits_for_the_cooldown_and_growing_ends_it():
    cooldown = scaling.Cooldown(60, 300)
    cooldown.begin(4, grew=False)
    cooldown.complete(0)

    assert cooldown.blocks_shrinking(299)
    assert not cooldown.blocks_shrinking(300)
    cooldown.stop_shrinking()
    assert not cooldown.blocks_shrinking(1)


def test_a_policy_does_not_shrink_in_its_cooldown():
    low = Alarm("low", CPU, "Average", 60, 1, 1, 30.0, "LessThanThreshold", "missing", ("p",))
    shrink = scaling.StepScaler(step_policy("ChangeInCapacity", 0, (None, 0.0, -1)), alarms.Watch(low))
    metrics = metrics_of(10, 10, 10)
    shrink.cooldown.begin(5, grew=False)
    shrink.cooldown.complete(90)

    assert shrink.propose(metrics, 120, 4) is None  # the cooldown is 60 s
    assert shrink.propose(metrics, 150, 4) == 3


def test_two_alarms_of_one_policy_share_its_cooldown():
    content = json.loads((policies.FOLDER / "frontend.json").read_text())
    content["alarms"].append(content["alarms"][0] | {"AlarmName": "again"})
    first, _, second = scaling.AutoScaler(policies.parse("frontend", content, "frontend.json")).steps

    assert first.policy.name == second.policy.name
    assert first.cooldown is second.cooldown


# --- Several policies ---


def two_policies(**changes):
    content = json.loads((policies.FOLDER / "frontend.json").read_text())
    for policy in content["policies"][2:]:
        policy["TargetTrackingScalingPolicyConfiguration"] |= changes
    return scaling.AutoScaler(policies.parse("frontend", content, "frontend.json"))


def metrics_for(minutes, cpu, requests, memory=40.0):
    metrics = alarms.Metrics(delay=0)
    for minute in range(minutes):
        metrics.report(CPU, minute * 60, cpu)
        metrics.report(policies.MEMORY, minute * 60, memory)
        metrics.report(policies.REQUESTS, minute * 60, requests)
    return metrics


def test_the_largest_capacity_wins():
    """CPU of 75 asks for three; twice the requests that a task should have, for three minutes, for four."""
    target = two_policies().tracking[1].policy.target

    assert two_policies().evaluate(metrics_for(3, 75, 2 * target), 180, 2) == (4, "requests")
    assert two_policies().evaluate(metrics_for(2, 75, 2 * target), 120, 2) == (3, "cpu-out")


def test_growing_ends_the_cooldown_of_shrinking():
    scaler = two_policies()
    [shrink] = [each for each in scaler.steps if each.policy.name == "cpu-in"]
    shrink.cooldown.begin(5, grew=False)
    shrink.cooldown.complete(0)
    assert shrink.cooldown.blocks_shrinking(60)

    assert scaler.evaluate(metrics_for(1, 99, 0), 60, 2) == (5, "cpu-out")
    assert not shrink.cooldown.blocks_shrinking(60)


def test_no_policy_leaves_the_range():
    assert two_policies().evaluate(metrics_for(1, 99, 0), 60, 8)[0] == 10
    assert two_policies().evaluate(metrics_for(12, 5, 0), 720, 2)[0] == 2


def test_tracking_shrinks_only_when_all_of_it_is_ready():
    calm = two_policies(DisableScaleIn=False)
    busy_memory = two_policies(DisableScaleIn=False)

    assert calm.evaluate(metrics_for(16, 50, 10), 960, 5) == (4, "memory")
    assert busy_memory.evaluate(metrics_for(16, 50, 10, memory=79), 960, 5) == (5, "")
    assert two_policies().evaluate(metrics_for(16, 50, 10), 960, 5) == (5, "")


def test_tracking_needs_three_minutes_out_and_fifteen_in():
    grown = [two_policies().evaluate(metrics_for(minutes, 50, 1e6), minutes * 60, 2)[0] for minutes in (2, 3)]
    shrunk = [
        two_policies(DisableScaleIn=False).evaluate(metrics_for(minutes, 50, 1), minutes * 60, 5)[0]
        for minutes in (14, 15)
    ]

    assert (grown, shrunk) == ([2, 10], [5, 4])


# --- Alarms: the two tables of AWS's page about missing data, row by row ---

X, G, N = 90.0, 10.0, None  # breaching, good, missing


def state_of(points, missing, datapoints):
    alarm = Alarm("a", CPU, "Average", 60, 3, datapoints, 70.0, "GreaterThanThreshold", missing, ())
    return alarms.evaluate(alarm, points, before="RETAINED")


@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "not_breaching"),
    [
        ([G, N, X, N, X], "OK", "OK", "OK", "OK"),
        ([G, N, N, N, N], "OK", "OK", "OK", "OK"),
        ([N, N, N, N, N], "INSUFFICIENT_DATA", "RETAINED", "ALARM", "OK"),
        ([G, X, X, N, X], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([N, N, X, N, N], "ALARM", "RETAINED", "ALARM", "OK"),
    ],
)
def test_missing_data_with_three_of_three(points, missing, ignore, breaching, not_breaching):
    found = [state_of(points, how, 3) for how in ("missing", "ignore", "breaching", "notBreaching")]

    assert found == [missing, ignore, breaching, not_breaching]


@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "not_breaching"),
    [
        ([G, N, X, N, X], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([G, G, X, G, X], "ALARM", "ALARM", "ALARM", "ALARM"),
        ([G, N, X, N, N], "OK", "OK", "ALARM", "OK"),
        ([N, N, N, N, G], "OK", "OK", "ALARM", "OK"),
        ([N, N, N, X, N], "ALARM", "RETAINED", "ALARM", "OK"),
    ],
)
def test_missing_data_with_two_of_three(points, missing, ignore, breaching, not_breaching):
    found = [state_of(points, how, 2) for how in ("missing", "ignore", "breaching", "notBreaching")]

    assert found == [missing, ignore, breaching, not_breaching]


def test_a_minute_is_seen_only_after_the_delay():
    metrics = alarms.Metrics(delay=60)
    metrics.report(CPU, 30, 90.0)

    assert metrics.look(CPU, "Average", 60, 1, now=119) == [None]
    assert metrics.look(CPU, "Average", 60, 1, now=120) == [90.0]


def test_a_window_of_minutes_slides_with_each_minute():
    """Minutes 1 to 3, then 2 to 4, whatever the clock says: the default, SlidingWindow."""
    metrics = metrics_of(0, 30, 60, 90, 120)

    assert metrics.look(CPU, "Average", 180, 1, now=240) == [60]
    assert metrics.look(CPU, "Average", 180, 1, now=300) == [90]
    assert metrics.look(CPU, "Average", 120, 2, now=300) == [45, 105]


@pytest.mark.parametrize(("statistic", "value"), [("Average", 30), ("Maximum", 50), ("Minimum", 10), ("Sum", 90)])
def test_statistics_of_a_minute(statistic, value):
    metrics = alarms.Metrics(delay=0)
    for second, each in enumerate((10.0, 30.0, 50.0)):
        metrics.report(CPU, second, each)

    assert metrics.look(CPU, statistic, 60, 1, now=60) == [value]


@pytest.mark.parametrize(("service", "cheapest"), [("frontend", "catalogue"), ("backend", "api")])
def test_the_request_policy_speaks_between_a_third_and_nine_tenths_of_the_cheapest_pages_cpu(service, cheapest):
    """Below a third it would start tasks that `cpu-in` stops; above all it would never speak."""
    found = next(policy for policy in policies.load(service).tracking if policy.metric == policies.REQUESTS)
    busy = found.target / 60 * settings.read_capacity().milliseconds[cheapest] / 1000

    assert 0.33 < busy / settings.task_size(service).processors < 0.9
