"""Services move to other task definitions, and back."""

import time
from typing import Any

from deploy.rollout.aws import Aws
from deploy.rollout.failure import Failed
from deploy.rollout.place import SERVICES, Place
from deploy.rollout.tasks import definition_of, image_of

ROLL_SECONDS = 30 * 60
EVERY_SECONDS = 10


def in_use(aws: Aws, place: Place) -> dict[str, str]:
    """The ARN of the task definition of each service."""
    return {name: str(service["taskDefinition"]) for name, service in described(aws, place).items()}


def described(aws: Aws, place: Place) -> dict[str, dict[str, Any]]:
    answer = aws.ask("ecs", "describe_services", cluster=place.prefix, services=list(SERVICES))
    found = {service["serviceName"]: service for service in answer["services"] if service["status"] == "ACTIVE"}
    if missing := set(SERVICES) - found.keys():
        raise Failed(
            f"The cluster {place.prefix} has no service {', '.join(sorted(missing))}.", "Apply deploy/terraform first."
        )
    return found


def refuse_another_deployment(aws: Aws, place: Place, definitions: dict[str, str] | None = None) -> None:
    """Raises Failed if a service is on its way to something other than `definitions`: somebody else releases now.

    Two at once would take each other for the version to go back to.
    """
    for name, service in described(aws, place).items():
        target = str(service["taskDefinition"])
        is_ours = definitions is not None and definitions[name] == target
        states = {entry.get("rolloutState") for entry in service["deployments"] if entry["taskDefinition"] == target}
        if len(service["deployments"]) > 1 and "IN_PROGRESS" in states and not is_ours:
            raise Failed(
                f"Another deployment runs: {name} is on its way to {target.rpartition('/')[2]}.",
                f"Wait for its end (`deploy/deploy status {place.environment}`), or take it back:"
                f" `deploy/deploy rollback {place.environment}`.",
            )


def move(aws: Aws, place: Place, definitions: dict[str, str]) -> None:
    """Starts the deployments; a service that has the definition already stays as it is."""
    before = in_use(aws, place)
    for name in SERVICES:
        if before[name] != definitions[name]:
            aws.do("ecs", "update_service", cluster=place.prefix, service=name, taskDefinition=definitions[name])


def wait(aws: Aws, place: Place, definitions: dict[str, str], *, seconds: float = ROLL_SECONDS) -> None:
    """Until every service runs the definition and nothing else. Raises Failed if ECS gave up or time is up."""
    ends_at = time.monotonic() + seconds
    waiting = set(SERVICES)
    while waiting:
        for name, service in described(aws, place).items():
            if name in waiting and is_done(service, definitions[name]):
                aws.say(f"  {name} is stable.")
                waiting.discard(name)
        if waiting and time.monotonic() > ends_at:
            raise Failed(f"Not stable after {seconds:.0f} s: {', '.join(sorted(waiting))}.", LOOK)
        if waiting:
            time.sleep(EVERY_SECONDS)


LOOK = "Look at the services' events and the log groups of their tasks; then release again."


def is_done(service: dict[str, Any], definition_arn: str) -> bool:
    """Raises Failed if ECS took the deployment back: by the circuit breaker, or because an alarm went off."""
    deployments = service["deployments"]
    for deployment in deployments:
        if deployment["taskDefinition"] == definition_arn and deployment.get("rolloutState") == "FAILED":
            raise Failed(
                f"{service['serviceName']}: ECS gave the deployment up. {deployment.get('rolloutStateReason', '')}",
                f"Its last events: {events_of(service)}. {LOOK}",
            )
    if service["taskDefinition"] != definition_arn:
        raise Failed(
            f"{service['serviceName']}: ECS took the deployment back.",
            f"Its last events: {events_of(service)}. {LOOK}",
        )
    [primary] = [deployment for deployment in deployments if deployment["status"] == "PRIMARY"]
    is_full = primary.get("runningCount", 0) >= service.get("desiredCount", 0)
    return len(deployments) == 1 and is_full and primary.get("rolloutState", "COMPLETED") == "COMPLETED"


def events_of(service: dict[str, Any]) -> str:
    return " / ".join(event["message"] for event in service.get("events", [])[:3]) or "none"


def roll(aws: Aws, place: Place, definitions: dict[str, str], *, seconds: float = ROLL_SECONDS) -> None:
    """To the new definitions; if any service fails, all go back to what they had, and Failed says so."""
    before = in_use(aws, place)
    try:
        move(aws, place, definitions)
        wait(aws, place, definitions, seconds=seconds)
    except Failed as failed:
        aws.say(f"  {failed.what} Taking everything back.")
        try:
            move(aws, place, before)
            wait(aws, place, before, seconds=seconds)
        except Failed as second:
            raise Failed(
                f"{failed.what} And the way back failed: {second.what}",
                f"ECS goes on trying. `deploy/deploy status {place.environment}` shows what runs, the services' events"
                f" say why; to try again: `deploy/deploy release {place.environment} --from roll` of a version that"
                " works.",
            ) from None
        raise Failed(f"{failed.what} Every service is back at what it ran before.", failed.advice) from None


def is_newest(aws: Aws, current_arn: str) -> bool:
    """Whether nothing newer has been registered than the image that the service runs."""
    family = current_arn.rpartition("/")[2].rsplit(":", 1)[0]
    return image_of(definition_of(aws, family)) == image_of(definition_of(aws, current_arn))


def previous(aws: Aws, place: Place, current_arn: str) -> str:
    """The newest definition of the family that is older than the current one and has another image."""
    family, revision = current_arn.rpartition("/")[2].rsplit(":", 1)
    current_image = image_of(definition_of(aws, current_arn))
    answer = aws.ask("ecs", "list_task_definitions", familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=100)
    for arn in answer["taskDefinitionArns"]:
        is_older = arn.rpartition("/")[2].rsplit(":", 1)[0] == family and int(arn.rsplit(":", 1)[1]) < int(revision)
        if is_older and image_of(definition_of(aws, arn)) != current_image:
            return str(arn)
    raise Failed(
        f"{family} has no earlier version to go back to.",
        f"Release a version that works: git checkout <tag>, then deploy/deploy release {place.environment}.",
    )
