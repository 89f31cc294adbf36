"""Who may do what: IAM, keys, and trust."""

import json
import re

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Resource

# Actions that take no resource but "*", or only tell how things are: each service's authorization reference (read
# November 2026).
NO_RESOURCE = {
    "backup:ListBackupJobs",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:PutResourcePolicy",
    "ecs:DescribeTaskDefinition",
    "ecs:DeregisterTaskDefinition",
    "ecs:ListTaskDefinitions",
    "ecs:RegisterTaskDefinition",
    "scheduler:ListSchedules",
    "sts:GetCallerIdentity",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}
# A resource of "*" in such a policy is the thing itself that the policy is attached to, or is narrowed by a condition.
OWN_RESOURCE = {
    "aws_kms_key",
    "aws_kms_key_policy",
    "aws_vpc_endpoint",
    "aws_kms_replica_key",
    "aws_backup_vault_policy",
}
# Reads across the account, for the plan in CI and for AWS Backup: roles whose names say so.
READERS = re.compile(r"plan")
CONFUSED_DEPUTY = {"aws:sourceaccount", "aws:sourcearn"}
# EventBridge takes no conditions in the policies of topics and their keys:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (read November 2026).
WITHOUT_SOURCE = {"events.amazonaws.com"}
MOST_INLINE, MOST_MANAGED = 10240, 6144


def _is_narrowed(statement: policies.Statement) -> bool:
    return bool(statement.conditions)


@rule
def no_wide_action(subject: Subject) -> Findings:
    """No role may do everything, or everything of a service."""
    for owner, name, text in policies.documents(subject.state):
        if owner.type in OWN_RESOURCE or name == "assume_role_policy":
            continue
        for statement in policies.statements(text):
            wide = [action for action in statement.actions if action == "*" or action.endswith(":*")]
            if statement.is_allow and wide:
                yield owner.address, f"allows {wide}"
            if statement.is_allow and "NotAction" in statement.values:
                yield owner.address, "allows everything but some (NotAction)"


@rule
def no_wide_resource(subject: Subject) -> Findings:
    """“*” as a resource stands only where AWS takes no other, or where a condition narrows it."""
    for owner, name, text in policies.documents(subject.state):
        if owner.type in OWN_RESOURCE or name == "assume_role_policy" or READERS.search(owner.name):
            continue
        for statement in policies.statements(text):
            wide = statement.is_allow and "*" in statement.resources and not _is_narrowed(statement)
            actions = sorted(set(statement.actions) - NO_RESOURCE)
            if wide and actions:
                yield owner.address, f"{actions} on everything"


@rule
def nobody_from_outside(subject: Subject) -> Findings:
    """A policy that lets in everybody, or another account, says under which condition."""
    for owner, _, text in policies.documents(subject.state):
        for statement in policies.statements(text):
            # Reading the layers of images out of Amazon's own bucket harms nobody.
            is_amazons = all("starport-layer-bucket" in name for name in statement.resources)
            if statement.is_allow and statement.is_for_everybody and not _is_narrowed(statement) and not is_amazons:
                yield owner.address, f"everybody may {statement.actions}"


@rule
def trust_names_its_source(subject: Subject) -> Findings:
    """A role that an AWS service takes on says for which account or resource (the confused deputy)."""
    for role in subject.state.of("iam_role"):
        for statement in policies.statements(role["assume_role_policy"]):
            services = {name for kind, name in statement.principals if kind == "Service"}
            if services and not CONFUSED_DEPUTY & set(statement.conditions):
                yield role.address, f"{sorted(services)} may act for anybody"


@rule
def services_may_publish_for_us_only(subject: Subject) -> Findings:
    """Where AWS's services may write, publish or use a key, a condition says on whose behalf."""
    for owner, name, text in policies.documents(subject.state):
        if name == "assume_role_policy":
            continue
        for statement in policies.statements(text):
            services = {principal for kind, principal in statement.principals if kind == "Service"} - WITHOUT_SOURCE
            if statement.is_allow and services and not _is_narrowed(statement):
                yield owner.address, f"{sorted(services)} may {statement.actions} for anybody"


def _may_change(subject: Subject, role: Resource) -> bool:
    granted = policies.of_role(subject.state, role)
    return any(
        policies.may(granted, "ecs:UpdateService", found["id"]) for found in subject.state.of("ecs_service")
    ) or any(policies.may(granted, "ecr:PutImage", found["arn"]) for found in subject.state.of("ecr_repository"))


@rule
def ci_is_our_repository(subject: Subject) -> Findings:
    """Roles that GitHub may take on name the audience and this repository's branch, environment or pull requests."""
    for role in subject.state.of("iam_role"):
        for statement in policies.statements(role["assume_role_policy"]):
            if not any(kind == "Federated" for kind, _ in statement.principals):
                continue
            conditions = statement.conditions
            audience = conditions.get("token.actions.githubusercontent.com:aud")
            subjects = conditions.get("token.actions.githubusercontent.com:sub", [])
            if audience != ["sts.amazonaws.com"]:
                yield role.address, f"audience {audience}"
            if not subjects or not all(re.match(r"^repo:[\w.-]+/[\w.-]+:[^*]+$", name) for name in subjects):
                yield role.address, f"subjects {subjects}"
            if set(statement.values["Condition"]) != {"StringEquals"}:
                yield role.address, f"compares by {sorted(statement.values['Condition'])}"
            is_approved = all(name.endswith(f":environment:{subject.environment}") for name in subjects)
            if _may_change(subject, role) and not is_approved:
                yield role.address, f"changes things for {subjects}, which nobody approves"
            if (role["max_session_duration"] or 3600) > 3600:
                yield role.address, f"stays for {role['max_session_duration']} s"


@rule
def attached_policies_exist(subject: Subject) -> Findings:
    """What is attached to a role is a policy of ours or one of AWS's, and the role exists."""
    roles = subject.state.known("iam_role", "name", "id")
    ours = subject.state.known("iam_policy", "arn")
    for attached in subject.state.of("iam_role_policy_attachment"):
        arn = attached["policy_arn"]
        if arn not in ours and not arn.startswith("arn:aws:iam::aws:policy/"):
            yield attached.address, f"{arn} does not exist"
        if attached["role"] not in roles:
            yield attached.address, f"there is no role {attached['role']}"
        if arn.endswith(("/AdministratorAccess", "/PowerUserAccess", "FullAccess")):
            yield attached.address, f"{arn} is far too much"


@rule
def policies_fit(subject: Subject) -> Findings:
    """A role's inline policies have at most 10,240 characters in all, a managed policy 6,144 (without white space)."""
    inline: dict[str, int] = {}
    for policy in subject.state.of("iam_role_policy"):
        size = len(json.dumps(json.loads(policy["policy"]), separators=(",", ":")))
        inline[policy["role"]] = inline.get(policy["role"], 0) + size
    for role, size in inline.items():
        if size > MOST_INLINE:
            yield role, f"{size} characters"
    for policy in subject.state.of("iam_policy"):
        if len(re.sub(r"\s", "", policy["policy"])) > MOST_MANAGED:
            yield policy.address, "is too long"


@rule
def no_people_in_iam(subject: Subject) -> Findings:
    """No user and no access key: people come through the organisation, CI by OIDC."""
    for found in subject.state.of("iam_user", "iam_access_key", "iam_user_policy", "iam_group"):
        yield found.address, "a key that never expires"


@rule
def keys_turn_over(subject: Subject) -> Findings:
    """Our keys are rotated every year, and there is time to think before one is deleted."""
    for key in subject.state.of("kms_key"):
        if key["key_usage"] != "SIGN_VERIFY" and not key["enable_key_rotation"]:
            yield key.address, "is never rotated"
        if (key["deletion_window_in_days"] or 30) < (30 if subject.environment == "production" else 7):
            yield key.address, f"is gone after {key['deletion_window_in_days']} days"


def _keys_of(resource: Resource) -> list[str]:
    names = ("kms_key_id", "kms_key_arn", "kms_master_key_id", "kms_key")
    return [resource[name] for name in names if isinstance(resource[name], str) and resource[name]]


@rule
def keys_are_of_the_region(subject: Subject) -> Findings:
    """What is encrypted with our key uses the key of its own region: another region's cannot be used at all."""
    keys = subject.state.known("kms_key", "arn", "id")
    for resource in subject.state.resources:
        for name in _keys_of(resource):
            key = keys.get(name)
            if key and resource.region and key.region != resource.region:
                yield resource.address, f"is in {resource.region}, its key in {key.region}"


@rule
def logs_may_use_the_key(subject: Subject) -> Findings:
    """The key of a log group lets CloudWatch Logs of its region use it."""
    keys = subject.state.known("kms_key", "arn")
    for group in subject.state.of("cloudwatch_log_group"):
        key = keys.get(str(group["kms_key_id"]))
        if not key:
            yield group.address, "is not encrypted with our key"
            continue
        users = {
            name
            for statement in policies.statements(key["policy"])
            if statement.is_allow and statement.covers("kms:GenerateDataKey", "*")
            for _, name in statement.principals
        }
        if f"logs.{group.region}.amazonaws.com" not in users:
            yield group.address, f"logs.{group.region}.amazonaws.com may not use its key"
