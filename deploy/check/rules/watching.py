"""What alarms, dashboards and filters of logs look for."""

import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.alarms import METRICS, alarms, metrics_of
from deploy.check.state import Resource

ABOVE, BELOW = "GreaterThan", "LessThan"
# Metric: on which side of the threshold the trouble is, and between which values the threshold means something.
SIDES: dict[str, tuple[str, float, float]] = {
    "5xxErrorRate": (ABOVE, 0, 10),
    "ApproximateNumberOfMessagesVisible": (ABOVE, 0, 0),
    "CPUCreditBalance": (BELOW, 1, 100),
    "DBClusterReplicaLagMaximum": (ABOVE, 1_000, 60_000),  # milliseconds
    "DaysToExpiry": (BELOW, 14, 45),
    "ErrorPortAllocation": (ABOVE, 0, 0),
    "FreeLocalStorage": (BELOW, 2**29, 2**33),
    "FreeableMemory": (BELOW, 2**26, 2**36),
    "GlobalClusterReplicationLag": (ABOVE, 1_000, 300_000),  # milliseconds
    "HealthCheckStatus": (BELOW, 1, 1),
    "NumberOfBackupJobsCompleted": (BELOW, 1, 1),
    "ReplicationLatency": (ABOVE, 60, 3_600),  # seconds
    "RunningTaskCount": (BELOW, 1, 100),
    "TargetResponseTime": (ABOVE, 0.5, 5),  # seconds
    "UnHealthyHostCount": (ABOVE, 0, 0),
    "WebhookAge": (ABOVE, 60, 3_600),  # seconds
    "WebhookSilence": (ABOVE, 0, 0),
    "ReconcilerFailures": (ABOVE, 0, 0),
}
# Nothing there is the trouble itself: a worker that hangs says nothing, a plan that is switched off makes no backup.
SILENCE = {("QueueAge", "SampleCount"), ("NumberOfBackupJobsCompleted", "Sum")}
CPU_OF_TASKS, CPU_OF_DATABASE = ("AWS/ECS", "CPUUtilization"), ("AWS/DocDB", "CPUUtilization")
# Beside what alarms.watched names.
WATCHED_TOO = {
    ("AWS/Backup", "NumberOfBackupJobsCompleted"),
    ("AWS/CertificateManager", "DaysToExpiry"),
    ("AWS/CloudFront", "5xxErrorRate"),
    ("AWS/DocDB", "DatabaseConnectionsMax"),
    ("AWS/DocDB", "FreeableMemory"),
    ("AWS/Route53", "HealthCheckStatus"),
    ("AWS/S3", "ReplicationLatency"),
    ("CourseBundler", "ReconcilerHeals"),
    ("CourseBundler", "WebhookSilence"),
}
MATH = {"errors": 10, "database-connections": 90}  # percent, at most


def _tells(subject: Subject) -> Iterator[Resource]:
    topics = set(subject.state.known("sns_topic", "arn"))
    return (alarm for alarm in alarms(subject.state) if topics & set(alarm["alarm_actions"] or []))


@rule
def thresholds_mean_trouble(subject: Subject) -> Findings:
    """An alarm that tells people is on the side of the threshold where the trouble is, in the metric's own unit."""
    for alarm in _tells(subject):
        side, least, most = SIDES.get(alarm["metric_name"] or "", ("", 0, 0))
        if (alarm["namespace"], alarm["metric_name"]) in (CPU_OF_TASKS, CPU_OF_DATABASE):
            side, least, most = ABOVE, 50, 95
        operator, threshold = str(alarm["comparison_operator"]), alarm["threshold"]
        if alarm["statistic"] == "SampleCount" or not side:
            continue
        if not operator.startswith(side) or not least <= threshold <= most:
            yield alarm.address, f"{operator} {threshold} {alarm['metric_name']}"


@rule
def ratios_mean_trouble(subject: Subject) -> Findings:
    """The share of errors and of taken connections rings while something can still be done."""
    for alarm in _tells(subject):
        for name, most in MATH.items():
            is_right = str(alarm["comparison_operator"]).startswith(ABOVE) and 0 < (alarm["threshold"] or 0) <= most
            if alarm.blocks("metric_query") and alarm["alarm_name"].endswith(f"-{name}") and not is_right:
                yield alarm.address, f"{alarm['comparison_operator']} {alarm['threshold']} %"


@rule
def silence_is_heard(subject: Subject) -> Findings:
    """Where the missing figure is the trouble, missing data ring; elsewhere they do not."""
    for alarm in _tells(subject):
        is_silence = (alarm["metric_name"], alarm["statistic"]) in SILENCE
        if alarm["metric_name"] and is_silence != (alarm["treat_missing_data"] == "breaching"):
            yield alarm.address, f"missing data are {alarm['treat_missing_data']}"


@rule
def edges_are_watched(subject: Subject) -> Findings:
    """Somebody is told of errors at CloudFront, late copies, missing backups, certificates, connections and silence."""
    seen = {(one["namespace"], one["metric_name"]) for alarm in _tells(subject) for one in metrics_of(alarm)}
    for namespace, name in sorted(WATCHED_TOO - seen):
        yield "alarms", f"nobody is told of {namespace} {name}"


# The service whose code writes the figure (payments/).
WRITTEN_BY = {
    "QueueAge": "worker",
    "ReconcilerFailures": "worker",
    "ReconcilerHeals": "worker",
    "WebhookAge": "backend",
    "WebhookSilence": "worker",
}


@rule
def figures_are_where_they_are_written(subject: Subject) -> Findings:
    """The site's figures are of the service that writes them, CloudFront's are Global, S3's where the copies are."""
    buckets = subject.state.known("s3_bucket", "bucket")
    for alarm in _tells(subject):
        dimensions = alarm["dimensions"] or {}
        writer = WRITTEN_BY.get(alarm["metric_name"] or "")
        if writer and dimensions.get("Service") != writer:
            yield alarm.address, f"{alarm['metric_name']} is written by the {writer}, not {dimensions}"
        if alarm["namespace"] == "AWS/CloudFront" and dimensions.get("Region") != "Global":
            yield alarm.address, f"{dimensions}"
        target = buckets.get(str(dimensions.get("DestinationBucket")))
        if alarm["metric_name"] == "ReplicationLatency" and (not target or target.region != alarm.region):
            yield alarm.address, f"is in {alarm.region}, the copies of {dimensions} are not"


@rule
def site_down_rings_for_errors(subject: Subject) -> Findings:
    """The alarm to wake up for rings for errors alone, and for a service whose tasks fail and are missing."""
    for alarm in subject.state.of("cloudwatch_composite_alarm"):
        parts = re.findall(r'ALARM\("([^"]+)"\)', alarm["alarm_rule"])
        for wanted in (
            {"errors"},
            {"unhealthy-frontend", "running-frontend"},
            {"unhealthy-backend", "running-backend"},
        ):
            on = {part for part in parts if any(part.endswith(f"-{name}") for name in wanted)}
            if not _rings(alarm["alarm_rule"], on):
                yield alarm.address, f"sleeps through {sorted(wanted)}"


def _rings(text: str, on: set[str]) -> bool:
    """Whether the rule holds while these alarms are in ALARM: ORs of parts, each of which may be ANDs."""
    parts = re.split(r"\bOR\b(?![^()]*\) AND)", text)
    return any(set(re.findall(r'ALARM\("([^"]+)"\)', part)) <= on for part in parts)


def _graphed(body: str) -> Iterator[tuple[str, str]]:
    """(namespace, metric) of every line of a dashboard's graphs; "." repeats the line above, "..." all of it."""
    for widget in json.loads(body)["widgets"]:
        above: list[Any] = ["", ""]
        for line in widget["properties"].get("metrics", []):
            if line[0] == "...":
                continue
            above = [above[index] if line[index] == "." else line[index] for index in (0, 1)]
            yield above[0], above[1]


# Beside those that alarms use, from the same documentation.
GRAPHED_ONLY = {"HTTPCode_Target_4XX_Count", "VolumeReadIOPs", "VolumeWriteIOPs"}


@rule
def dashboards_show_something(subject: Subject) -> Findings:
    """Each line of a dashboard is a metric that somebody writes."""
    for board in subject.state.of("cloudwatch_dashboard"):
        for namespace, name in _graphed(board["dashboard_body"]):
            known = set(subject.site["metrics"]) if namespace == "CourseBundler" else METRICS.get(namespace, set())
            if name not in known | GRAPHED_ONLY:
                yield board.address, f"nobody writes {namespace} {name}"


# What people look at first: load, times, errors, tasks, the database, money.
SHOWN = {
    ("AWS/ApplicationELB", "RequestCount"),
    ("AWS/ApplicationELB", "TargetResponseTime"),
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"),
    ("AWS/ECS", "CPUUtilization"),
    ("AWS/DocDB", "CPUUtilization"),
    ("AWS/DocDB", "DatabaseConnections"),
    ("CourseBundler", "OrdersPaid"),
}


@rule
def a_dashboard_shows_what_counts(subject: Subject) -> Findings:
    """The primary region has a dashboard with load, times, errors, tasks, the database and what is sold."""
    boards = [board for board in subject.state.of("cloudwatch_dashboard") if board.address.startswith("module.primary")]
    shown = {line for board in boards for line in _graphed(board["dashboard_body"])}
    for namespace, name in sorted(SHOWN - shown):
        yield "module.primary", f"no dashboard shows {namespace} {name}"


@rule
def topics_are_encrypted(subject: Subject) -> Findings:
    """Topics are encrypted with our key, and DocumentDB and budgets may use it to tell of their troubles."""
    keys = subject.state.known("kms_key", "arn", "id")
    for topic in subject.state.of("sns_topic"):
        key = keys.get(str(topic["kms_master_key_id"]))
        if not key:
            yield topic.address, "is not encrypted with our key"
        for service in ("events.rds.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"):
            if key and service not in key["policy"]:
                yield topic.address, f"{service} may not use its key"
