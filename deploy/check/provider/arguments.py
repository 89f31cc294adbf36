"""What the real provider refuses beyond its schema: arguments that exclude each other, and names that are too long.

From the documentation of hashicorp/aws 6.69 and the AWS API references (read November 2026). Only types that we use.
"""

from typing import Any

from deploy.check.provider.wire import is_unknown

Config = dict[str, Any]

TARGETS = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
ROUTE_TARGETS = (
    "carrier_gateway_id core_network_arn egress_only_gateway_id gateway_id local_gateway_id nat_gateway_id "
    "network_interface_id transit_gateway_id vpc_endpoint_id vpc_peering_connection_id"
)
EXACTLY_ONE = [
    ("aws_vpc_security_group_ingress_rule", TARGETS),
    ("aws_vpc_security_group_egress_rule", TARGETS),
    ("aws_route", tuple(ROUTE_TARGETS.split())),
    ("aws_route", ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")),
    ("aws_route53_record", ("alias", "records")),
    ("aws_cloudwatch_metric_alarm", ("metric_name", "metric_query")),
]
PREFIXABLE = [
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_log_group",
    "aws_iam_policy",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_lb",
    "aws_lb_target_group",
    "aws_secretsmanager_secret",
    "aws_security_group",
    "aws_sns_topic",
]
AT_MOST_ONE = [
    ("aws_cloudwatch_metric_alarm", ("statistic", "extended_statistic", "metric_query")),
    ("aws_cloudwatch_metric_alarm", ("threshold", "threshold_metric_id")),
    ("aws_docdb_cluster", ("manage_master_user_password", "master_password")),
    ("aws_docdb_cluster", ("manage_master_user_password", "master_password_wo")),
    ("aws_docdb_cluster", ("cluster_identifier", "cluster_identifier_prefix")),
    ("aws_ecs_service", ("launch_type", "capacity_provider_strategy")),
    ("aws_route53_record", ("alias", "ttl")),
    ("aws_secretsmanager_secret_version", ("secret_string", "secret_binary", "secret_string_wo")),
    *((type_name, ("name", "name_prefix")) for type_name in PREFIXABLE),
]
# Type, argument, greatest number of characters.
LENGTHS = [
    ("aws_docdb_cluster", "cluster_identifier", 63),
    ("aws_docdb_cluster_instance", "identifier", 63),
    ("aws_iam_policy", "name", 128),
    ("aws_iam_role", "name", 64),
    ("aws_lb", "name", 32),
    ("aws_lb_target_group", "name", 32),
    ("aws_s3_bucket", "bucket", 63),
    ("aws_scheduler_schedule", "name", 64),
    ("aws_scheduler_schedule_group", "name", 64),
]


def _given(config: Config, names: tuple[str, ...]) -> list[str]:
    """Those that have a value; what is not known yet may turn out to be null."""
    return [name for name in names if config.get(name) not in (None, [], False) and not is_unknown(config[name])]


def _conflicts(type_name: str, config: Config) -> list[str]:
    problems = []
    for of_type, names in EXACTLY_ONE:
        too_few = not _given(config, names) and not any(is_unknown(config.get(name)) for name in names)
        if of_type == type_name and (too_few or len(_given(config, names)) > 1):
            problems.append(f"exactly one of {', '.join(names)} must be given, not {_given(config, names) or 'none'}")
    for of_type, names in AT_MOST_ONE:
        if of_type == type_name and len(_given(config, names)) > 1:
            problems.append(f"{' and '.join(_given(config, names))} exclude each other")
    return problems


def _too_long(type_name: str, config: Config) -> list[str]:
    found = []
    for of_type, name, limit in LENGTHS:
        value = config.get(name)
        if of_type == type_name and isinstance(value, str) and len(value) > limit:
            found.append(f'{name} "{value}" has {len(value)} characters; AWS allows {limit}')
    return found


def problems(type_name: str, config: Config) -> list[str]:
    """A sentence for each thing that the provider would refuse in this resource's configuration."""
    return _conflicts(type_name, config) + _too_long(type_name, config)
