"""Each value of the state against the schema that AWS publishes for CloudFormation, which cfn-lint ships.

Terraform's schema knows that a memory size is a number; AWS's knows which numbers, names and patterns there are. An
argument is compared where its name is the same but for underscores and capitals; the rest says nothing.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from deploy.check.rules import Problem
from deploy.check.state import Resource, State

# Type of ours, and AWS's type; behind # the property of it that our arguments are in.
TYPES = {
    "acm_certificate": "CertificateManager::Certificate",
    "appautoscaling_policy": "ApplicationAutoScaling::ScalingPolicy",
    "appautoscaling_target": "ApplicationAutoScaling::ScalableTarget",
    "backup_plan": "Backup::BackupPlan#BackupPlan",
    "backup_selection": "Backup::BackupSelection#BackupSelection",
    "backup_vault": "Backup::BackupVault",
    "budgets_budget": "Budgets::Budget#Budget",
    "ce_anomaly_monitor": "CE::AnomalyMonitor",
    "ce_anomaly_subscription": "CE::AnomalySubscription",
    "cloudfront_cache_policy": "CloudFront::CachePolicy#CachePolicyConfig",
    "cloudfront_distribution": "CloudFront::Distribution#DistributionConfig",
    "cloudfront_key_group": "CloudFront::KeyGroup#KeyGroupConfig",
    "cloudfront_origin_access_control": "CloudFront::OriginAccessControl#OriginAccessControlConfig",
    "cloudfront_response_headers_policy": "CloudFront::ResponseHeadersPolicy#ResponseHeadersPolicyConfig",
    "cloudtrail": "CloudTrail::Trail",
    "cloudwatch_composite_alarm": "CloudWatch::CompositeAlarm",
    "cloudwatch_event_rule": "Events::Rule",
    "cloudwatch_log_delivery_destination": "Logs::DeliveryDestination",
    "cloudwatch_log_delivery_source": "Logs::DeliverySource",
    "cloudwatch_log_group": "Logs::LogGroup",
    "cloudwatch_log_metric_filter": "Logs::MetricFilter",
    "cloudwatch_metric_alarm": "CloudWatch::Alarm",
    "docdb_cluster": "DocDB::DBCluster",
    "docdb_cluster_instance": "DocDB::DBInstance",
    "docdb_event_subscription": "DocDB::EventSubscription",
    "ecr_repository": "ECR::Repository",
    "ecs_cluster": "ECS::Cluster",
    "ecs_cluster_capacity_providers": "ECS::ClusterCapacityProviderAssociations",
    "ecs_service": "ECS::Service",
    "ecs_task_definition": "ECS::TaskDefinition",
    "eip": "EC2::EIP",
    "fis_experiment_template": "FIS::ExperimentTemplate",
    "flow_log": "EC2::FlowLog",
    "guardduty_detector": "GuardDuty::Detector",
    "iam_role": "IAM::Role",
    "iam_role_policy": "IAM::RolePolicy",
    "kms_alias": "KMS::Alias",
    "kms_key": "KMS::Key",
    "lb": "ElasticLoadBalancingV2::LoadBalancer",
    "lb_listener": "ElasticLoadBalancingV2::Listener",
    "lb_listener_rule": "ElasticLoadBalancingV2::ListenerRule",
    "lb_target_group": "ElasticLoadBalancingV2::TargetGroup",
    "nat_gateway": "EC2::NatGateway",
    "route": "EC2::Route",
    "route53_health_check": "Route53::HealthCheck#HealthCheckConfig",
    "route53_record": "Route53::RecordSet",
    "route53_zone": "Route53::HostedZone",
    "s3_bucket": "S3::Bucket",
    "s3_bucket_cors_configuration": "S3::Bucket#CorsConfiguration",
    "s3_bucket_lifecycle_configuration": "S3::Bucket#LifecycleConfiguration",
    "s3_bucket_replication_configuration": "S3::Bucket#ReplicationConfiguration",
    "s3_bucket_versioning": "S3::Bucket",
    "scheduler_schedule": "Scheduler::Schedule",
    "secretsmanager_secret": "SecretsManager::Secret",
    "security_group": "EC2::SecurityGroup",
    "sns_topic": "SNS::Topic",
    "sns_topic_subscription": "SNS::Subscription",
    "sqs_queue": "SQS::Queue",
    "subnet": "EC2::Subnet",
    "vpc": "EC2::VPC",
    "vpc_endpoint": "EC2::VPCEndpoint",
    "vpc_security_group_egress_rule": "EC2::SecurityGroupEgress",
    "vpc_security_group_ingress_rule": "EC2::SecurityGroupIngress",
    "wafv2_web_acl": "WAFv2::WebACL",
}
# Terraform writes these otherwise than AWS's API does, and translates.
OTHERWISE = {
    ("budgets_budget", "budgetlimit"),
    ("ecs_task_definition", "volume"),
    ("lb", "subnets"),
}
MESSAGE = "AWS's own schema of the type does not allow it."

Schema = dict[str, Any]


def plain(name: str) -> str:
    """A name without what differs between Terraform and CloudFormation."""
    return name.replace("_", "").lower()


class Checker:
    """Compares one resource's values.

    Args:
        root: the whole schema, in which `$ref` is looked up.
    """

    def __init__(self, root: Schema, type_name: str) -> None:
        self.root, self.type_name, self.compared = root, type_name, 0

    def follow(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self.root
            for part in schema["$ref"].split("#/")[1].split("/"):
                found = found[part]
            schema = found
        return schema

    def _properties(self, schema: Schema) -> dict[str, Schema]:
        found = dict(schema.get("properties", {}))
        for kind in ("anyOf", "oneOf", "allOf"):
            for alternative in schema.get(kind, []):
                for name, value in self.follow(alternative).get("properties", {}).items():
                    found.setdefault(name, value)
        return {plain(name): value for name, value in found.items() if isinstance(value, dict) and value}

    def _named(self, properties: dict[str, Schema], name: str) -> Schema | None:
        short = plain(name)
        if (self.type_name, short) in OTHERWISE:
            return None
        singular = short.removesuffix("s") if short.endswith("s") else short
        return properties.get(short) or properties.get(f"{short}s") or properties.get(singular)

    def problems(self, value: Any, schema: Schema, path: str = "") -> Iterator[str]:
        schema = self.follow(schema)
        if isinstance(value, dict):
            properties = self._properties(schema)
            for name, inner in value.items():
                of_name = self._named(properties, name)
                if of_name:
                    yield from self.problems(inner, of_name, f"{path}.{name}".lstrip("."))
        elif isinstance(value, list):
            yield from self._of_list(value, schema, path)
        elif value not in (None, "") and not isinstance(value, bool):
            yield from self._of_value(value, schema, path)

    def _of_list(self, values: list[Any], schema: Schema, path: str) -> Iterator[str]:
        if "items" in schema:
            for number, value in enumerate(values):
                yield from self.problems(value, schema["items"], f"{path}[{number}]")
        elif len(values) == 1:  # A block that there is one of.
            yield from self.problems(values[0], schema, path)

    def _of_value(self, value: Any, schema: Schema, path: str) -> Iterator[str]:
        self.compared += any(name in schema for name in ("enum", "pattern", "minimum", "maximum", "maxLength"))
        if "enum" in schema and str(value) not in map(str, schema["enum"]):
            yield f"{path} is {value!r}, not one of {schema['enum'][:12]}"
        if isinstance(value, str):
            yield from _text_problems(value, schema, path)
        if isinstance(value, int | float):
            yield from _number_problems(value, schema, path)


def _text_problems(value: str, schema: Schema, path: str) -> Iterator[str]:
    pattern = schema.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"{path} is {value!r}, which does not match {pattern}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path} has {len(value)} characters, at most {schema['maxLength']} are allowed"


def _matches(pattern: str, value: str) -> bool:
    try:
        return bool(re.search(pattern, value))
    except re.error:  # A pattern of another dialect, such as one with \p{L}.
        return True


def _number_problems(value: float, schema: Schema, path: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{path} is {value}, at least {schema['minimum']} is allowed"
    if value > schema.get("maximum", value):
        yield f"{path} is {value}, at most {schema['maximum']} is allowed"


def _schema_of(resource: Resource) -> tuple[Schema, Schema] | None:
    """The whole schema, and the part that the resource's arguments are in."""
    name, _, part = TYPES.get(resource.type.removeprefix("aws_"), "").partition("#")
    if not name:
        return None
    root = PROVIDER_SCHEMA_MANAGER.get_resource_schema(resource.region or "us-east-1", f"AWS::{name}").schema
    return root, (root["properties"][part] if part else root)


def _values_of(resource: Resource) -> dict[str, Any]:
    values = {name: value for name, value in resource.values.items() if name not in ("id", "tags", "tags_all")}
    if resource.type == "aws_ecs_task_definition":
        values["container_definitions"] = json.loads(resource["container_definitions"])
    return values


def check(state: State) -> tuple[list[Problem], int]:
    """What AWS's schemas say, and how many values were compared with a constraint."""
    problems, compared = [], 0
    for resource in state.resources:
        found = _schema_of(resource)
        if found:
            root, part = found
            checker = Checker(root, resource.type.removeprefix("aws_"))
            for text in checker.problems(_values_of(resource), part):
                problems.append(Problem("values", MESSAGE, resource.address, text))
            compared += checker.compared
    return problems, compared
