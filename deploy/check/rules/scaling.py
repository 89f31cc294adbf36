"""How many tasks run: 2 to 10, more above 70 % CPU, fewer below 30 %."""

from collections.abc import Iterator
from itertools import pairwise

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

WEB = ("frontend", "backend")
IN, OUT = "scale-in", "scale-out"


def service_of(state: State, resource_id: str, region: str) -> Resource | None:
    """The service that `service/<cluster>/<name>` names."""
    for service in state.of("ecs_service"):
        cluster = str(service["cluster"]).rpartition("/")[2]
        if resource_id == f"service/{cluster}/{service['name']}" and service.region == region:
            return service
    return None


def is_active(service: Resource) -> bool:
    return "standby" not in service.module


def role_of(service: Resource) -> str:
    return service["name"].rpartition("-")[2]


def _target_of(state: State, service: Resource) -> Resource | None:
    targets = state.of("appautoscaling_target")
    return next((found for found in targets if service_of(state, found["resource_id"], found.region) is service), None)


@rule
def two_to_ten_tasks(subject: Subject) -> Findings:
    """Every service scales; in production each web service runs 2 to 10 tasks, on staging at least one."""
    for service in subject.state.of("ecs_service"):
        target = _target_of(subject.state, service)
        if not target:
            yield service.address, "does not scale"
            continue
        limits = target["min_capacity"], target["max_capacity"]
        if not limits[0] <= limits[1]:
            yield target.address, f"from {limits[0]} to {limits[1]} tasks"
        elif (is_active(service) or subject.standby == "serving") and role_of(service) in WEB:
            if subject.environment == "production" and limits != (2, 10):
                yield target.address, f"from {limits[0]} to {limits[1]} tasks"
            if not limits[0] >= 1:
                yield target.address, "may run no task at all"


@rule
def scaling_names_a_service(subject: Subject) -> Findings:
    """What scales is a service that exists, by its number of tasks."""
    for found in subject.state.of("appautoscaling_target", "appautoscaling_policy", "appautoscaling_scheduled_action"):
        if not service_of(subject.state, found["resource_id"], found.region):
            yield found.address, f"{found['resource_id']} does not exist"
        if (found["service_namespace"], found["scalable_dimension"]) != ("ecs", "ecs:service:DesiredCount"):
            yield found.address, f"{found['service_namespace']}, {found['scalable_dimension']}"


def steps_of(policy: Resource) -> list[tuple[float, float, int]]:
    """(lower bound, upper bound, adjustment) of each step, from low to high."""
    steps = policy.block("step_scaling_policy_configuration").get("step_adjustment", [])
    found = [
        (_bound(step["metric_interval_lower_bound"], "-inf"), _bound(step["metric_interval_upper_bound"], "inf"), step)
        for step in steps
    ]
    return sorted((low, high, step["scaling_adjustment"]) for low, high, step in found)


def _bound(text: str | None, otherwise: str) -> float:
    return float(text if text not in (None, "") else otherwise)


def direction_of(policy: Resource) -> str:
    """What a step policy does; empty if its steps do both, or nothing."""
    adjustments = [adjustment for _, _, adjustment in steps_of(policy)]
    if adjustments and all(adjustment > 0 for adjustment in adjustments):
        return OUT
    return IN if adjustments and all(adjustment < 0 for adjustment in adjustments) else ""


@rule
def steps_have_no_gaps(subject: Subject) -> Findings:
    """The steps of a policy follow each other, all in one direction, and the outermost is open."""
    for policy in subject.state.of("appautoscaling_policy"):
        if policy["policy_type"] != "StepScaling":
            continue
        steps = steps_of(policy)
        gaps = [(first, second) for first, second in pairwise(steps) if first[1] != second[0]]
        direction = direction_of(policy)
        is_open = (
            (steps[-1][1] == float("inf") and steps[0][0] == 0)
            if direction == OUT
            else bool(steps) and (steps[0][0] == float("-inf") and steps[-1][1] == 0)
        )
        if gaps or not direction or not is_open:
            yield policy.address, f"steps {steps}"


def alarms_of(state: State, policy: Resource) -> list[Resource]:
    return [alarm for alarm in state.of("cloudwatch_metric_alarm") if policy["arn"] in (alarm["alarm_actions"] or [])]


def _cpu_alarms(state: State, service: Resource) -> Iterator[tuple[str, Resource]]:
    """(scale-in or scale-out, alarm) on this service's CPU that starts one of its policies."""
    for policy in state.of("appautoscaling_policy"):
        if (
            policy["policy_type"] == "StepScaling"
            and service_of(state, policy["resource_id"], policy.region) is service
        ):
            for alarm in alarms_of(state, policy):
                if alarm["metric_name"] == "CPUUtilization":
                    yield direction_of(policy), alarm


@rule
def seventy_and_thirty(subject: Subject) -> Findings:
    """A web service adds tasks above 70 % CPU and removes them below 30 %, by alarms on its own figures."""
    for service in subject.state.of("ecs_service"):
        if role_of(service) not in WEB:
            continue
        found = dict(_cpu_alarms(subject.state, service))
        wanted = {OUT: ("GreaterThanThreshold", 70), IN: ("LessThanThreshold", 30)}
        for direction, expected in wanted.items():
            alarm = found.get(direction)
            actual = (alarm["comparison_operator"], alarm["threshold"]) if alarm else None
            if actual != expected:
                yield service.address, f"{direction}: {actual or 'no alarm'}, not {expected}"
            if alarm and (alarm["dimensions"] or {}).get("ServiceName") != service["name"]:
                yield alarm.address, f"looks at {alarm['dimensions']}"


@rule
def every_policy_is_started(subject: Subject) -> Findings:
    """Every step policy has an alarm that starts it, above for out and below for in."""
    for policy in subject.state.of("appautoscaling_policy"):
        if policy["policy_type"] != "StepScaling":
            continue
        alarms = alarms_of(subject.state, policy)
        expected = "Greater" if direction_of(policy) == OUT else "Less"
        if not alarms:
            yield policy.address, "nothing starts it"
        for alarm in alarms:
            if not alarm["comparison_operator"].startswith(expected):
                yield alarm.address, f"{alarm['comparison_operator']} starts {direction_of(policy)}"


@rule
def tracks_more_than_cpu(subject: Subject) -> Findings:
    """A web service also scales on memory and on requests of its own target group; the worker on the queue's age."""
    groups = {group["arn_suffix"]: group for group in subject.state.of("lb_target_group")}
    balancers = {found["arn_suffix"] for found in subject.state.of("lb")}
    for service in subject.state.of("ecs_service"):
        own = [
            policy
            for policy in subject.state.of("appautoscaling_policy")
            if service_of(subject.state, policy["resource_id"], policy.region) is service
        ]
        if role_of(service) == "worker":
            metrics = {alarm["metric_name"] for policy in own for alarm in alarms_of(subject.state, policy)}
            if metrics != {"QueueAge"}:
                yield service.address, f"scales on {sorted(metrics)}"
            continue
        tracked = dict(filter(None, map(_tracked, own)))
        if set(tracked) != {"ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"}:
            yield service.address, f"tracks {sorted(tracked)}"
        balancer, _, group = tracked.get("ALBRequestCountPerTarget", "").partition("/targetgroup/")
        target = groups.get(f"targetgroup/{group}")
        if balancer not in balancers or not target or not target["name"].endswith(role_of(service)):
            yield service.address, f"counts the requests of {tracked.get('ALBRequestCountPerTarget')}"


def _tracked(policy: Resource) -> tuple[str, str] | None:
    for block in policy.blocks("target_tracking_scaling_policy_configuration"):
        for metric in block["predefined_metric_specification"] or []:
            return metric["predefined_metric_type"], metric["resource_label"] or ""
    return None


@rule
def deploys_safely(subject: Subject) -> Findings:
    """A deployment keeps every task until its successor answers, and goes back by itself if that fails."""
    alarms = subject.state.known("cloudwatch_metric_alarm", "alarm_name")
    for service in subject.state.of("ecs_service"):
        breaker = service.block("deployment_circuit_breaker")
        if not (breaker.get("enable") and breaker.get("rollback")):
            yield service.address, "does not go back if new tasks do not live"
        if service["deployment_minimum_healthy_percent"] != 100 or service["deployment_maximum_percent"] != 200:
            yield service.address, f"keeps {service['deployment_minimum_healthy_percent']} % of its tasks"
        for block in service.blocks("alarms"):
            for name in set(block["alarm_names"]) - set(alarms):
                yield service.address, f"goes back at an alarm that does not exist: {name}"
        if role_of(service) in WEB and not service.blocks("alarms"):
            yield service.address, "no alarm takes a deployment back"
        if service.blocks("load_balancer") and (service["health_check_grace_period_seconds"] or 0) < 30:
            yield service.address, f"grace of {service['health_check_grace_period_seconds']} s"


@rule
def on_demand_base(subject: Subject) -> Findings:
    """At least the smallest number of tasks runs on demand; Spot comes on top, and needs its capacity provider."""
    provided = {
        (found["cluster_name"], found.region): set(found["capacity_providers"] or [])
        for found in subject.state.of("ecs_cluster_capacity_providers")
    }
    for service in subject.state.of("ecs_service"):
        strategy = {item["capacity_provider"]: item for item in service.blocks("capacity_provider_strategy")}
        base = (strategy.get("FARGATE") or {}).get("base") or 0
        known = provided.get((str(service["cluster"]).rpartition("/")[2], service.region), set())
        target = _target_of(subject.state, service)
        if base < (target["min_capacity"] if target else 1):
            yield service.address, f"only {base} tasks are sure to stay"
        if not set(strategy) <= known:
            yield service.address, f"its cluster offers {sorted(known)}, not {sorted(strategy)}"
