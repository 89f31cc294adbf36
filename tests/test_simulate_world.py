"""Tasks, queues and the whole simulation, on the actual policy files and on broken ones."""

import json
import math
import re
from dataclasses import replace

import pytest

from deploy.simulate import million, plot, policies, scenarios, settings, traffic, worker
from deploy.simulate.queueing import Times, Waiting, share_out
from deploy.simulate.settings import Costs, TaskSize, Timing
from deploy.simulate.students import demand
from deploy.simulate.tasks import Fleet
from deploy.simulate.world import Prices
from tests.source import ROOT

HALF = TaskSize(processors=0.5, memory_mb=1024)
TIMING = Timing()


def path_of(run, first=2):
    return [first, *(change.after for change in run.changes)]


# --- Waiting, by hand ---


def test_a_task_serves_at_its_rate_and_the_rest_waits():
    waiting = Waiting()

    assert waiting.step(30, rate=20, patience=60) == (20, 0, 0)
    assert waiting.requests == 10
    assert waiting.step(30, rate=20, patience=60) == (20, 0, 0.5)
    assert waiting.requests == 20
    assert waiting.step(0, rate=20, patience=60) == (20, 0, 1.0)
    assert waiting.requests == 0


def test_who_would_wait_longer_than_the_idle_time_is_refused():
    waiting = Waiting()
    waiting.requests = 1195

    served, refused, wait = waiting.step(30, rate=20, patience=60)

    assert (served, refused) == (20, 5)  # 1,200 may wait, and 20 are served in this second
    assert wait == 59.75
    assert waiting.requests == 1200


@pytest.mark.parametrize(
    ("waiting", "arrivals", "shares"),
    [
        ([0, 0], 10, [5, 5]),
        ([4, 0], 2, [0, 2]),
        ([4, 0], 10, [3, 7]),
        ([6, 2, 0], 4, [0, 1, 3]),
        ([0, 0, 0], 0, [0, 0, 0]),
    ],
)
def test_arrivals_go_to_the_shortest_queue(waiting, arrivals, shares):
    assert share_out(waiting, arrivals) == pytest.approx(shares)


def test_times_of_a_half_loaded_task():
    """40 ms at an empty task become 80 ms on average at half load; p50 is 0.69 of that, p95 3.0, p99 4.6."""
    times = Times()
    times.add(1000, wait=0, service=0.040, load=0.5)

    assert times.quantile(0.5) == pytest.approx(0.080 * math.log(2), rel=0.09)
    assert times.quantile(0.95) == pytest.approx(0.080 * 3.0, rel=0.09)
    assert times.quantile(0.99) == pytest.approx(0.080 * 4.6, rel=0.09)
    assert times.share_above(10) == 0


def test_waiting_in_the_queue_adds_to_every_time():
    times = Times()
    times.add(1000, wait=5.0, service=0.04, load=1.0)

    assert times.quantile(0.01) >= 4.7
    assert times.share_above(2) == 1


def costs(**options):
    return Costs({"catalogue": 10.0, "learning": 30.0}, memory_mb=400, source="", **options)


def test_the_first_requests_of_a_task_cost_more():
    prices = Prices(costs(cold_factor=2.0, cold_requests=40), {"catalogue": 0.5, "learning": 0.5})

    assert [prices.milliseconds(served) for served in (0, 39, 40, math.inf)] == [40, 40, 20, 20]


def test_a_visitors_page_that_no_process_has_rendered_costs_more():
    """Half the requests are visitors', a quarter of the processor time; seven times that is 2.5 times the whole."""
    prices = Prices(costs(unrendered_factor=7.0), {"catalogue": 0.5, "learning": 0.5})

    assert prices.milliseconds(0) == pytest.approx(50)
    assert prices.milliseconds(1000) == pytest.approx(20 * (1 + 1.5 / math.e))
    assert prices.milliseconds(math.inf) == 20


# --- Tasks ---


def test_a_task_is_healthy_after_pull_start_and_two_checks():
    fleet = Fleet(2, HALF, TIMING)
    fleet.wanted = 3
    fleet.reconcile(0)
    healthy = [sum(task.is_routed_to(now) for task in fleet.tasks) for now in (0, 62, 63)]

    assert healthy == [2, 2, 3]  # 35 s for place and image, 8 s to start, two checks of 10 s


def test_a_task_taken_out_gets_nothing_more_and_is_billed_until_it_has_drained():
    fleet = Fleet(3, HALF, TIMING)
    fleet.wanted = 2
    fleet.reconcile(100)
    leaving = next(task for task in fleet.tasks if task.is_leaving)

    assert not leaving.is_routed_to(100)
    assert leaving.is_billed(154)
    assert not leaving.is_billed(155)  # 30 s of deregistration, 25 s of draining


def test_tasks_are_spread_over_the_zones_and_a_lost_zone_is_left_alone():
    fleet = Fleet(6, HALF, TIMING)
    assert sorted(task.zone for task in fleet.tasks) == ["a", "a", "b", "b", "c", "c"]

    assert fleet.lose_zone(50) == 2
    [lost] = {task.zone for task in fleet.tasks if task.is_dead}
    fleet.reconcile(74)
    assert len(fleet.tasks) == 6  # nobody has seen it yet: two checks of 10 s and one time-out of 5 s
    fleet.reconcile(75)
    started = [task.zone for task in fleet.tasks if task.ordered_at == 75]
    assert len(started) == 2
    assert lost not in started


def test_spot_begins_above_the_base_and_by_weight():
    fleet = Fleet(7, TaskSize(0.5, 1024, spot_weight=3), TIMING)

    assert [task.is_spot for task in fleet.tasks] == [False, False, True, True, True, False, True]


def test_spot_tasks_serve_on_until_the_balancer_has_seen_their_notice():
    fleet = Fleet(4, TaskSize(0.5, 1024, spot_weight=3), TIMING)
    assert fleet.reclaim_spot(100) == 2
    fleet.reconcile(100)
    noticed = [task for task in fleet.tasks if task.is_leaving]

    assert all(task.is_routed_to(119) and not task.is_routed_to(120) for task in noticed)
    assert all(task.is_running(174) and not task.is_running(175) for task in noticed)
    assert sum(task.ordered_at == 100 for task in fleet.tasks) == 2
    assert TIMING.until_refusal_is_seen <= TIMING.drain  # else requests would meet a closed door


# --- The whole, on the files as they are ---


@pytest.fixture(scope="module")
def burst():
    return scenarios.run(scenarios.named("burst"))


def test_a_burst_makes_five_of_two_tasks_and_later_two_again(burst):
    """Sequence diagram 3 of the design: CPU > 70 %, 2 → 5 tasks, CPU < 30 %, back to 2."""
    first, *_, last = burst.changes

    assert (first.before, first.after, first.why) == (2, 5, "cpu-out")
    assert max(path_of(burst)) == 5
    assert (last.after, last.why) == (2, "cpu-in")
    assert burst.refused == 0


@pytest.mark.slow
@pytest.mark.parametrize("phase", range(0, 60, 5))
def test_a_burst_ends_at_five_whenever_in_a_minute_it_begins(phase):
    burst = traffic.burst(0.19, 10, start=600 + phase, rise=60, hold=1800)
    path = path_of(scenarios.run(scenarios.Scenario("b", "b", burst, 7200)))

    assert max(path) == 5
    assert path[-1] == 2


def test_the_first_new_tasks_serve_about_four_minutes_after_it_began(burst):
    served_at = next(second for second, row in enumerate(burst.seconds) if row.healthy == 5)

    assert served_at - 600 <= 245


@pytest.mark.slow
def test_between_thirty_and_seventy_percent_nothing_changes():
    run = scenarios.run(scenarios.named("steady"))

    assert run.changes == []
    assert max(row.cpu for row in run.seconds) > 65


def test_a_lost_zone_costs_a_third_of_the_requests_until_the_balancer_sees_it():
    scenario = scenarios.named("zone")
    run = scenarios.run(scenario)
    before = run.seconds[899].arrivals

    assert run.broken == pytest.approx(25 * before / 3)
    assert run.refused == pytest.approx(run.broken)


def test_a_dead_task_that_refuses_attracts_all_requests_until_ecs_takes_it_out():
    """As tests/rehearsal found of “least outstanding requests”: five seconds of them are lost."""
    run = scenarios.run(scenarios.named("crash"))

    assert run.broken == pytest.approx(TIMING.end_is_seen * run.seconds[899].arrivals)
    assert run.seconds[905].refused == 0


def test_no_request_is_lost_when_spot_tasks_are_taken_back():
    run = scenarios.run(scenarios.named("spot"))

    assert run.refused == 0
    assert min(row.healthy for row in run.seconds) == 3


@pytest.mark.slow
def test_eight_scheduled_tasks_bear_a_launch_that_refuses_people_without_them():
    unprepared, scheduled = (scenarios.run(scenarios.named(name)) for name in ("launch", "launch-scheduled"))

    assert unprepared.refused > 1000
    assert scheduled.refused == 0


def test_old_pages_cost_processor_time():
    scenario = scenarios.named("cold")
    run = scenarios.run(scenario)

    assert run.seconds[899].cpu < 60
    assert max(row.cpu for row in run.seconds[900:1000]) > 95


def test_a_worker_gets_help_when_orders_wait_and_is_alone_again_later():
    """By hand: one worker settles two a second, so that 3,000 orders that come within a minute wait for 24 minutes."""
    scaling, size, timing = policies.load("worker"), settings.task_size("worker"), settings.timing("worker")
    alone = worker.run(replace(scaling, most=1), size, timing, worker.outage(3000, 600, normal=0), 2 * 3600)
    helped = worker.run(scaling, size, timing, worker.outage(3000, 600, normal=0), 2 * 3600)

    assert max(alone.ages) == pytest.approx(1440, abs=2)
    assert helped.changes[-1].after == scaling.least
    assert max(helped.ages) < 900


# --- Broken policies change the outcome ---


@pytest.fixture
def broken(tmp_path):
    def write(change):
        content = json.loads((policies.FOLDER / "frontend.json").read_text())
        change(content)
        (tmp_path / "frontend.json").write_text(json.dumps(content))
        return scenarios.run(scenarios.named("burst"), tmp_path)

    return write


def test_a_threshold_that_is_never_met_grows_nothing(broken):
    assert path_of(broken(lambda content: content["alarms"][0].update(Threshold=99))) == [2]


def test_a_smaller_step_makes_fewer_tasks(broken):
    def change(content):
        content["policies"][0]["StepScalingPolicyConfiguration"]["StepAdjustments"][2]["ScalingAdjustment"] = 100
        content["policies"].pop()

    assert max(path_of(broken(change))) == 4


def test_tighter_thresholds_flap(broken):
    """Without the distance between 70 and 30 % the tasks that were added are taken away while the burst lasts."""
    run = broken(lambda content: content["alarms"][1].update(Threshold=60, EvaluationPeriods=2, DatapointsToAlarm=2))
    taken_away = [change for change in run.changes if change.after < change.before and change.second < 2400]

    assert taken_away


def test_more_periods_make_it_slower(broken, burst):
    late = broken(lambda content: content["alarms"][0].update(EvaluationPeriods=5, DatapointsToAlarm=5))
    by_cpu = next(change for change in late.changes if change.why == "cpu-out")

    assert by_cpu.second - burst.changes[0].second == 240


# --- Figures that have their place elsewhere ---


def test_the_timing_is_that_of_the_load_balancer():
    text = (ROOT / "deploy" / "terraform" / "region" / "balancer.tf").read_text()

    def number(name):
        return {int(value) for value in re.findall(rf"^\s*{name}\s*=\s*(\d+)", text, re.M)}

    assert number("interval") == {TIMING.check_interval}
    assert number("timeout") == {TIMING.check_timeout}
    assert number("healthy_threshold") == {TIMING.healthy_checks}
    assert number("unhealthy_threshold") == {TIMING.unhealthy_checks}
    assert number("deregistration_delay") == {TIMING.deregistration}
    assert number("idle_timeout") <= {TIMING.idle}
    assert "least_outstanding_requests" in text


def test_the_task_definitions_say_how_large_and_how_patient_tasks_are():
    timing = settings.timing("frontend")

    assert settings.task_size("frontend").processors == 0.5
    assert timing.stop >= timing.drain + timing.graceful
    text = (ROOT / "gunicorn.conf.py").read_text()
    assert timing.drain == int(re.search(r'"DRAIN_SECONDS", "(\d+)"', text)[1]) == TIMING.drain
    assert timing.graceful == int(re.search(r"graceful_timeout = (\d+)", text)[1])


def test_connections_are_those_of_the_pool():
    assert "threads + 1" in (ROOT / "coursebundler" / "database_url.py").read_text()
    assert million.sockets_of_a_task() == 2 * (4 + 1 + 2)


def test_reports_are_as_frequent_as_the_player_sends_them():
    text = (ROOT / "static" / "js" / "player.js").read_text()
    every_ms = int(re.search(r"REPORT_EVERY_MS = ([\d_]+)", text)[1].replace("_", ""))
    need = demand(1_000_000)

    assert need.reports == pytest.approx(need.watching / (every_ms / 1000))
    # By hand: a million × 0.2 sessions × 0.5 h / 24 h × 3 = 12,500 people, 70 % of them watching, one report in 10 s.
    assert need.reports == pytest.approx(875)


def test_a_capacity_file_that_says_nothing_is_told(tmp_path):
    (tmp_path / "capacity.json").write_text("{}")

    with pytest.raises(policies.PolicyError, match=r"capacity\.json or pages\.json says nothing that can be used"):
        settings.read_capacity(tmp_path / "capacity.json")


def test_a_picture_has_axes_units_and_both_themes(burst):
    picture = plot.draw(scenarios.named("burst"), burst)

    for text in ("requests a second", "CPU, %", "time of an answer, seconds", "minutes", "prefers-color-scheme:dark"):
        assert text in picture
    assert len(picture) < 40_000
