"""Task definitions with another image, and tasks that run one command."""

import json
import time
from typing import Any

from deploy.rollout.aws import Aws
from deploy.rollout.failure import Failed
from deploy.rollout.place import ROOT, Place

# What describe-task-definition adds and register-task-definition does not take.
ADDED = {
    *("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities"),
    *("registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt"),
}
# Commands that make rules (collMod), which the application's user may not: they run as the cluster's own user.
AS_MASTER = ("migrate", "check_database", "restore_drill")
TASK_SECONDS = 60 * 60
EVERY_SECONDS = 5


def definition_of(aws: Aws, name: str) -> dict[str, Any]:
    """By ARN, or the newest of a family."""
    try:
        found = aws.ask("ecs", "describe_task_definition", taskDefinition=name, include=["TAGS"])
    except Failed as failed:
        if "ClientException" in failed.what:
            raise Failed(
                f"There is no task definition {name}.", "Apply deploy/terraform first (deploy/README.md)."
            ) from None
        raise
    return found["taskDefinition"] | {"tags": found.get("tags", [])}


def image_of(definition: dict[str, Any]) -> str:
    return str(app_of(definition)["image"])


def app_of(definition: dict[str, Any]) -> dict[str, Any]:
    return next(container for container in definition["containerDefinitions"] if container["name"] == "app")


def variable(definition: dict[str, Any], name: str) -> str:
    """A plain variable of the container's environment; "" if it has none of this name."""
    found = (entry["value"] for entry in app_of(definition).get("environment", []) if entry["name"] == name)
    return next(found, "")


def register(aws: Aws, place: Place, role: str, image: str) -> str:
    """The ARN of the family's newest definition with this image; registered unless it is so already.

    Everything but the image is as Terraform made it.
    """
    newest = definition_of(aws, place.family(role))
    if image_of(newest) == image:
        return str(newest["taskDefinitionArn"])
    changed = {key: value for key, value in newest.items() if key not in ADDED and value not in ([], None)}
    containers = changed["containerDefinitions"]
    changed["containerDefinitions"] = [
        entry | {"image": image} if entry["name"] == "app" else entry for entry in containers
    ]
    answer = aws.do("ecs", "register_task_definition", **changed)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def role_arn(place: Place, command: list[str]) -> str:
    """The role of a command that is scheduled as well, and that may do more than the others; "" for the family's.

    A restore into a database of the cluster makes tables, so it runs as migrations do.
    """
    if command[0] == "restore_drill" and "sqlite" not in command:
        return ""
    for schedule in json.loads((ROOT / "deploy/ecs/schedules/commands.json").read_text()):
        if schedule["command"][2] == command[0]:
            return f"arn:aws:iam::{place.account}:role/{place.prefix}-{place.region}-{schedule['role']}-task"
    return ""


def run(
    aws: Aws, place: Place, definition_arn: str, command: list[str], label: str, *, seconds: float = TASK_SECONDS
) -> None:
    """One task with `manage.py command`, to its end. One that runs already under this label is waited for instead.

    Raises Failed if it ends with anything but 0, or does not end.
    """
    running = aws.ask("ecs", "list_tasks", cluster=place.prefix, startedBy=label, desiredStatus="RUNNING")["taskArns"]
    if running:
        aws.say(f"  It is running already: {running[0]}")
        arn = str(running[0])
    else:
        arn = start(aws, place, definition_arn, command, label)
    task = wait_for(aws, place, arn, seconds)
    definition = definition_of(aws, definition_arn)
    show_log(aws, definition, arn)
    container: dict[str, Any] = next((entry for entry in task.get("containers", []) if entry["name"] == "app"), {})
    if container.get("exitCode") != 0:
        reason = container.get("reason") or task.get("stoppedReason", "")
        raise Failed(
            f"{' '.join(command)} ended with {container.get('exitCode', 'no status')}. {reason}".rstrip(),
            "Its log is above. The services still run what they ran before; mend it, and repeat with --from this step.",
        )


def refuse_another_migration(aws: Aws, place: Place, label: str) -> None:
    """Raises Failed if another version's migrations run now."""
    arns = aws.ask("ecs", "list_tasks", cluster=place.prefix, family=place.family("migrate"), desiredStatus="RUNNING")[
        "taskArns"
    ]
    if not arns:
        return
    for task in aws.ask("ecs", "describe_tasks", cluster=place.prefix, tasks=arns)["tasks"]:
        by = task.get("startedBy", "")
        if by.startswith("migrate-") and by != label:
            raise Failed(f"The migrations of another version run: {by}.", "Wait for their end, and repeat.")


def start(aws: Aws, place: Place, definition_arn: str, command: list[str], label: str) -> str:
    override: dict[str, Any] = {"name": "app", "command": ["python", "manage.py", *command]}
    role = role_arn(place, command)
    if (
        not role
        and command[0] in AS_MASTER
        and (master := variable(definition_of(aws, definition_arn), "DATABASE_MASTER_SECRET_ARN"))
    ):
        override["environment"] = [{"name": "DATABASE_SECRET_ARN", "value": master}]
    overrides: dict[str, Any] = {"containerOverrides": [override]}
    if role:
        overrides["taskRoleArn"] = role
    answer = aws.do(
        "ecs",
        "run_task",
        cluster=place.prefix,
        taskDefinition=definition_arn,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        networkConfiguration=network(aws, place),
        overrides=overrides,
        startedBy=label,
        count=1,
    )
    if not answer.get("tasks"):
        reasons = ", ".join(failure.get("reason", "") for failure in answer.get("failures", []))
        raise Failed(
            f"ECS did not start the task: {reasons}.", "Repeat with --from this step; Fargate may be short of room."
        )
    return str(answer["tasks"][0]["taskArn"])


def network(aws: Aws, place: Place) -> dict[str, Any]:
    """The worker's: it reaches the database and outside, and nothing reaches it."""
    services = aws.ask("ecs", "describe_services", cluster=place.prefix, services=["worker"])["services"]
    if not services:
        raise Failed(f"The cluster {place.prefix} has no service “worker”.", "Apply deploy/terraform first.")
    return dict(services[0]["networkConfiguration"])


def wait_for(aws: Aws, place: Place, arn: str, seconds: float) -> dict[str, Any]:
    ends_at = time.monotonic() + seconds
    while True:
        # For a moment ECS may not know a task that it has just started.
        found = aws.ask("ecs", "describe_tasks", cluster=place.prefix, tasks=[arn])["tasks"]
        if found and found[0]["lastStatus"] == "STOPPED":
            return dict(found[0])
        if time.monotonic() > ends_at:
            raise Failed(
                f"The task still runs after {seconds:.0f} s: {arn}.",
                "It was left running: repeating with --from this step waits for it again.",
            )
        time.sleep(EVERY_SECONDS)


def show_log(aws: Aws, definition: dict[str, Any], task_arn: str) -> None:
    """The last lines; a log that cannot be read fails nothing."""
    options = app_of(definition).get("logConfiguration", {}).get("options", {})
    if not options.get("awslogs-group"):
        return
    stream = f"{options['awslogs-stream-prefix']}/app/{task_arn.rpartition('/')[2]}"
    try:
        found = aws.ask("logs", "get_log_events", logGroupName=options["awslogs-group"], logStreamName=stream, limit=50)
    except Failed as failed:
        aws.say(f"  (its log {options['awslogs-group']} {stream} cannot be read: {failed.what})")
        return
    for event in found["events"]:
        aws.say(f"  | {event['message']}")
