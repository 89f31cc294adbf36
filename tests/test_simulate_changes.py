"""Other policies than ours: each changes the outcome as one would expect, or is refused with a sentence."""

import copy
import json

import pytest

from deploy.simulate import policies, scenarios
from deploy.simulate.fields import PolicyError

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]
BURST = scenarios.Scenario("burst", "The burst's first hour and a half", scenarios.BURST, 5400)
OURS = json.loads((policies.FOLDER / "frontend.json").read_text())
OUT, IN, MEMORY, REQUESTS = range(4)
HIGH, LOW = range(2)


@pytest.fixture
def changed(tmp_path):
    """Runs the burst with a changed copy of the frontend's file."""

    def run(change, scenario=BURST):
        content = copy.deepcopy(OURS)
        change(content)
        (tmp_path / "frontend.json").write_text(json.dumps(content))
        return scenarios.run(scenario, tmp_path)

    return run


@pytest.fixture(scope="module")
def ours():
    return scenarios.run(BURST)


def path_of(run):
    return [run.seconds[0].wanted, *(change.after for change in run.changes)]


def step_policy(content, number=OUT):
    return content["policies"][number]["StepScalingPolicyConfiguration"]


def without_tracking(content):
    del content["policies"][MEMORY:]


def test_ours_as_they_are(ours):
    assert path_of(ours) == [2, 5, 3, 2]


def test_a_threshold_that_is_never_met_grows_nothing(changed):
    assert path_of(changed(lambda content: content["alarms"][HIGH].update(Threshold=99))) == [2]


def test_a_smaller_step_makes_fewer_tasks(changed):
    def change(content):
        step_policy(content)["StepAdjustments"][2]["ScalingAdjustment"] = 100
        without_tracking(content)

    assert max(path_of(changed(change))) == 4


def test_tasks_instead_of_percent(changed):
    def change(content):
        step_policy(content).update(AdjustmentType="ChangeInCapacity")
        del step_policy(content)["MinAdjustmentMagnitude"]
        for step, number in zip(step_policy(content)["StepAdjustments"], (1, 2, 4), strict=True):
            step["ScalingAdjustment"] = number
        without_tracking(content)

    assert path_of(changed(change))[:2] == [2, 6]


def test_an_exact_capacity(changed):
    def change(content):
        step_policy(content).update(AdjustmentType="ExactCapacity")
        del step_policy(content)["MinAdjustmentMagnitude"]
        for step in step_policy(content)["StepAdjustments"]:
            step["ScalingAdjustment"] = 7
        without_tracking(content)

    assert path_of(changed(change))[:2] == [2, 7]


def test_three_tasks_at_most(changed, ours):
    run = changed(lambda content: content["target"].update(MaxCapacity=3))

    assert max(path_of(run)) == 3
    assert run.all_times().quantile(0.5) > ours.all_times().quantile(0.5)


def test_the_range_holds_from_the_first_second(changed):
    few = changed(lambda content: content["target"].update(MinCapacity=1, MaxCapacity=1))
    many = changed(lambda content: content["target"].update(MinCapacity=6))

    assert {row.wanted for row in few.seconds} == {1}
    assert few.refused > 0
    assert (min(row.wanted for row in many.seconds), many.changes) == (6, [])


def test_without_a_policy_to_shrink_tasks_stay(changed):
    def change(content):
        del content["policies"][IN], content["alarms"][LOW]

    assert path_of(changed(change)) == [2, 5]


def test_without_any_policy_nothing_changes(changed):
    assert path_of(changed(lambda content: content.update(policies=[], alarms=[]))) == [2]


def test_tighter_thresholds_flap(changed):
    """Without the distance between 70 and 30 % the tasks that were added are taken away while the burst lasts."""
    run = changed(lambda content: content["alarms"][LOW].update(Threshold=60, EvaluationPeriods=2, DatapointsToAlarm=2))

    assert any(change.after < change.before and change.second < 2400 for change in run.changes)


def grown_at(run):
    return next(change.second for change in run.changes if change.why == "cpu-out")


def test_more_periods_make_it_slower(changed, ours):
    late = changed(lambda content: content["alarms"][HIGH].update(EvaluationPeriods=5, DatapointsToAlarm=5))

    assert grown_at(late) - grown_at(ours) == 240


def test_three_of_five_datapoints_are_there_sooner_than_five(changed, ours):
    late = changed(lambda content: content["alarms"][HIGH].update(EvaluationPeriods=5, DatapointsToAlarm=3))

    assert grown_at(late) - grown_at(ours) == 120


def test_a_period_of_five_minutes_slides_over_the_burst(changed, ours):
    """19 % for four minutes and 95 % for one are 34; three minutes of five make it 65, four 80: three minutes later."""
    late = changed(lambda content: content["alarms"][HIGH].update(Period=300))

    assert grown_at(late) - grown_at(ours) == 180


def test_a_long_cooldown_lets_a_second_burst_wait(changed):
    """What was added counts for as long as the cooldown lasts: the same step adds nothing."""
    storm = scenarios.Scenario("storm", "s", scenarios.STORM, 2400)

    def with_cooldown(seconds):
        def change(content):
            without_tracking(content)
            step_policy(content)["Cooldown"] = seconds

        return [change.second for change in changed(change, storm).changes]

    assert len(with_cooldown(3600)) <= len(with_cooldown(0))
    assert with_cooldown(3600) != with_cooldown(0)


# --- Refused ---


def put(content, value, *path):
    for key in path[:-1]:
        content = content[key]
    content[path[-1]] = value


STEPS = ("policies", OUT, "StepScalingPolicyConfiguration")
TRACK = ("policies", REQUESTS, "TargetTrackingScalingPolicyConfiguration")
ALARM = ("alarms", HIGH)


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        (["arn:aws:sns:us-east-1:1:t"], (*ALARM, "AlarmActions"), "the action 'arn:aws:sns:us-east-1:1:t'"),
        ([7], (*ALARM, "AlarmActions"), "the action 7 is no policy"),
        ([], (*ALARM, "AlarmActions"), "cpu-high: it calls no policy"),
        ([], (*ALARM, "Dimensions"), "Dimensions are not those of this service's metric"),
        ("backend", (*ALARM, "Dimensions", 1, "Value"), "Dimensions are not those of this service's metric"),
        ("Percent", (*ALARM, "Unit"), "does not know Unit"),
        (0, (*ALARM, "EvaluationPeriods"), "1 datapoints of 0 periods"),
        (1441, (*ALARM, "EvaluationPeriods"), "1441 periods of 60 s are more than a day"),
        (0, (*ALARM, "Period"), "a period of 0 s"),
        (float("nan"), (*ALARM, "Threshold"), "Threshold is nan, which is not possible"),
        (float("inf"), (*ALARM, "Threshold"), "Threshold is inf, which is not possible"),
        ("Maximum", (*ALARM, "Statistic"), "takes Maximum and its policy cpu-out Average"),
        ("LessThanThreshold", (*ALARM, "ComparisonOperator"), "cpu-out has no step for what"),
        ("${cluster}-${service}-cpu-low", (*ALARM, "AlarmName"), "two alarms are named"),
        (-1, (*STEPS, "Cooldown"), "Cooldown is -1, which is not possible"),
        (-1, (*STEPS, "MinAdjustmentMagnitude"), "MinAdjustmentMagnitude is -1, which is not possible"),
        (1.5, (*STEPS, "StepAdjustments", 0, "ScalingAdjustment"), "ScalingAdjustment is 1.5, which is not a whole"),
        (30, (*STEPS, "StepAdjustments", 2, "MetricIntervalUpperBound"), "no step goes beyond 30"),
        ([{"ScalingAdjustment": 1}], (*STEPS, "StepAdjustments"), "a step needs one bound"),
        ("all", (*STEPS, "StepAdjustments"), "StepAdjustments is 'all', which is not a JSON list"),
        (["all"], (*STEPS, "StepAdjustments"), "an object is expected, not 'all'"),
        (None, (*STEPS, "AdjustmentType"), "AdjustmentType is None"),
        (10_000, ("target", "MaxCapacity"), "no range within 5,000"),
        (-1, ("target", "MinCapacity"), "MinCapacity -1"),
        ("ECSServiceAverageMemoryUtilization", (*TRACK, "PredefinedMetricSpecification", "PredefinedMetricType"),
         "needs a ResourceLabel, and no other metric has one"),
        (-5, (*TRACK, "ScaleInCooldown"), "ScaleInCooldown is -5"),
        ({}, (*TRACK, "CustomizedMetricSpecification"), "does not know CustomizedMetricSpecification"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_sentence(value, path, sentence):
    content = copy.deepcopy(OURS)
    put(content, value, *path)

    with pytest.raises(PolicyError) as caught:
        policies.parse("frontend", content, "frontend.json")
    assert sentence in str(caught.value)


def test_two_policies_that_track_one_metric_are_refused_as_aws_does():
    content = copy.deepcopy(OURS)
    content["policies"].append(content["policies"][MEMORY] | {"PolicyName": "memory-again"})

    with pytest.raises(PolicyError, match="two policies track AWS/ECS MemoryUtilization"):
        policies.parse("frontend", content, "frontend.json")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        ("[]", "an object is expected"),
        ('{"target": NaN}', "NaN is no number"),
        ('{"target": {}, "target": {}}', "target is given twice"),
        ("[" * 100_000, "is not JSON"),
        ("\udcff", "is no text in UTF-8"),
        ('{"target": {"MinCapacity": 1e999, "MaxCapacity": 2}}', "MinCapacity is inf"),
    ],
    ids=["empty", "list", "NaN", "twice", "deep", "bytes", "infinite"],
)
def test_a_malformed_file_is_told(tmp_path, text, sentence):
    (tmp_path / "frontend.json").write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(PolicyError) as caught:
        policies.load("frontend", tmp_path)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("service", "number"), [("frontend", 2), ("backend", 2), ("worker", 1)])
def test_ours_are_understood(service, number):
    assert policies.load(service).least == number
