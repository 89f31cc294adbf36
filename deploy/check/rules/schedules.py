"""The scheduled commands: often enough, with the right role, in the right place, and heard of when they fail."""

import json
import re
from collections.abc import Iterator

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource

MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
DAY, WEEK, MONTH = 24 * 60, 7 * 24 * 60, 31 * 24 * 60
# At most so many minutes apart, and whose role the command has.
COMMANDS = {
    "reconcile_payments": (15, "scheduled"),
    "compare_books": (DAY, "scheduled"),
    "back_up": (DAY, "backup"),
    "delete_abandoned_uploads": (DAY, "uploads"),
    "clearsessions": (DAY, "scheduled"),
    "rotate_database_password": (MONTH, "rotation"),
    "restore_drill": (WEEK, "drill"),
}
# What is behind the command; a drill into the database itself would overwrite it.
ARGUMENTS = {"restore_drill": ["--into", "sqlite"]}
# The day that is compared ends in India at 18:30 UTC.
END_OF_INDIAS_DAY = 18 * 60 + 30
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
NAMED_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def _ecs(schedule: Resource) -> dict:
    return (schedule.block("target").get("ecs_parameters") or [{}])[0]


def _command(schedule: Resource) -> list[str]:
    overrides = json.loads(schedule.block("target").get("input") or "{}").get("containerOverrides") or [{}]
    return (overrides[0].get("command") or [])[2:]


def _fields(schedule: Resource) -> list[str]:
    text = schedule["schedule_expression"]
    return text[5:-1].split() if text.startswith("cron(") else []


def minutes_apart(schedule: Resource) -> float:
    """How far apart two runs are at most, as far as a fixed minute and hour say; infinite for rarer ones."""
    rate = re.match(r"^rate\((\d+) (minute|hour|day)s?\)$", schedule["schedule_expression"])
    if rate:
        return int(rate[1]) * MINUTES[rate[2]]
    fields = _fields(schedule)
    if len(fields) != 6 or fields[3] != "*" or fields[5] != "*":
        return float("inf")
    if fields[4] not in ("*", "?"):
        return WEEK
    if fields[2] not in ("*", "?"):
        return MONTH if fields[2].isdecimal() and int(fields[2]) <= 28 else float("inf")
    return DAY


@rule
def often_enough(subject: Subject) -> Findings:
    """Each command runs as often as it has to: payments every quarter of an hour, dumps nightly, a drill every week."""
    for schedule in subject.state.of("scheduler_schedule"):
        name = (_command(schedule) or [""])[0]
        if name in COMMANDS and minutes_apart(schedule) > COMMANDS[name][0]:
            yield schedule.address, f"{name} runs at {schedule['schedule_expression']}"
    drills = [found for found in subject.state.of("scheduler_schedule") if _command(found)[:1] == ["restore_drill"]]
    if not drills:
        yield "schedules", "no dump is ever restored"


@rule
def times_exist(subject: Subject) -> Findings:
    """Minutes, hours, days and months of a cron expression are ones that there are."""
    for schedule in subject.state.of("scheduler_schedule"):
        for text, (least, most) in zip(_fields(schedule), LIMITS, strict=False):
            if text.isdecimal() and not least <= int(text) <= most:
                yield schedule.address, f"{schedule['schedule_expression']}: {text} is not from {least} to {most}"
            elif text.isalpha() and len(text) == 3 and most == 7 and text not in NAMED_DAYS:
                yield schedule.address, f"{schedule['schedule_expression']}: there is no {text}"


@rule
def commands_say_all(subject: Subject) -> Findings:
    """A command has the arguments without which it asks, or does another thing."""
    for schedule in subject.state.of("scheduler_schedule"):
        command = _command(schedule)
        if command and command[1:] != ARGUMENTS.get(command[0], []):
            yield schedule.address, f"runs {' '.join(command)}"
        hours = _fields(schedule)[:2]
        if command[:1] != ["compare_books"] or not all(field.isdecimal() for field in hours):
            continue
        if int(hours[1]) * 60 + int(hours[0]) < END_OF_INDIAS_DAY:
            yield schedule.address, f"{schedule['schedule_expression']} is before India's day has ended"


@rule
def commands_have_their_roles(subject: Subject) -> Findings:
    """A scheduled command has the role that is made for it, and no other's rights."""
    for schedule in subject.state.of("scheduler_schedule"):
        role = json.loads(schedule.block("target").get("input") or "{}").get("taskRoleArn") or ""
        expected = COMMANDS.get((_command(schedule) or [""])[0], (0, "scheduled"))[1]
        if not role.endswith(f"{schedule.region}-{expected}-task"):
            yield schedule.address, f"has the role {role or 'of its task'}, not {expected}"


def _place_problems(subject: Subject, schedule: Resource) -> Iterator[str]:
    ecs = _ecs(schedule)
    network = (ecs.get("network_configuration") or [{}])[0]
    worker = next((one for one in subject.state.of("ecs_service") if _is_worker(one, schedule.region)), None)
    own = worker.block("network_configuration") if worker else {}
    for name in ("subnets", "security_groups"):
        if sorted(network.get(name) or []) != sorted(own.get(name) or []):
            yield f"{name} are not the worker's"
    if network.get("assign_public_ip"):
        yield "has a public address"
    if ecs.get("task_count") not in (None, 1):
        yield f"{ecs['task_count']} tasks at a time"
    providers = {item["capacity_provider"] for item in ecs.get("capacity_provider_strategy") or []}
    if providers != {"FARGATE"} and (providers or ecs.get("launch_type") != "FARGATE"):
        yield f"on {sorted(providers)}: what Spot ends half-way nobody does again that day"
    if ecs.get("enable_execute_command"):
        yield "lets people in (ECS Exec)"


def _is_worker(service: Resource, region: str) -> bool:
    return service["name"].endswith("worker") and service.region == region


@rule
def commands_run_like_workers(subject: Subject) -> Findings:
    """A scheduled command runs as one on-demand task of the family scheduled, where the worker runs."""
    tasks = subject.state.known("ecs_task_definition", "arn")
    for schedule in subject.state.of("scheduler_schedule"):
        for problem in _place_problems(subject, schedule):
            yield schedule.address, problem
        task = tasks.get(str(_ecs(schedule).get("task_definition_arn")))
        if task and not task["family"].endswith("-scheduled"):
            yield schedule.address, f"runs {task['family']}"
        window = schedule.block("flexible_time_window")
        if window.get("mode") != "OFF" and int(window.get("maximum_window_in_minutes") or 0) > 15:
            yield schedule.address, f"begins up to {window.get('maximum_window_in_minutes')} minutes late"


@rule
def tried_again(subject: Subject) -> Findings:
    """A start that fails is tried again; what fails for good waits in an encrypted queue for two weeks."""
    for schedule in subject.state.of("scheduler_schedule"):
        retry = (schedule.block("target").get("retry_policy") or [{}])[0]
        if not retry.get("maximum_retry_attempts"):
            yield schedule.address, "is tried once"
    dead = {
        letter["arn"]
        for schedule in subject.state.of("scheduler_schedule")
        for letter in schedule.block("target").get("dead_letter_config") or []
    }
    for queue in subject.state.of("sqs_queue"):
        if queue["arn"] in dead and (queue["message_retention_seconds"] or 0) < 7 * DAY * 60:
            yield queue.address, f"keeps messages for {queue['message_retention_seconds']} s"
        if not queue["sqs_managed_sse_enabled"] and not queue["kms_master_key_id"]:
            yield queue.address, "is not encrypted"


@rule
def failures_are_told(subject: Subject) -> Findings:
    """People are told of a scheduled or one-off task that did not start or ended with another status than 0."""
    topics = set(subject.state.known("sns_topic", "arn"))
    targets = {found["rule"] for found in subject.state.of("cloudwatch_event_target") if found["arn"] in topics}
    for cluster in subject.state.of("ecs_cluster"):
        heard = [
            found
            for found in subject.state.of("cloudwatch_event_rule")
            if found.region == cluster.region and found["name"] in targets and _hears(found, cluster)
        ]
        if not heard:
            yield cluster.address, "nobody is told of commands that fail"
    watched = {
        ((alarm["dimensions"] or {}).get("QueueName"), alarm.region)
        for alarm in subject.state.of("cloudwatch_metric_alarm")
        if topics & set(alarm["alarm_actions"] or [])
    }
    for queue in subject.state.of("sqs_queue"):
        if (queue["name"], queue.region) not in watched:
            yield queue.address, "nobody is told of commands that could not be started"


def _hears(found: Resource, cluster: Resource) -> bool:
    pattern = json.loads(found["event_pattern"] or "{}")
    detail = pattern.get("detail", {})
    families = json.dumps(detail.get("taskDefinitionArn", []))
    either = json.dumps(detail.get("$or", []))
    return (
        found["state"] in (None, "ENABLED")
        and pattern.get("detail-type") == ["ECS Task State Change"]
        and detail.get("clusterArn") == [cluster["arn"]]
        and detail.get("lastStatus") == ["STOPPED"]
        and all(f"{cluster['name']}-{role}:" in families for role in ("scheduled", "migrate"))
        and '"anything-but": [0]' in either
        and "TaskFailedToStart" in either
    )
