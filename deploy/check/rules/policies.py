"""IAM's policy documents, read for the rules: who may do what."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from deploy.check.state import Resource, State

# What AWS's own policy for execution roles allows, on every resource:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSTaskExecutionRolePolicy.html
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy": [
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ],
}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@dataclass(frozen=True)
class Statement:
    values: dict[str, Any]

    @property
    def is_allow(self) -> bool:
        return self.values.get("Effect") == "Allow"

    @property
    def actions(self) -> list[str]:
        return _many(self.values.get("Action"))

    @property
    def resources(self) -> list[str]:
        return _many(self.values.get("Resource"))

    @property
    def principals(self) -> list[tuple[str, str]]:
        """Such as ("Service", "s3.amazonaws.com"); ("*", "*") for everybody."""
        principal = self.values.get("Principal", {})
        if principal == "*":
            return [("*", "*")]
        return [(kind, name) for kind, names in principal.items() for name in _many(names)]

    @property
    def is_for_everybody(self) -> bool:
        return any(name == "*" for _, name in self.principals)

    @property
    def conditions(self) -> dict[str, list[str]]:
        """Key to values, whatever the operator; keys in lower case, since IAM does not mind."""
        found: dict[str, list[str]] = {}
        for keys in self.values.get("Condition", {}).values():
            for key, value in keys.items():
                found.setdefault(key.lower(), []).extend(_many(value))
        return found

    def covers(self, action: str, resource: str) -> bool:
        named = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.actions)
        return named and any(fnmatchcase(resource, pattern) for pattern in self.resources)


def statements(document: str | None) -> list[Statement]:
    return [Statement(values) for values in _many(json.loads(document)["Statement"])] if document else []


def of_role(state: State, role: Resource) -> list[Statement]:
    """What a role may do: its inline policies and those that are attached to it."""
    found = [
        statement
        for policy in state.of("iam_role_policy")
        if policy["role"] in (role["id"], role["name"], role["arn"])
        for statement in statements(policy["policy"])
    ]
    ours = state.known("iam_policy", "arn")
    for attached in state.of("iam_role_policy_attachment"):
        if attached["role"] in (role["id"], role["name"]):
            arn = attached["policy_arn"]
            if arn in ours:
                found += statements(ours[arn]["policy"])
            elif arn in MANAGED:
                found.append(Statement({"Effect": "Allow", "Action": MANAGED[arn], "Resource": "*"}))
    return found


def may(granted: Iterable[Statement], action: str, resource: str) -> bool:
    """Whether these statements allow it. Conditions are taken to hold: they narrow who asks how, not what for."""
    granted = list(granted)
    denied = any(not found.is_allow and not found.conditions and found.covers(action, resource) for found in granted)
    return not denied and any(found.is_allow and found.covers(action, resource) for found in granted)


def documents(state: State) -> Iterator[tuple[Resource, str, str]]:
    """Every policy document of the deployment: whose, in which argument, and the text."""
    for resource in state.resources:
        for name in ("policy", "assume_role_policy", "policy_document"):
            text = resource[name]
            if isinstance(text, str) and '"Statement"' in text:
                yield resource, name, text
