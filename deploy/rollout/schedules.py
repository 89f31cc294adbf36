"""Scheduled commands run the same version as the services."""

from typing import Any

from deploy.rollout.aws import Aws
from deploy.rollout.place import Place

# What get-schedule adds and update-schedule does not take.
ADDED = {"Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"}


def point(aws: Aws, place: Place, definition_arn: str) -> int:
    """Every schedule that starts tasks of our family starts this one from now on; how many there are."""
    names = [entry["Name"] for entry in aws.ask("scheduler", "list_schedules", GroupName=place.prefix)["Schedules"]]
    for name in names:
        schedule = aws.ask("scheduler", "get_schedule", GroupName=place.prefix, Name=name)
        if definition_in(schedule) not in ("", definition_arn):
            aws.do("scheduler", "update_schedule", **with_definition(schedule, definition_arn))
    return len(names)


def definition_in(schedule: dict[str, Any]) -> str:
    return str(schedule["Target"].get("EcsParameters", {}).get("TaskDefinitionArn", ""))


def with_definition(schedule: dict[str, Any], definition_arn: str) -> dict[str, Any]:
    """update-schedule replaces the whole, so the whole is sent."""
    target = schedule["Target"]
    changed = target | {"EcsParameters": target.get("EcsParameters", {}) | {"TaskDefinitionArn": definition_arn}}
    return {key: value for key, value in schedule.items() if key not in ADDED} | {"Target": changed}
