"""Alarms: that they look at something, tell somebody, and that whoever is told finds out what to do."""

import re
from typing import Any

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Resource, State

RUNBOOK = re.compile(r"deploy/README\.md#([a-z0-9-]+)")
# They are looked at by a deployment, which they take back; ECS tells of that itself.
WITHOUT_ACTION = re.compile(r"-rollback$")

# The metrics that we use, by namespace, from each service's documentation (read November 2026). An alarm on a
# misspelt one is never more than silent.
METRICS = {
    "AWS/ApplicationELB": {
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_5XX_Count",
        "RejectedConnectionCount",
        "RequestCount",
        "TargetConnectionErrorCount",
        "TargetResponseTime",
        "UnHealthyHostCount",
    },
    "AWS/Backup": {"NumberOfBackupJobsCompleted", "NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed"},
    "AWS/CertificateManager": {"DaysToExpiry"},
    "AWS/CloudFront": {"5xxErrorRate", "OriginLatency", "Requests", "TotalErrorRate"},
    "AWS/DocDB": {
        "CPUCreditBalance",
        "CPUUtilization",
        "DatabaseConnections",
        "DatabaseConnectionsLimit",
        "DatabaseConnectionsMax",
        "DBClusterReplicaLagMaximum",
        "FreeLocalStorage",
        "FreeableMemory",
        "GlobalClusterReplicationLag",
        "LowMemThrottleQueueDepth",
        "VolumeBytesUsed",
    },
    "AWS/ECS": {"CPUUtilization", "MemoryUtilization"},
    "AWS/Events": {"FailedInvocations"},
    "AWS/NATGateway": {"ErrorPortAllocation", "PacketsDropCount"},
    "AWS/Route53": {"HealthCheckStatus", "DNSSECInternalFailure", "DNSSECKeySigningKeysNeedingAction"},
    "AWS/S3": {"BytesPendingReplication", "OperationsFailedReplication", "ReplicationLatency"},
    "AWS/SNS": {"NumberOfNotificationsFailed"},
    "AWS/SQS": {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"},
    "AWS/Scheduler": {"InvocationDroppedCount", "TargetErrorCount"},
    "AWS/WAFV2": {"BlockedRequests", "CountedRequests"},
    "ECS/ContainerInsights": {"PendingTaskCount", "RunningTaskCount"},
}
# Dimension, and the type and the argument whose value it has.
DIMENSIONS = {
    "CertificateArn": ("acm_certificate", "arn"),
    "BackupVaultName": ("backup_vault", "name"),
    "ClusterName": ("ecs_cluster", "name"),
    "DBClusterIdentifier": ("docdb_cluster", "cluster_identifier"),
    "DBInstanceIdentifier": ("docdb_cluster_instance", "identifier"),
    "DestinationBucket": ("s3_bucket", "bucket"),
    "DistributionId": ("cloudfront_distribution", "id"),
    "HealthCheckId": ("route53_health_check", "id"),
    "HostedZone": ("route53_zone", "zone_id"),
    "LoadBalancer": ("lb", "arn_suffix"),
    "NatGatewayId": ("nat_gateway", "id"),
    "QueueName": ("sqs_queue", "name"),
    "RuleName": ("cloudwatch_event_rule", "name"),
    "ScheduleGroup": ("scheduler_schedule_group", "name"),
    "ServiceName": ("ecs_service", "name"),
    "SourceBucket": ("s3_bucket", "bucket"),
    "TargetGroup": ("lb_target_group", "arn_suffix"),
    "TopicName": ("sns_topic", "name"),
    "WebACL": ("wafv2_web_acl", "name"),
}
UNCHECKED = {"Region", "Rule", "RuleId", "Operation", "FilterId", "ResourceType"}
# Figures of services that belong to no region are in us-east-1 only.
GLOBAL_NAMESPACES = {"AWS/CloudFront", "AWS/Route53"}
# A rule of replication is about buckets of two regions, and writes its figures in one of them.
TWO_REGIONS = {"AWS/S3"}
# Metric namespaces that only a person or a filter of ours writes into.
OURS = re.compile(r"^(CourseBundler$|coursebundler-\w+/)")


def alarms(state: State) -> list[Resource]:
    return state.of("cloudwatch_metric_alarm", "cloudwatch_composite_alarm")


def metrics_of(alarm: Resource) -> list[dict[str, Any]]:
    """(namespace, metric_name, dimensions) of everything that an alarm looks at."""
    if alarm["metric_name"]:
        return [{name: alarm[name] for name in ("namespace", "metric_name", "dimensions")}]
    return [metric for query in alarm.blocks("metric_query") for metric in query["metric"] or []]


@rule
def alarm_acts(subject: Subject) -> Findings:
    """Every alarm does something: it tells a topic or starts a scaling policy that exists in its region."""
    known = subject.state.known("sns_topic", "arn") | subject.state.known("appautoscaling_policy", "arn")
    for alarm in alarms(subject.state):
        actions = alarm["alarm_actions"] or []
        if not actions and not WITHOUT_ACTION.search(alarm["alarm_name"]):
            yield alarm.address, "does nothing"
        if alarm["actions_enabled"] is False:
            yield alarm.address, "its actions are switched off"
        for action in actions + (alarm["ok_actions"] or []):
            if action not in known or known[action].region != alarm.region:
                yield alarm.address, f"{action} does not exist in {alarm.region}"


@rule
def scaling_wakes_nobody(subject: Subject) -> Findings:
    """An alarm that moves tasks tells nobody: the low one rests in ALARM whenever there is little to do."""
    policies_of_scaling = subject.state.known("appautoscaling_policy", "arn")
    for alarm in alarms(subject.state):
        actions = set(alarm["alarm_actions"] or [])
        if actions & set(policies_of_scaling) and not actions <= set(policies_of_scaling):
            yield alarm.address, "moves tasks and tells people"


@rule
def metric_exists(subject: Subject) -> Findings:
    """An alarm's metric is one that AWS, the site (coursebundler/metrics.py) or a log filter writes."""
    filtered = {
        (item["namespace"], item["name"])
        for found in subject.state.of("cloudwatch_log_metric_filter")
        for item in found.blocks("metric_transformation")
    }
    for alarm in alarms(subject.state):
        for metric in metrics_of(alarm):
            namespace, name = metric["namespace"], metric["metric_name"]
            known = subject.site["metrics"] if namespace == "CourseBundler" else METRICS.get(namespace, set())
            by_hand = namespace.endswith("/Failover")
            if name not in known and (namespace, name) not in filtered and not by_hand:
                yield alarm.address, f"nobody writes {namespace} {name}"


@rule
def dimension_exists(subject: Subject) -> Findings:
    """An alarm looks at something that exists, in the region where its figures are."""
    for alarm in alarms(subject.state):
        for metric in metrics_of(alarm):
            for name, value in (metric["dimensions"] or {}).items():
                problem = _dimension_problem(subject, alarm, metric["namespace"], name, value)
                if problem:
                    yield alarm.address, problem
            if metric["namespace"] in GLOBAL_NAMESPACES and alarm.region != "us-east-1":
                yield alarm.address, f"{metric['namespace']} is in us-east-1 only"


def _dimension_problem(subject: Subject, alarm: Resource, namespace: str, name: str, value: str) -> str:
    if namespace == "CourseBundler":
        return "" if name == "Service" and value in subject.site["roles"] else f"the site writes no {name}={value}"
    if name not in DIMENSIONS:
        return "" if name in UNCHECKED else f"unknown dimension {name}"
    type_name, argument = DIMENSIONS[name]
    found = [one for one in subject.state.of(type_name) if one[argument] == value]
    here = [one for one in found if one.region in ("", alarm.region) or namespace in GLOBAL_NAMESPACES | TWO_REGIONS]
    return "" if here else f"{name} {value} does not exist in {alarm.region}"


@rule
def alarm_is_explained(subject: Subject) -> Findings:
    """Whoever is told by an alarm is led to its paragraph in deploy/README.md, and it is there."""
    topics = subject.state.known("sns_topic", "arn")
    for alarm in alarms(subject.state):
        if not set(alarm["alarm_actions"] or []) & set(topics):
            continue
        anchors = RUNBOOK.findall(alarm["alarm_description"] or "")
        if not anchors:
            yield alarm.address, "its description leads to no paragraph (deploy/README.md#alarm-…)"
        for anchor in set(anchors) - set(subject.site["runbook"]):
            yield alarm.address, f"deploy/README.md has no paragraph #{anchor}"


@rule
def composite_names_alarms(subject: Subject) -> Findings:
    """What a composite alarm puts together exists."""
    known = subject.state.known("cloudwatch_metric_alarm", "alarm_name")
    for alarm in subject.state.of("cloudwatch_composite_alarm"):
        for name in re.findall(r"ALARM\(\"?([^\")]+)\"?\)", alarm["alarm_rule"]):
            if name not in known:
                yield alarm.address, f"there is no {name}"


@rule
def topics_reach_people(subject: Subject) -> Findings:
    """Every topic has a subscriber, and lets CloudWatch and EventBridge publish."""
    subscribed = {found["topic_arn"] for found in subject.state.of("sns_topic_subscription")}
    texts = {found["arn"]: found["policy"] for found in subject.state.of("sns_topic_policy")}
    for topic in subject.state.of("sns_topic"):
        if topic["arn"] not in subscribed:
            yield topic.address, "nobody is subscribed"
        allowed = {
            name
            for statement in policies.statements(texts.get(topic["arn"]))
            if statement.is_allow and statement.covers("sns:Publish", topic["arn"])
            for _, name in statement.principals
        }
        for service in {"cloudwatch.amazonaws.com", "events.amazonaws.com"} - allowed:
            yield topic.address, f"{service} may not publish"


@rule
def key_lets_alarms_through(subject: Subject) -> Findings:
    """A topic's key may be used by CloudWatch and EventBridge: without it a message is dropped without a word."""
    keys = subject.state.known("kms_key", "arn", "id")
    for topic in subject.state.of("sns_topic"):
        key = keys.get(str(topic["kms_master_key_id"]))
        allowed = {
            name
            for statement in policies.statements(key["policy"] if key else None)
            if statement.is_allow and statement.covers("kms:GenerateDataKey", "*")
            for _, name in statement.principals
        }
        for service in {"cloudwatch.amazonaws.com", "events.amazonaws.com"} - allowed if key else set():
            yield topic.address, f"{service} may not use its key"


@rule
def watched(subject: Subject) -> Findings:
    """What matters is watched: errors, slowness, sick and missing tasks, the database, the worker, the money."""
    wanted = {
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"),
        ("AWS/ApplicationELB", "TargetResponseTime"),
        ("AWS/ApplicationELB", "UnHealthyHostCount"),
        ("ECS/ContainerInsights", "RunningTaskCount"),
        ("AWS/DocDB", "CPUUtilization"),
        ("AWS/DocDB", "DBClusterReplicaLagMaximum"),
        ("AWS/DocDB", "FreeLocalStorage"),
        ("CourseBundler", "QueueAge"),
        ("CourseBundler", "WebhookAge"),
        ("CourseBundler", "ReconcilerFailures"),
    }
    topics = set(subject.state.known("sns_topic", "arn"))
    told = [alarm for alarm in alarms(subject.state) if topics & set(alarm["alarm_actions"] or [])]
    seen = {(metric["namespace"], metric["metric_name"]) for alarm in told for metric in metrics_of(alarm)}
    for namespace, name in sorted(wanted - seen):
        yield "alarms", f"nobody is told of {namespace} {name}"
