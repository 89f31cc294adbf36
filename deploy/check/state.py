"""The state after an apply, as the rules ask for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    address: str
    type: str
    name: str
    module: str
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """An argument's value; None if it is not set."""
        return self.values.get(name)

    def block(self, name: str) -> dict[str, Any]:
        """A block that there is at most one of; empty if there is none."""
        found = self.values.get(name) or {}
        return (found[0] if found else {}) if isinstance(found, list) else found

    def blocks(self, name: str) -> list[dict[str, Any]]:
        return self.values.get(name) or []

    @property
    def region(self) -> str:
        """Empty for what belongs to no region, such as roles."""
        return self.values.get("region") or ""


@dataclass(frozen=True)
class Container:
    """A container definition of deploy/ecs/*.json, in the task definition that it came into."""

    task: Resource
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def address(self) -> str:
        return f"{self.task.address}, container {self['name']}"

    @property
    def environment(self) -> dict[str, str]:
        return {entry["name"]: entry["value"] for entry in self["environment"] or []}

    @property
    def secrets(self) -> dict[str, str]:
        return {entry["name"]: entry["valueFrom"] for entry in self["secrets"] or []}

    @property
    def role(self) -> str:
        """frontend, backend, worker, migrate or scheduled."""
        return str(self.task["family"]).rpartition("-")[2]


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


class State:
    """Everything that one environment consists of.

    Args:
        shown: what `terraform show -json` says of a state.
    """

    def __init__(self, shown: dict[str, Any]) -> None:
        found = [item for item in _resources(shown["values"]["root_module"]) if item["mode"] == "managed"]
        self.resources = [self._resource(item) for item in found]
        self._data = [item for item in _resources(shown["values"]["root_module"]) if item["mode"] == "data"]

    @staticmethod
    def _resource(item: dict[str, Any]) -> Resource:
        module = item["address"].rpartition(f"{item['type']}.{item['name']}")[0].rstrip(".")
        return Resource(item["address"], item["type"], item["name"], module, item["values"])

    def data(self, type_name: str, attribute: str) -> dict[str, dict[str, Any]]:
        """What was looked up and not made, by this attribute; `aws_` is left out."""
        found = [item["values"] for item in self._data if item["type"] == f"aws_{type_name}"]
        return {str(values[attribute]): values for values in found}

    def of(self, *types: str) -> list[Resource]:
        """All resources of these types; `aws_` may be left out."""
        return [resource for resource in self.resources if resource.type.removeprefix("aws_") in types]

    def known(self, type_name: str, *attributes: str) -> dict[str, Resource]:
        """The resources of a type by each of these attributes."""
        return {str(found[name]): found for found in self.of(type_name) for name in attributes if found[name]}

    def containers(self) -> list[Container]:
        tasks = self.of("ecs_task_definition")
        return [Container(task, values) for task in tasks for values in json.loads(task["container_definitions"])]

    def tasks_of_service(self, service: Resource) -> list[Container]:
        return [found for found in self.containers() if found.task["arn"] == service["task_definition"]]

    def partner(self, resource: Resource, type_name: str, argument: str) -> Resource | None:
        """The resource of `type_name` whose argument names this one, such as a bucket's policy."""
        names = {resource["id"], resource["arn"], resource["name"], resource["bucket"]} - {None}
        return next((found for found in self.of(type_name) if found[argument] in names), None)
