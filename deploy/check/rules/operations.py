"""What runs at fixed times, what is kept, and what belongs together."""

import json
import re

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.rules.tasks import program_problem
from deploy.check.state import Resource, State

TAGS = {"Application", "Environment", "ManagedBy"}
LEAST_LOG_DAYS = {"production": 365, "staging": 7}
# What must run, and at most how many minutes apart, so far as one can tell from a rate.
COMMANDS = {
    "reconcile_payments",
    "compare_books",
    "delete_abandoned_uploads",
    "clearsessions",
    "back_up",
    "rotate_database_password",
}
# What CloudFront sends to the load balancer is an argument of both, and AWS manages no password of a global cluster.
IN_THE_STATE = ("/origin-", "/database-master-")
SCHEDULE = re.compile(r"^(rate\(\d+ (minute|hour|day)s?\)|cron\((\S+ ){5}\S+\))$")


def _is_home(resource: Resource) -> bool:
    return "standby" not in resource.module


def _serves(subject: Subject, resource: Resource) -> bool:
    """Whether it is in the region that takes the orders."""
    return _is_home(resource) != (subject.standby == "serving")


def _ecs(schedule: Resource) -> dict:
    return (schedule.block("target").get("ecs_parameters") or [{}])[0]


def _input(schedule: Resource) -> dict:
    return json.loads(schedule.block("target").get("input") or "{}")


def _commands(schedule: Resource) -> list[list[str]]:
    return [override["command"] for override in _input(schedule).get("containerOverrides", [])]


@rule
def schedules_run_commands(subject: Subject) -> Findings:
    """A schedule starts a command that the site has, in the container app of a task definition that exists."""
    tasks = subject.state.known("ecs_task_definition", "arn", "arn_without_revision")
    clusters = subject.state.known("ecs_cluster", "arn")
    for schedule in subject.state.of("scheduler_schedule"):
        if _ecs(schedule).get("task_definition_arn") not in tasks or schedule.block("target")["arn"] not in clusters:
            yield schedule.address, f"starts {_ecs(schedule).get('task_definition_arn')}"
        for override in _input(schedule).get("containerOverrides", []):
            problem = program_problem(override["command"], subject.site)
            if problem or override["name"] != "app":
                yield schedule.address, problem or f"there is no container {override['name']}"
        if not _commands(schedule):
            yield schedule.address, "says no command"


@rule
def schedules_are_readable(subject: Subject) -> Findings:
    """A schedule is a rate, or a cron expression of six fields in UTC with a question mark for one of the days."""
    for schedule in subject.state.of("scheduler_schedule"):
        text = schedule["schedule_expression"]
        fields = text[5:-1].split() if text.startswith("cron(") else []
        singular = re.match(r"^rate\((\d+) (minute|hour|day)(s?)\)$", text)
        if not SCHEDULE.match(text) or (fields and (fields[2] == "?") == (fields[4] == "?")):
            yield schedule.address, text
        if singular and (singular[1] == "1") == bool(singular[3]):
            yield schedule.address, f"{text}: AWS writes 1 minute and 2 minutes"
        if schedule["schedule_expression_timezone"] not in (None, "UTC"):
            yield schedule.address, f"in {schedule['schedule_expression_timezone']}"


@rule
def everything_is_scheduled(subject: Subject) -> Findings:
    """The region that serves runs every command that has to run, and the other none of them."""
    enabled: dict[bool, set[str]] = {True: set(), False: set()}
    for schedule in subject.state.of("scheduler_schedule"):
        if schedule["state"] != "DISABLED":
            enabled[_serves(subject, schedule)] |= {command[2] for command in _commands(schedule) if len(command) > 2}
    for name in sorted(COMMANDS - enabled[True]):
        yield "schedules", f"nothing runs {name}"
    for name in sorted(enabled[False]):
        yield "schedules", f"the region that does not serve runs {name} as well"


@rule
def one_region_has_workers(subject: Subject) -> Findings:
    """Workers run in the region that serves and can run in no other, or the books are settled from two databases."""
    for target in subject.state.of("appautoscaling_target"):
        limits = target["min_capacity"], target["max_capacity"]
        if target["resource_id"].endswith("/worker"):
            if _serves(subject, target) and not 1 <= limits[0] <= limits[1]:
                yield target.address, f"serves with {limits} workers"
            if not _serves(subject, target) and limits != (0, 0):
                yield target.address, f"does not serve, and may have {limits} workers"


@rule
def scheduler_may_start(subject: Subject) -> Findings:
    """The scheduler may start the task and give it both of its roles; what cannot be started goes into a queue."""
    roles, tasks = subject.state.known("iam_role", "arn"), subject.state.known("ecs_task_definition", "arn")
    queues = subject.state.known("sqs_queue", "arn")
    for schedule in subject.state.of("scheduler_schedule"):
        target = schedule.block("target")
        role, task = roles.get(target["role_arn"]), tasks.get(_ecs(schedule).get("task_definition_arn", ""))
        granted = policies.of_role(subject.state, role) if role else []
        needed = [("ecs:RunTask", task["arn"])] if task else []
        needed += [("iam:PassRole", arn) for arn in _passed(schedule, task)]
        for action, arn in needed:
            if not policies.may(granted, action, arn):
                yield schedule.address, f"{target['role_arn']} may not {action} {arn}"
        dead = (target.get("dead_letter_config") or [{}])[0].get("arn")
        if dead not in queues or not policies.may(granted, "sqs:SendMessage", str(dead)):
            yield schedule.address, "nobody would know that it could not be started"


def _passed(schedule: Resource, task: Resource | None) -> list[str]:
    execution = [task["execution_role_arn"]] if task else []
    return [*execution, _input(schedule).get("taskRoleArn") or (task["task_role_arn"] if task else "")]


@rule
def logs_are_kept(subject: Subject) -> Findings:
    """Logs are kept for a year in production, for a week at least elsewhere, and never for ever."""
    least = LEAST_LOG_DAYS.get(subject.environment, 7)
    for group in subject.state.of("cloudwatch_log_group"):
        if not least <= (group["retention_in_days"] or 0) <= 3653:
            yield group.address, f"kept for {group['retention_in_days'] or 'ever'} days"


@rule
def everything_is_tagged(subject: Subject) -> Findings:
    """Everything that can have tags says whose it is, of which environment, and who manages it."""
    for resource in subject.state.resources:
        if "tags_all" in resource.values:
            missing = TAGS - set(resource["tags_all"] or {})
            if missing:
                yield resource.address, f"has no {', '.join(sorted(missing))}"
            elif resource["tags_all"]["Environment"] != subject.environment:
                yield resource.address, f"says it is of {resource['tags_all']['Environment']}"


@rule
def backups_leave_the_region(subject: Subject) -> Findings:
    """AWS Backup keeps the database daily for at least 35 days and copies it to a vault in us-west-2."""
    vaults = subject.state.known("backup_vault", "arn", "name")
    copied = False
    for plan in subject.state.of("backup_plan"):
        for item in plan.blocks("rule"):
            if item["target_vault_name"] not in vaults:
                yield plan.address, f"there is no vault {item['target_vault_name']}"
            for copy in item["copy_action"] or []:
                vault = vaults.get(copy["destination_vault_arn"])
                copied = copied or bool(vault and vault.region == "us-west-2")
    if not copied:
        yield "backup", "nothing is copied to us-west-2"
    chosen = {arn for found in subject.state.of("backup_selection") for arn in found["resources"] or []}
    for cluster in subject.state.of("docdb_cluster"):
        if (_is_home(cluster) or _serves(subject, cluster)) and not any(
            arn in (cluster["arn"], "*") or "cluster:" in arn for arn in chosen
        ):
            tagged = [found for found in subject.state.of("backup_selection") if found["selection_tag"]]
            if not tagged:
                yield cluster.address, "is in no backup plan"


@rule
def backup_role_may(subject: Subject) -> Findings:
    """AWS Backup works with a role of ours that it may take on."""
    roles = subject.state.known("iam_role", "arn")
    for found in subject.state.of("backup_selection"):
        role = roles.get(found["iam_role_arn"])
        trusted = {
            name
            for statement in policies.statements(role["assume_role_policy"] if role else None)
            for _, name in statement.principals
        }
        if "backup.amazonaws.com" not in trusted:
            yield found.address, f"backup.amazonaws.com may not act as {found['iam_role_arn']}"


@rule
def images_are_looked_at(subject: Subject) -> Findings:
    """Images are scanned when they are pushed, never change under their tag, and old ones go."""
    kept = {(found["repository"], found.region) for found in subject.state.of("ecr_lifecycle_policy")}
    for repository in subject.state.of("ecr_repository"):
        if not repository.block("image_scanning_configuration").get("scan_on_push"):
            yield repository.address, "is not scanned"
        if not str(repository["image_tag_mutability"]).startswith("IMMUTABLE"):
            yield repository.address, "a tag may be moved to another image"
        if (repository["name"], repository.region) not in kept:
            yield repository.address, "keeps every image for ever"


@rule
def secrets_are_copied(subject: Subject) -> Findings:
    """Secrets are encrypted with our key, kept for a while after being deleted, and copied to us-west-2."""
    keys = subject.state.known("kms_key", "arn", "id")
    for secret in subject.state.of("secretsmanager_secret"):
        if secret["kms_key_id"] not in keys:
            yield secret.address, "is not encrypted with our key"
        if {replica["region"] for replica in secret.blocks("replica")} != {
            "us-west-2"
        } and secret.region == "us-east-1":
            yield secret.address, "us-west-2 could not start a task"
        if (secret["recovery_window_in_days"] if secret["recovery_window_in_days"] is not None else 30) < 7:
            yield secret.address, "is gone at once when deleted"


@rule
def no_secret_in_the_state(subject: Subject) -> Findings:
    """No secret's value is written by Terraform, which would keep it in its state."""
    for found in subject.state.of("secretsmanager_secret_version"):
        is_known = re.search("|".join(IN_THE_STATE), found["secret_id"])
        if (found["secret_string"] or found["secret_binary"]) and not is_known:
            yield found.address, "its value is in the state"


def _standby(state: State) -> list[Resource]:
    return [resource for resource in state.resources if resource.module.startswith("module.standby")]


@rule
def standby_is_elsewhere(subject: Subject) -> Findings:
    """The standby is in us-west-2, the primary in us-east-1; without a standby there is nothing of it."""
    found = _standby(subject.state)
    if bool(found) != (subject.standby != "none"):
        yield "module.standby", f"has {len(found)} resources with standby = {subject.standby}"
    for resource in subject.state.resources:
        expected = "us-west-2" if resource in found else "us-east-1" if resource.module == "module.primary" else ""
        if expected and resource.region and resource.region != expected:
            yield resource.address, f"is in {resource.region}"


@rule
def standby_is_as_big_as_it_says(subject: Subject) -> Findings:
    """A pilot light runs no task, a warm standby one of each web service, one that serves as many as the primary."""
    homes = [target["min_capacity"] for target in subject.state.of("appautoscaling_target") if _is_home(target)]
    expected = {"warm": 1, "pilot-light": 0, "serving": max(homes, default=0)}.get(subject.standby)
    for target in subject.state.of("appautoscaling_target"):
        is_web = target["resource_id"].endswith(("frontend", "backend"))
        if not _is_home(target) and is_web and target["min_capacity"] != expected:
            yield target.address, f"at least {target['min_capacity']} tasks"


@rule
def networks_differ(subject: Subject) -> Findings:
    """The networks of both regions have different addresses, so that they can be joined."""
    blocks = [vpc["cidr_block"] for vpc in subject.state.of("vpc")]
    if len(set(blocks)) != len(blocks):
        yield "aws_vpc", f"{blocks}"


@rule
def spending_is_watched(subject: Subject) -> Findings:
    """A budget tells somebody before the month's money is gone."""
    if not any(budget.blocks("notification") for budget in subject.state.of("budgets_budget")):
        yield "aws_budgets_budget", "there is none that tells anybody"


@rule
def events_are_told(subject: Subject) -> Findings:
    """What an event rule finds goes to something that exists in its region, and every rule has such a target."""
    known = subject.state.known("sns_topic", "arn") | subject.state.known("cloudwatch_log_group", "arn")
    known |= subject.state.known("sqs_queue", "arn") | subject.state.known("iam_role", "arn")
    used = set()
    for target in subject.state.of("cloudwatch_event_target"):
        used.add((target["rule"], target.region))
        if target["arn"] not in known or known[target["arn"]].region != target.region:
            yield target.address, f"tells {target['arn']}"
    for found in subject.state.of("cloudwatch_event_rule"):
        if (found["name"], found.region) not in used:
            yield found.address, "tells nobody"
