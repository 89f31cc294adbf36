"""Tasks, queues and the whole simulation, on the actual policy files and on broken ones."""

import math
import re
from dataclasses import replace

import pytest

from deploy.cost.prices import read as read_prices
from deploy.simulate import million, plot, policies, report, scenarios, settings, tasks, traffic, worker
from deploy.simulate.settings import Costs, TaskSize, Timing
from deploy.simulate.students import demand
from deploy.simulate.world import Prices
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

HALF = TaskSize(processors=0.5, memory_mb=1024)
TIMING = Timing()


def path_of(run, first=2):
    return [first, *(change.after for change in run.changes)]


# --- What a request costs ---


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


# --- Where requests go ---


def test_sick_tasks_get_nothing_unless_all_are_sick():
    world = scenarios.prepare(replace(scenarios.named("crash"), events={}))
    first, *others = world.fleet.tasks
    first.is_unhealthy = True
    assert world._routed() == others

    for task in others:
        task.is_unhealthy = True
    assert world._routed() == [first, *others]


def test_a_full_database_slows_every_task_down_alike():
    world = scenarios.prepare(scenarios.named("database"))
    free = world.advance(10).seconds[-1]
    world.slow_database(0.1)
    full = world.advance(10).seconds[-1]

    assert free.refused == 0
    assert full.answered == pytest.approx(300 / world.database.commands_a_request, rel=0.01)
    assert full.cpu < free.cpu / 2


# --- The whole, on the files as they are ---


@pytest.fixture(scope="module")
def burst():
    return scenarios.run(scenarios.named("burst"))


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_first_new_tasks_serve_about_four_minutes_after_it_began(burst):
    served_at = next(second for second, row in enumerate(burst.seconds) if row.healthy == 5)

    assert served_at - 600 <= 245


@pytest.mark.slow
def test_between_thirty_and_seventy_percent_nothing_changes():
    run = scenarios.run(scenarios.named("steady"))

    assert run.changes == []
    assert max(row.cpu for row in run.seconds) > 65


@pytest.mark.slow
def test_a_lost_zone_costs_a_third_of_the_requests_until_the_balancer_sees_it():
    scenario = scenarios.named("zone")
    run = scenarios.run(scenario)
    before = run.seconds[899].arrivals

    assert run.broken == pytest.approx(25 * before / 3)
    assert run.refused == pytest.approx(run.broken)


@pytest.mark.slow
def test_a_dead_task_that_refuses_attracts_all_requests_until_ecs_takes_it_out():
    """As tests/rehearsal found of “least outstanding requests”: five seconds of them are lost."""
    run = scenarios.run(scenarios.named("crash"))

    assert run.broken == pytest.approx(TIMING.end_is_seen * run.seconds[899].arrivals)
    assert run.seconds[905].refused == 0


@pytest.mark.slow
def test_no_request_is_lost_when_spot_tasks_are_taken_back():
    run = scenarios.run(scenarios.named("spot"))

    assert run.refused == 0
    assert min(row.healthy for row in run.seconds) == 3


@pytest.mark.slow
def test_without_spot_capacity_four_on_demand_tasks_are_all_there_is():
    run = scenarios.run(scenarios.named("spot-gone"))

    assert run.seconds[-1].healthy > max(row.healthy for row in run.seconds[1100:2600])
    assert run.refused > 0


@pytest.mark.slow
def test_a_full_database_is_not_helped_by_tasks():
    """Processors have less to do while people wait, so that nothing is added, and tasks may even be taken away."""
    run = scenarios.run(scenarios.named("database"))
    slow = run.seconds[1000:1800]

    assert run.refused > 0.1 * run.requests
    assert max(row.cpu for row in slow) < 70
    assert not any(change.after > change.before for change in run.changes if 900 <= change.second < 1800)


@pytest.mark.slow
def test_the_same_scenario_gives_the_same_run():
    scenario = replace(scenarios.named("day"), seconds=3600)

    assert scenarios.run(scenario).seconds == scenarios.run(scenario).seconds


@pytest.mark.slow
@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_request_is_answered_refused_or_waiting(scenario):
    run = scenarios.run(replace(scenario, seconds=min(scenario.seconds, 3600)))

    assert run.answered + run.refused + run.waiting == pytest.approx(run.requests)
    assert all(row.refused >= -1e-9 and row.answered >= 0 and 0 <= row.cpu <= 100 + 1e-9 for row in run.seconds)


@pytest.mark.slow
def test_without_traffic_nothing_happens_and_nothing_fails():
    scenario = scenarios.Scenario("night", "Nobody is there", traffic.steady(0), 1800)
    run = scenarios.run(scenario)
    row = report.row(report.summarize(scenario, run, HALF, read_prices()))

    assert "| 2 | 0, 0 % | 0 | 0 | 0 | 0 ms | 0 ms | 0 s | $0.02 |" in row
    assert "nan" not in plot.draw(scenario, run).lower()


@pytest.mark.slow
def test_eight_scheduled_tasks_bear_a_launch_that_refuses_people_without_them():
    unprepared, scheduled = (scenarios.run(scenarios.named(name)) for name in ("launch", "launch-scheduled"))

    assert unprepared.refused > 1000
    assert scheduled.refused == 0


@pytest.mark.slow
def test_old_pages_cost_processor_time():
    scenario = scenarios.named("cold")
    run = scenarios.run(scenario)

    assert run.seconds[899].cpu < 60
    assert max(row.cpu for row in run.seconds[900:1000]) > 95


@pytest.mark.slow
def test_a_worker_gets_help_when_orders_wait_and_is_alone_again_later():
    """By hand: one worker settles two a second, so that 3,000 orders that come within a minute wait for 24 minutes."""
    scaling, size, timing = policies.load("worker"), settings.task_size("worker"), settings.timing("worker")
    alone = worker.run(replace(scaling, most=1), size, timing, worker.outage(3000, 600, normal=0), 2 * 3600)
    helped = worker.run(scaling, size, timing, worker.outage(3000, 600, normal=0), 2 * 3600)

    assert max(alone.ages) == pytest.approx(1440, abs=2)
    assert helped.changes[-1].after == scaling.least
    assert max(helped.ages) < 900


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
    services = (ROOT / "deploy" / "terraform" / "region" / "services.tf").read_text()
    assert "? 60 : 2147483647" in services
    assert TIMING.grace == 60
    assert re.search(r"^\s*base\s*=\s*(\d+)", services, re.M)[1] == str(HALF.on_demand_base)
    assert re.search(r"deployment_maximum_percent\s*=\s*(\d+)", services)[1] == str(100 * tasks.MOST_TASKS)


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


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"cpu_seconds_per_request": {"catalogue": 0.01}}',
        pytest.param(settings.CAPACITY.read_text().replace('"catalogue":', '"x":', 1), id="a journey less"),
        pytest.param(settings.CAPACITY.read_text().replace('"catalogue": ', '"catalogue": -', 1), id="negative"),
    ],
)
def test_a_capacity_file_that_says_nothing_is_told(tmp_path, text):
    (tmp_path / "capacity.json").write_text(text)

    with pytest.raises(policies.PolicyError, match=r"capacity\.json or pages\.json says nothing that can be used"):
        settings.read_capacity(tmp_path / "capacity.json")


@pytest.mark.slow
def test_a_picture_has_axes_units_and_both_themes(burst):
    picture = plot.draw(scenarios.named("burst"), burst)

    for text in ("requests a second", "CPU, %", "time of an answer, seconds", "minutes", "prefers-color-scheme:dark"):
        assert text in picture
    assert len(picture) < 40_000


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.13, 0.2), (0.1, 0.1), (1, 1), (5, 6), (9, 10), (97, 100), (210, 400), (1420, 2000), (7000, 8000)],
)
def test_scales_end_at_a_round_number(highest, top):
    assert plot.ticks(highest) == (top, top / 2)
