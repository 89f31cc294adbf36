"""Which resource types cost what. A type that is in none of these tables stops the program: it may cost money."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.cost import usage as used
from deploy.cost.plan import PRIMARY, Inventory, Item, PlanError
from deploy.cost.usage import Usage
from deploy.simulate.students import HOURS_A_MONTH as HOURS

# The lines of the design's estimate, and one for what it leaves out.
ECS, ALB, DOCDB, EDGE = "ECS Fargate", "ALB", "DocumentDB", "S3 + CloudFront"
NAT, WATCHING, DNS, REST = "NAT Gateway", "CloudWatch", "Route 53", "not in the design"


@dataclass(frozen=True)
class Charge:
    """Something that is paid for: so many units of a price. `free` units of it cost nothing, once for the account."""

    group: str
    what: str
    price: str
    quantity: float
    free: float = 0.0


Charges = Iterator[Charge]
Rule = Callable[[Item, Inventory, Usage], Charges]


def each(group: str, what: str, price: str, of_each: float = 1.0, free: float = 0.0) -> Rule:
    """So much for every resource of the type."""

    def charges(item: Item, _: Inventory, __: Usage) -> Charges:
        yield Charge(group, what, price, item.count * of_each, free)

    return charges


def tasks_of(name: str, item: Item, inventory: Inventory, usage: Usage) -> float:
    """How many tasks of a service run: the least or the most of its range; those wanted if it has none."""
    for found in inventory.of("aws_appautoscaling_target"):
        if found.region == item.region and found.arguments["name"] == name:
            is_full = usage.is_full and name != "worker" and item.region == inventory.serving_region
            return float(found.arguments["most" if is_full else "least"])
    return float(item.arguments["desired"])


def spot_share(tasks: float, spot: int, on_demand: int = 1, base: int = 2) -> float:
    """Of the tasks, how many run on Spot: beyond the on-demand base, as the two weights say."""
    return max(0.0, tasks - base) * spot / (spot + on_demand) if spot else 0.0


def service(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    tasks = tasks_of(item.arguments["name"], item, inventory, usage) * item.count
    kept = item.arguments
    spot = spot_share(tasks, kept["spot_weight"], kept["weight"], kept["base"])
    yield from task_hours(f"{item.arguments['name']}, on demand", (tasks - spot) * HOURS, inventory)
    if spot:
        yield from task_hours(f"{item.arguments['name']}, Spot", spot * HOURS, inventory, spot=True)


def task_hours(what: str, hours: float, inventory: Inventory, *, spot: bool = False) -> Charges:
    arm = "arm_" if inventory.variables["cpu_architecture"] == "ARM64" else ""
    suffix = " × fargate_spot_share" if spot else ""
    cpu, memory = inventory.number("task_cpu") / 1024, inventory.number("task_memory") / 1024
    yield Charge(ECS, f"{what}: processors", f"fargate_{arm}vcpu_hour{suffix}", hours * cpu)
    yield Charge(ECS, f"{what}: memory", f"fargate_{arm}gb_hour{suffix}", hours * memory)


def schedule(item: Item, inventory: Inventory, _: Usage) -> Charges:
    hours = item.count * item.arguments["runs"] * used.SCHEDULED_MINUTES / 60
    yield from task_hours("scheduled commands", hours, inventory)


def load_balancer(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    if (kind := item.arguments["kind"]) != "application":
        raise PlanError(f"deploy/cost knows the price of application load balancers, not of a {kind} one.")
    yield Charge(ALB, "load balancer", "alb_hour", item.count * HOURS)
    if item.region == inventory.serving_region:
        yield Charge(ALB, "capacity units", "alb_lcu_hour", usage.lcu_hours)
    yield Charge(REST, "public IPv4 addresses", "public_ipv4_hour", item.count * item.arguments["addresses"] * HOURS)


def nat(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    yield Charge(NAT, "gateways", "nat_hour", item.count * HOURS)
    if item.region == inventory.serving_region:
        has_endpoints = any(each.arguments["zones"] for each in inventory.of("aws_vpc_endpoint")
                            if each.region == item.region)  # fmt: skip
        # Without private ways, logs and images pass the gateway.
        more = 0.0 if has_endpoints else usage.logs_gb + used.IMAGES_PULLED_GB
        yield Charge(NAT, "data", "nat_gb", usage.need.nat_gb + used.OTHER_NAT_GB + more)


def endpoint(item: Item, _: Inventory, usage: Usage) -> Charges:
    if item.arguments["kind"] not in ("Interface", "Gateway"):
        raise PlanError(f"deploy/cost knows no price of an endpoint of the kind {item.arguments['kind']}.")
    zones = item.count * item.arguments["zones"]
    if zones:
        yield Charge(REST, "interface endpoints", "interface_endpoint_hour", zones * HOURS)
        yield Charge(REST, "interface endpoints' data", "interface_endpoint_gb", usage.logs_gb / 4)


def database(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    optimized = "_iopt1" if item.arguments["storage"] == "iopt1" else ""
    if not optimized and item.region == inventory.serving_region:
        yield Charge(DOCDB, "I/O", "docdb_io_million", usage.need.month_io / 1e6)
    yield Charge(DOCDB, "storage", f"docdb_storage{optimized}_gb", usage.database_gb)
    if item.arguments["managed_password"]:
        yield Charge(REST, "secrets", "secret", item.count)


def instance(item: Item, inventory: Inventory, __: Usage) -> Charges:
    """I/O-optimised storage costs no I/O, but its instances are dearer."""
    name = item.arguments["class"]
    storage = {each.arguments["storage"] for each in inventory.of("aws_docdb_cluster") if each.region == item.region}
    factor = " × docdb_iopt1_share" if "iopt1" in storage else ""
    yield Charge(DOCDB, f"{name}, {item.region}", f"docdb_{name}_hour{factor}", item.count * HOURS)


def bucket(item: Item, _: Inventory, __: Usage) -> Charges:
    """The plan has buckets, not gigabytes: the media are counted once for each region that has them."""
    yield Charge(EDGE, f"media in {item.region}", "s3_gb", used.MEDIA_GB)


def replication(_: Item, __: Inventory, ___: Usage) -> Charges:
    yield Charge(EDGE, "copies to the other region", "region_transfer_gb", used.NEW_MEDIA_GB)
    yield Charge(EDGE, "replication within 15 minutes", "s3_replication_gb", used.NEW_MEDIA_GB)


def distribution(_: Item, __: Inventory, usage: Usage) -> Charges:
    yield from edge_data(usage.need.edge_gb)
    yield Charge(EDGE, "requests", "cloudfront_requests_million", usage.need.month_requests / 1e6, 10.0)


# Where each price of CloudFront ends, in GB a month.
TIERS = (
    ("cloudfront_gb_10tb", 10 * 1024),
    ("cloudfront_gb_50tb", 50 * 1024),
    ("cloudfront_gb_150tb", 150 * 1024),
    ("cloudfront_gb_500tb", 500 * 1024),
    ("cloudfront_gb_1pb", 1024 * 1024),
    ("cloudfront_gb_5pb", 5 * 1024 * 1024),
    ("cloudfront_gb_more", float("inf")),
)
FREE_GB = 1024.0
SENT = "video and pages sent"


def edge_data(gigabytes: float) -> Charges:
    """By tiers; the first TB of each month is free."""
    begin, left = 0.0, max(0.0, gigabytes - FREE_GB)
    for price, end in TIERS:
        part = min(left, end - begin)
        if part > 0:
            yield Charge(EDGE, SENT, price, part)
        begin, left = end, left - part


def firewall(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    yield Charge(REST, "firewall: lists", "waf_acl", item.count)
    yield Charge(REST, "firewall: rules", "waf_rule", item.count * item.arguments["rules"])
    most = max(each.arguments["rules"] for each in inventory.of("aws_wafv2_web_acl"))
    if item.arguments["rules"] == most:  # the site's; the other one is for media
        yield Charge(REST, "firewall: requests", "waf_requests_million", usage.need.month_requests / 1e6)


def firewall_log(item: Item, _: Inventory, usage: Usage) -> Charges:
    share = 0.01 if item.arguments["filtered"] else 1.0
    yield Charge(WATCHING, "firewall's log", "logs_gb", share * usage.need.month_requests * 1.5e-6)


def health_check(item: Item, _: Inventory, __: Usage) -> Charges:
    yield Charge(DNS, "health checks", "route53_health_check", item.count)
    yield Charge(DNS, "health checks: HTTPS, fast, latency", "route53_health_check_feature",
                 item.count * item.arguments["features"])  # fmt: skip


def cluster(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    services = [found for found in inventory.of("aws_ecs_service") if found.region == item.region]
    tasks = sum(tasks_of(found.arguments["name"], found, inventory, usage) for found in services)
    if item.region == inventory.serving_region:  # a region that nobody asks says nothing of its routes
        metrics = usage.metrics(by_route=inventory.variables.get("metrics_by_route", False))
        yield Charge(WATCHING, "our own metrics", "metric", metrics, 10.0)
    if item.arguments["insights"] == "enhanced":
        metrics = (1 + len(services) + tasks) * used.INSIGHTS_METRICS
        yield Charge(WATCHING, "Container Insights", "insights_metric", metrics)
    if inventory.count("aws_guardduty_detector"):
        processors = tasks * inventory.number("task_cpu") / 1024
        yield Charge(REST, "GuardDuty in the tasks", "guardduty_runtime_vcpu", processors)


def log_group(_: Item, inventory: Inventory, usage: Usage) -> Charges:
    """All groups share one amount of logs, which is put down once, and kept as long as the group that keeps longest."""
    days = max(each.arguments["days"] or used.FOR_EVER_DAYS for each in inventory.of("aws_cloudwatch_log_group"))
    yield Charge(WATCHING, "logs taken in", "logs_gb", usage.logs_gb, 5.0)
    yield Charge(WATCHING, f"logs kept {days} days", "logs_stored_gb", usage.logs_stored_gb(days), 5.0)


def alarm(item: Item, _: Inventory, __: Usage) -> Charges:
    yield Charge(WATCHING, "alarms", "alarm", item.count * item.arguments["metrics"], 10.0)


def tracking(item: Item, _: Inventory, __: Usage) -> Charges:
    yield Charge(WATCHING, "alarms", "alarm", item.count * item.arguments["alarms"], 10.0)


def flow_log(_: Item, __: Inventory, usage: Usage) -> Charges:
    yield Charge(WATCHING, "flow logs", "logs_to_s3_gb", 1 + usage.need.site_gb * used.FLOW_LOG_SHARE)


def secret(item: Item, _: Inventory, __: Usage) -> Charges:
    yield Charge(REST, "secrets", "secret", item.count * item.arguments["copies"])


def vault(item: Item, inventory: Inventory, usage: Usage) -> Charges:
    """One snapshot a night, kept as the backup plan says; each beyond the first is a tenth of the database."""
    snapshots = max((each.arguments["days"] for each in inventory.of("aws_backup_plan")), default=0)
    kept = usage.database_gb * (1 + used.CHANGED_A_DAY * (snapshots - 1)) if snapshots else 0.0
    yield Charge(REST, f"snapshots in {item.region}", "backup_gb", item.count * kept)
    if item.region != PRIMARY:
        copied = item.count * usage.database_gb * used.CHANGED_A_DAY * 30
        yield Charge(REST, "snapshots copied", "region_transfer_gb", copied)


def registry(item: Item, _: Inventory, __: Usage) -> Charges:
    yield Charge(REST, "images", "ecr_gb", item.count * used.IMAGES_GB)


PAID: dict[str, Rule] = {
    "aws_appautoscaling_policy": tracking,
    "aws_backup_vault": vault,
    "aws_cloudfront_distribution": distribution,
    "aws_cloudwatch_composite_alarm": each(WATCHING, "composite alarms", "alarm_composite"),
    "aws_cloudwatch_dashboard": each(WATCHING, "dashboards", "dashboard", free=3.0),
    "aws_cloudwatch_log_group": log_group,
    "aws_cloudwatch_log_metric_filter": each(WATCHING, "metrics from logs", "metric"),
    "aws_cloudwatch_metric_alarm": alarm,
    "aws_config_configuration_recorder": each(REST, "Config", "config_item", used.CONFIG_ITEMS),
    "aws_docdb_cluster": database,
    "aws_docdb_cluster_instance": instance,
    "aws_ecr_repository": registry,
    "aws_ecs_cluster": cluster,
    "aws_ecs_service": service,
    "aws_eip": each(REST, "public IPv4 addresses", "public_ipv4_hour", HOURS),
    "aws_flow_log": flow_log,
    "aws_guardduty_detector": each(REST, "GuardDuty", "guardduty_month"),
    "aws_inspector2_enabler": each(REST, "images scanned", "inspector_image", used.IMAGES_SCANNED),
    "aws_kms_key": each(REST, "keys", "kms_key"),
    "aws_kms_replica_key": each(REST, "keys", "kms_key"),
    "aws_lb": load_balancer,
    "aws_nat_gateway": nat,
    "aws_route53_health_check": health_check,
    "aws_route53_zone": each(DNS, "zones", "route53_zone"),
    "aws_s3_bucket_accelerate_configuration": each(EDGE, "uploads by way of an edge", "s3_acceleration_gb",
                                                   used.NEW_MEDIA_GB / 2),
    "aws_s3_bucket_cors_configuration": bucket,
    "aws_s3_bucket_replication_configuration": replication,
    "aws_scheduler_schedule": schedule,
    "aws_secretsmanager_secret": secret,
    "aws_securityhub_account": each(REST, "Security Hub", "securityhub_check", used.SECURITY_CHECKS),
    "aws_vpc_endpoint": endpoint,
    "aws_wafv2_web_acl": firewall,
    "aws_wafv2_web_acl_logging_configuration": firewall_log,
}  # fmt: skip

# Nothing is paid for these, or what they make is counted elsewhere.
FREE = frozenset({
    "aws_accessanalyzer_analyzer",  # for access from outside; the one for unused access is paid
    "aws_acm_certificate", "aws_acm_certificate_validation",
    "aws_appautoscaling_scheduled_action", "aws_appautoscaling_target",
    "aws_backup_plan", "aws_backup_restore_testing_plan", "aws_backup_restore_testing_selection",
    "aws_backup_selection", "aws_backup_vault_lock_configuration",
    "aws_budgets_budget",  # without actions
    "aws_ce_anomaly_monitor", "aws_ce_anomaly_subscription",
    "aws_cloudfront_cache_policy", "aws_cloudfront_key_group", "aws_cloudfront_origin_access_control",
    "aws_cloudfront_public_key", "aws_cloudfront_response_headers_policy",
    "aws_cloudtrail",  # the first copy of management events
    "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target",  # events of AWS services
    "aws_cloudwatch_log_delivery", "aws_cloudwatch_log_delivery_destination", "aws_cloudwatch_log_delivery_source",
    "aws_cloudwatch_log_resource_policy",
    "aws_config_configuration_recorder_status", "aws_config_delivery_channel",
    "aws_default_security_group", "aws_docdb_cluster_parameter_group", "aws_docdb_event_subscription",
    "aws_docdb_global_cluster", "aws_docdb_subnet_group",
    "aws_ecr_lifecycle_policy", "aws_ecr_registry_scanning_configuration", "aws_ecr_replication_configuration",
    "aws_ecs_cluster_capacity_providers", "aws_ecs_task_definition",
    "aws_fis_experiment_template",  # paid by the minute of an experiment
    "aws_guardduty_detector_feature",  # counted with the detector and the tasks
    "aws_iam_openid_connect_provider", "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment",
    "aws_iam_service_linked_role", "aws_internet_gateway", "aws_kms_alias",
    "aws_lb_listener", "aws_lb_listener_rule", "aws_lb_target_group",
    "aws_route", "aws_route53_hosted_zone_dnssec", "aws_route53_key_signing_key", "aws_route53_query_log",
    "aws_route53_record", "aws_route_table", "aws_route_table_association",
    "aws_s3_bucket", "aws_s3_bucket_lifecycle_configuration", "aws_s3_bucket_logging",
    "aws_s3_bucket_ownership_controls", "aws_s3_bucket_policy", "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_versioning",
    "aws_scheduler_schedule_group", "aws_secretsmanager_secret_policy", "aws_secretsmanager_secret_version",
    "aws_security_group", "aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription", "aws_sqs_queue",
    "aws_subnet", "aws_vpc", "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule",
})  # fmt: skip

# Paid once for the account, however many resources of the type there are.
ONCE = frozenset({
    "aws_cloudfront_distribution", "aws_cloudwatch_log_group", "aws_flow_log", "aws_s3_bucket_accelerate_configuration",
    "aws_s3_bucket_replication_configuration",
})  # fmt: skip
