"""What certain roles must be able to do, and must not."""

from collections.abc import Iterator

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Resource, State

# Which service takes on the role that an argument names.
TAKEN_ON_BY = {
    ("backup_restore_testing_selection", "iam_role_arn"): "backup.amazonaws.com",
    ("backup_selection", "iam_role_arn"): "backup.amazonaws.com",
    ("cloudtrail", "cloud_watch_logs_role_arn"): "cloudtrail.amazonaws.com",
    ("ecs_task_definition", "execution_role_arn"): "ecs-tasks.amazonaws.com",
    ("ecs_task_definition", "task_role_arn"): "ecs-tasks.amazonaws.com",
    ("fis_experiment_template", "role_arn"): "fis.amazonaws.com",
    ("s3_bucket_replication_configuration", "role"): "s3.amazonaws.com",
}
MANAGED_OF_BACKUP = {"AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"}


def _named(state: State) -> Iterator[tuple[Resource, str, str]]:
    """(resource, role's ARN, service) of everything that hands a role to a service."""
    for (type_name, argument), service in TAKEN_ON_BY.items():
        for found in state.of(type_name):
            if found[argument]:
                yield found, found[argument], service
    for found in state.of("scheduler_schedule"):
        yield found, found.block("target")["role_arn"], "scheduler.amazonaws.com"


@rule
def roles_can_be_taken_on(subject: Subject) -> Findings:
    """A role that is handed to a service exists and trusts that service."""
    roles = subject.state.known("iam_role", "arn")
    for owner, arn, service in _named(subject.state):
        role = roles.get(arn)
        statements = policies.statements(role["assume_role_policy"] if role else None)
        if not any(found.is_allow and ("Service", service) in found.principals for found in statements):
            yield owner.address, f"{service} may not act as {arn}"


@rule
def backup_may_restore(subject: Subject) -> Findings:
    """AWS Backup may make backups and restore them."""
    for role in subject.state.of("iam_role"):
        attached = {
            str(found["policy_arn"]).rpartition("/")[2]
            for found in subject.state.of("iam_role_policy_attachment")
            if found["role"] in (role["id"], role["name"])
        }
        missing = MANAGED_OF_BACKUP - attached
        if role["arn"] in {found["iam_role_arn"] for found in subject.state.of("backup_selection")} and missing:
            yield role.address, f"has no {', '.join(sorted(missing))}"


def _workflow(state: State, name: str) -> Resource | None:
    return next((role for role in state.of("iam_role") if role["name"].endswith(f"-{name}")), None)


def _needed(state: State) -> Iterator[tuple[str, str]]:
    """(action, resource) of what deploy/deploy does."""
    for found in state.of("ecr_repository"):
        if found.region == "us-east-1":
            yield from ((f"ecr:{name}", found["arn"]) for name in ("PutImage", "UploadLayerPart", "DescribeImages"))
    for found in state.of("ecs_service"):
        # The stand-in's id of a service is its ARN, as the provider's is.
        yield from ((f"ecs:{name}", found["id"]) for name in ("UpdateService", "DescribeServices"))
    for found in state.of("ecs_task_definition"):
        yield from (("iam:PassRole", found[name]) for name in ("execution_role_arn", "task_role_arn"))
        if found["family"].endswith("-migrate"):
            yield "ecs:RunTask", found["arn"]
    for found in state.of("s3_bucket"):
        if "-static-" in found["bucket"] and found.region == "us-east-1":
            yield "s3:PutObject", f"{found['arn']}/static/x"
    yield "ecs:RegisterTaskDefinition", "*"
    yield "ecr:GetAuthorizationToken", "*"


@rule
def deploy_role_may(subject: Subject) -> Findings:
    """The role of deployments may do what deploy/deploy does, and no other."""
    role = _workflow(subject.state, "deploy")
    granted = policies.of_role(subject.state, role) if role else []
    for action, arn in sorted(set(_needed(subject.state))):
        if not policies.may(granted, action, arn):
            yield role.address if role else "aws_iam_role", f"may not {action} {arn}"
    for action, arn in _never(subject.state):
        if role and policies.may(granted, action, arn):
            yield role.address, f"may {action} {arn}"


def _never(state: State) -> Iterator[tuple[str, str]]:
    """What no workflow of CI needs: data of people, values of secrets, rights."""
    for found in state.of("s3_bucket"):
        if "-media" in found["bucket"] or "-backups" in found["bucket"]:
            yield "s3:GetObject", f"{found['arn']}/private/x"
    for found in state.of("secretsmanager_secret"):
        if "/origin" not in found["name"]:
            yield "secretsmanager:GetSecretValue", found["arn"]
    yield "iam:PassRole", "arn:aws:iam::123456789012:role/somebody-else"
    yield "iam:CreateRole", "arn:aws:iam::123456789012:role/new"
    yield "sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:123456789012:any"


@rule
def plan_role_reads_no_data(subject: Subject) -> Findings:
    """The role of plans reads settings: no media, no dumps, no secret but the origin's."""
    role = _workflow(subject.state, "plan")
    granted = policies.of_role(subject.state, role) if role else []
    for action, arn in _never(subject.state):
        if role and policies.may(granted, action, arn):
            yield role.address, f"may {action} {arn}"
