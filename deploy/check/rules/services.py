"""The ECS services beside their scaling: where they run, on what, and who may look inside."""

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.groups import kinds_of_groups
from deploy.check.rules.scaling import WEB, role_of
from deploy.check.state import Resource, State

# How long a new task may be sick before it is replaced. The most there is means never: a region whose database only
# follows has no ready task.
GRACE_SECONDS, NEVER = (30, 300), 2147483647
MOST_ERRORS_IN_PERCENT = 10


@rule
def stays_with_fargate(subject: Subject) -> Findings:
    """A service runs on Fargate's newest platform, spreads over the zones again by itself, and lets nobody log in."""
    for service in subject.state.of("ecs_service"):
        if service["platform_version"] not in (None, "LATEST"):
            yield service.address, f"platform version {service['platform_version']}"
        if service["availability_zone_rebalancing"] != "ENABLED":
            yield service.address, "stays in fewer zones after one has failed"
        if not service["force_new_deployment"]:
            yield service.address, "another strategy would delete it and make it anew (force_new_deployment)"
        if service["enable_execute_command"]:
            yield service.address, "lets people into its tasks (ECS Exec)"
        if service["scheduling_strategy"] not in (None, "REPLICA") or service["launch_type"]:
            yield service.address, f"{service['scheduling_strategy']}, launch type {service['launch_type']}"


@rule
def tasks_are_tagged(subject: Subject) -> Findings:
    """Tasks take over their service's tags, and ECS's own: else the bill cannot say what they cost."""
    for service in subject.state.of("ecs_service"):
        if service["propagate_tags"] != "SERVICE" or not service["enable_ecs_managed_tags"]:
            yield service.address, f"propagates {service['propagate_tags']}"


@rule
def begins_with_the_least(subject: Subject) -> Findings:
    """A new service begins with as many tasks as scaling keeps at least."""
    least = {
        (found["resource_id"].rpartition("/")[2], found.region): found["min_capacity"]
        for found in subject.state.of("appautoscaling_target")
    }
    for service in subject.state.of("ecs_service"):
        if service["desired_count"] != least.get((service["name"], service.region)):
            yield service.address, f"begins with {service['desired_count']} tasks"


@rule
def spot_for_the_web_only(subject: Subject) -> Findings:
    """The worker is on demand; web tasks may be on Spot above the base, whose weight is not nothing."""
    for service in subject.state.of("ecs_service"):
        strategy = {item["capacity_provider"]: item for item in service.blocks("capacity_provider_strategy")}
        spot, on_demand = strategy.get("FARGATE_SPOT"), strategy.get("FARGATE") or {}
        if spot and (role_of(service) not in WEB or spot["base"]):
            yield service.address, f"on Spot with a base of {spot['base']}"
        if not on_demand.get("weight"):
            yield service.address, "when Spot has no room, nothing takes over"
        if not spot and role_of(service) in WEB and subject.environment == "production":
            yield service.address, "uses no Spot above the base"


@rule
def own_security_group(subject: Subject) -> Findings:
    """Web tasks and workers have a security group each: nothing comes in to a worker."""
    kinds = kinds_of_groups(subject.state)
    for service in subject.state.of("ecs_service"):
        expected = "web" if role_of(service) in WEB else "worker"
        own = service.block("network_configuration").get("security_groups") or []
        if len(own) != 1 or kinds[own[0]] != expected or _is_shared(subject.state, service, own[0]):
            yield service.address, f"is in {[kinds[group] for group in own]}"


def _is_shared(state: State, service: Resource, group: str) -> bool:
    """Whether a web service and the worker are in it together."""
    is_web = role_of(service) in WEB
    others = [one for one in state.of("ecs_service") if (role_of(one) in WEB) != is_web]
    return any(group in (one.block("network_configuration").get("security_groups") or []) for one in others)


@rule
def grace_is_short(subject: Subject) -> Findings:
    """A new task has half a minute to five until it must answer, in the region that serves."""
    for service in subject.state.of("ecs_service"):
        grace = service["health_check_grace_period_seconds"]
        serves = ("standby" not in service.module) != (subject.standby == "serving")
        is_fine = GRACE_SECONDS[0] <= (grace or 0) <= GRACE_SECONDS[1] or (grace == NEVER and not serves)
        if service.blocks("load_balancer") and not is_fine:
            yield service.address, f"grace of {grace} s"


@rule
def goes_back_by_its_own_alarm(subject: Subject) -> Findings:
    """A deployment is taken back by an alarm on the errors of the service's own target group."""
    groups = subject.state.known("lb_target_group", "arn")
    alarms = {(found["alarm_name"], found.region): found for found in subject.state.of("cloudwatch_metric_alarm")}
    for service in subject.state.of("ecs_service"):
        block = service.block("alarms")
        if service.blocks("alarms") and not (block["enable"] and block["rollback"]):
            yield service.address, "its alarms take nothing back"
        own = [groups.get(attached["target_group_arn"]) for attached in service.blocks("load_balancer")]
        for name in block.get("alarm_names") or []:
            alarm = alarms.get((name, service.region))
            problem = _rollback_problem(alarm, {group["arn_suffix"] for group in own if group}) if alarm else ""
            if problem:
                yield service.address, f"{name} {problem}"


def _rollback_problem(alarm: Resource, groups: set[str]) -> str:
    metrics = [metric for query in alarm.blocks("metric_query") for metric in query["metric"] or []]
    looked_at = {(metric["dimensions"] or {}).get("TargetGroup") for metric in metrics}
    minutes = alarm["evaluation_periods"] * max((metric["period"] for metric in metrics), default=0) / 60
    if {metric["metric_name"] for metric in metrics} != {"HTTPCode_Target_5XX_Count", "RequestCount"}:
        return f"looks at {sorted(metric['metric_name'] for metric in metrics)}"
    if looked_at != groups:
        return "looks at another service"
    if not alarm["comparison_operator"].startswith("Greater") or not 0 < alarm["threshold"] <= MOST_ERRORS_IN_PERCENT:
        return f"goes off at {alarm['comparison_operator']} {alarm['threshold']} %"
    if any(metric["stat"] != "Sum" for metric in metrics) or not 0 < minutes <= 5:
        return f"takes {minutes:g} minutes"
    return "goes off when nobody comes" if alarm["treat_missing_data"] == "breaching" else ""


@rule
def earlier_revisions_stay(subject: Subject) -> Findings:
    """Terraform deregisters no revision of a task definition: a roll-back needs it."""
    for task in subject.state.of("ecs_task_definition"):
        if not task["skip_destroy"]:
            yield task.address, "its earlier revisions go"


@rule
def cluster_tells(subject: Subject) -> Findings:
    """A cluster has enhanced Container Insights, both of Fargate's providers, and takes on-demand ones by default."""
    providers = {
        (found["cluster_name"], found.region): found for found in subject.state.of("ecs_cluster_capacity_providers")
    }
    groups = {(found["name"], found.region) for found in subject.state.of("cloudwatch_log_group")}
    for cluster in subject.state.of("ecs_cluster"):
        settings = {item["name"]: item["value"] for item in cluster.blocks("setting")}
        if settings.get("containerInsights") != "enhanced":
            yield cluster.address, f"Container Insights: {settings.get('containerInsights')}"
        group = f"/aws/ecs/containerinsights/{cluster['name']}/performance"
        if (group, cluster.region) not in groups:
            yield cluster.address, f"ECS would make {group} by itself, and keep it for ever"
        offered = providers.get((cluster["name"], cluster.region))
        default = offered.block("default_capacity_provider_strategy") if offered else {}
        if not offered or set(offered["capacity_providers"] or []) != {"FARGATE", "FARGATE_SPOT"}:
            yield cluster.address, f"offers {offered['capacity_providers'] if offered else 'nothing'}"
        if default.get("capacity_provider") != "FARGATE":
            yield cluster.address, f"one-off tasks run on {default.get('capacity_provider')}"
