"""Tasks from their order to their end: start, checks, zones, Spot."""

from collections import Counter

import pytest

from deploy.simulate.settings import TaskSize, Timing
from deploy.simulate.tasks import Fleet

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

HALF = TaskSize(processors=0.5, memory_mb=1024)
TIMING = Timing()


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


def test_a_busy_task_fails_its_checks_and_recovers():
    [task] = Fleet(1, HALF, TIMING).tasks
    seen = []
    for second in range(100):
        task.check(TIMING, wait=6 if 10 <= second < 60 else 0)
        seen.append(task.is_unhealthy)

    # Two checks of 10 s and one time-out of 5 s, then two passed checks.
    assert (seen.index(True), seen.index(False, 40)) == (10 + 24, 60 + 19)


def test_ecs_starts_a_task_for_a_sick_one_before_it_stops_it():
    """https://aws.amazon.com/about-aws/whats-new/2023/10/amazon-ecs-applications-resiliency-unpredictable-load-spikes/"""
    fleet = Fleet(2, HALF, TIMING)
    old = list(fleet.tasks)
    for task in old:
        task.is_unhealthy = True
    fleet.reconcile(100)
    assert len(fleet.tasks) == 4
    assert not any(task.is_leaving for task in old)

    fleet.reconcile(100 + TIMING.provision + TIMING.until_healthy)
    assert all(task.is_leaving for task in old)
    assert len(fleet.tasks) == 4  # they drain


def test_sick_tasks_never_make_more_than_twice_as_many():
    fleet = Fleet(2, HALF, TIMING)
    for now in (100, 300, 500):
        for task in fleet.tasks:
            task.is_unhealthy = True
        fleet.reconcile(now)
        assert len(fleet.active(now)) == 4


def test_a_task_that_recovers_leaves_one_too_many_which_goes():
    fleet = Fleet(2, HALF, TIMING)
    fleet.tasks[0].is_unhealthy = True
    fleet.reconcile(100)
    fleet.tasks[0].is_unhealthy = False
    fleet.reconcile(110)

    assert len(fleet.active(110)) == 2


def test_a_new_task_is_not_called_sick_in_its_grace_period():
    fleet = Fleet(2, HALF, TIMING)
    [task, _] = fleet.tasks
    task.is_unhealthy = True

    assert not task.is_sick(int(task.runs_at) + 59, TIMING)
    assert task.is_sick(int(task.runs_at) + 60, TIMING)


def test_a_zone_that_is_back_gets_its_tasks_again_one_by_one():
    fleet = Fleet(6, HALF, TIMING)
    fleet.lose_zone(0)
    for now in range(2000):
        if now == 600:
            assert sorted(Counter(task.zone for task in fleet.tasks).values()) == [3, 3]
            fleet.return_zone()
        fleet.reconcile(now)
        assert len(fleet.active(now)) <= 7

    assert Counter(task.zone for task in fleet.tasks) == {"a": 2, "b": 2, "c": 2}


def test_without_spot_nothing_starts_in_the_place_of_a_spot_task():
    fleet = Fleet(4, TaskSize(0.5, 1024, spot_weight=3), TIMING)
    fleet.reclaim_spot(100, gone_for=600)
    fleet.reconcile(100)
    new = [task for task in fleet.tasks if task.ordered_at >= 100]

    assert [task.is_spot for task in new] == [True, True]
    assert not any(task.is_billed(699) for task in new)
    assert [task.runs_at for task in new] == [700 + TIMING.provision] * 2


def test_a_stopping_task_finishes_what_is_in_flight_for_as_long_as_it_may():
    fleet = Fleet(3, HALF, TIMING)
    fleet.wanted = 2
    fleet.reconcile(100)
    [leaving] = [task for task in fleet.tasks if task.is_leaving]
    leaving.waiting.live.append([100, 5])
    for now in range(100, 300):
        if leaving.stops_at <= now + 1:
            leaving.finish(now)

    assert leaving.stops_at == 100 + TIMING.deregistration + min(TIMING.drain + TIMING.graceful, TIMING.stop)
