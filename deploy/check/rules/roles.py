"""The roles of tasks: what each must be able to do, and that it can do nothing else."""

from collections.abc import Iterator

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.rules.policies import Statement
from deploy.check.rules.settings import secret_arns
from deploy.check.state import Resource, State

TASKS = ("frontend", "backend", "worker", "migrate", "scheduled")
COMMANDS = ("backup", "drill", "rotation", "uploads")
# (action, what): what is a secret, a key, or a folder of a bucket. Beside these every task reads the password of the
# application's database user.
MAY: dict[str, set[tuple[str, str]]] = {
    "frontend": {
        ("s3:ListBucket", "media"),
        ("s3:GetObject", "media/private/captions/"),
        *((action, "media/public/photos/") for action in ("s3:PutObject", "s3:DeleteObject")),
    },
    "backend": {
        ("s3:ListBucket", "media"),
        *((action, "media/") for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")),
    },
    "uploads": {("s3:ListBucket", "media"), ("s3:DeleteObject", "media/incoming/")},
    "backup": {("s3:PutObject", "backups/dumps/")},
    "drill": {("s3:ListBucket", "backups"), ("s3:GetObject", "backups/dumps/")},
    "migrate": {
        ("s3:ListBucket", "backups"),
        ("s3:GetObject", "backups/dumps/"),
        ("secretsmanager:GetSecretValue", "master"),
    },
    "rotation": {
        ("secretsmanager:GetSecretValue", "master"),
        ("secretsmanager:PutSecretValue", "database"),
        ("secretsmanager:DescribeSecret", "database"),
        ("secretsmanager:UpdateSecretVersionStage", "database"),
    },
}
# They come with what is above: parts of a large upload, and lists of them.
WITH_IT = {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads"}
# What writes objects or a secret that our key encrypts needs a data key from it.
WRITES = {"s3:PutObject", "secretsmanager:PutSecretValue"}
START = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:GetSecretValue",
    "kms:Decrypt",
}
# GuardDuty's own accounts, from whose registries the agent comes that it puts beside each task
# (https://docs.aws.amazon.com/guardduty/latest/ug/ecs-runtime-agent-ecr-image-uri.html, read 2026-11-22).
GUARDDUTY = {"us-east-1": "593207742271", "us-west-2": "733349766148"}


def _roles(state: State, kind: str) -> Iterator[tuple[Resource, str, str]]:
    """(role, what it is of, region) of the task or execution roles."""
    for role in state.of("iam_role"):
        found = role["name"].rsplit("-", 2)
        if len(found) == 3 and found[2] == kind and found[1] in (*TASKS, *COMMANDS):
            yield role, found[1], next((name for name in GUARDDUTY if name in found[0]), "")


def _things(state: State, region: str) -> dict[str, str]:
    """ARN to what it is, of the region's secrets and buckets."""
    found = {}
    for arn, secret in secret_arns(state).items():
        if f":{region}:" in arn:
            found[arn] = secret["name"].rpartition("/")[2].replace("database-master", "master")
    for cluster in state.of("docdb_cluster"):
        for managed in cluster.blocks("master_user_secret") if cluster.region == region else []:
            found[managed["secret_arn"]] = "master"
    for bucket in state.of("s3_bucket"):
        kinds = [kind for kind in ("media", "backups") if f"-{kind}" in bucket["bucket"]]
        if kinds and bucket.region == region:
            found[bucket["arn"]] = kinds[0]
    return found


def _grants(granted: list[Statement], things: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(action, what) of every pair that the statements allow; what we do not know keeps its ARN."""
    for statement in granted:
        for arn in statement.resources if statement.is_allow else []:
            bucket, slash, key = arn.partition("/")
            what = things.get(arn) or (things[bucket] + slash + key.removesuffix("*") if bucket in things else arn)
            yield from ((action, what) for action in statement.actions)


@rule
def tasks_may_what_they_must(subject: Subject) -> Findings:
    """The role of a task may do what its code does, and nothing else (deploy/terraform/region/task_roles.tf)."""
    has_database = {cluster.region for cluster in subject.state.of("docdb_cluster")}
    for role, of, region in _roles(subject.state, "task"):
        granted = policies.of_role(subject.state, role)
        pairs = {pair for pair in _grants(granted, _things(subject.state, region)) if not pair[0].startswith("kms:")}
        wanted = MAY.get(of, set()) | {("secretsmanager:GetSecretValue", "database")}
        # Without a cluster there is no master user.
        missing = {pair for pair in wanted - pairs if pair[1] != "master" or region in has_database}
        for action, what in sorted(missing):
            yield role.address, f"may not {action} on {what}"
        for action, what in sorted(pairs - wanted):
            if action not in WITH_IT and (what or region in has_database):
                yield role.address, f"may {action} on {what}, which {of} does not need"


@rule
def keys_go_with_the_work(subject: Subject) -> Findings:
    """A task's role uses our key of its region to decrypt, to encrypt if it writes, and by way of a service only."""
    for role, of, region in _roles(subject.state, "task"):
        used: set[str] = set()
        for statement in policies.of_role(subject.state, role):
            actions = {action for action in statement.actions if action.startswith("kms:")}
            used |= actions
            if actions and not set(statement.resources) <= _keys(subject.state, region):
                yield role.address, f"uses the keys {statement.resources}"
            if actions and not statement.conditions.get("kms:viaservice"):
                yield role.address, "uses the key by itself (kms:ViaService)"
            elif actions and _services_of(of) != _named_services(statement, region):
                yield role.address, f"uses the key through {statement.conditions['kms:viaservice']}"
        writes = any(action in WRITES for action, _ in MAY.get(of, set()))
        wanted = {"kms:Decrypt", "kms:GenerateDataKey"} if writes else {"kms:Decrypt"}
        if used != wanted:
            yield role.address, f"needs {sorted(wanted)} of the key, and has {sorted(used)}"


def _keys(state: State, region: str) -> set[str]:
    return {key["arn"] for key in state.of("kms_key") if key.region == region}


def _services_of(of: str) -> set[str]:
    uses_buckets = any(action.startswith("s3:") for action, _ in MAY.get(of, set()))
    return {"secretsmanager", "s3"} if uses_buckets else {"secretsmanager"}


def _named_services(statement: Statement, region: str) -> set[str]:
    end = f".{region}.amazonaws.com"
    return {name.removesuffix(end) for name in statement.conditions["kms:viaservice"] if name.endswith(end)}


@rule
def execution_roles_only_start(subject: Subject) -> Findings:
    """An execution role pulls our image, reads the application's secret, writes its own log, and does nothing else."""
    for role, of, region in _roles(subject.state, "execution"):
        granted = policies.of_role(subject.state, role)
        things = _things(subject.state, region)
        for problem in _start_problems(subject, granted, things, of, region):
            yield role.address, problem
        for statement in granted:
            uses_key = any(action.startswith("kms:") for action in statement.actions)
            if uses_key and not set(statement.resources) <= _keys(subject.state, region):
                yield role.address, f"uses the keys {statement.resources}"
            if uses_key and statement.conditions.get("kms:viaservice") != [f"secretsmanager.{region}.amazonaws.com"]:
                yield role.address, "uses the key for more than its secrets"


def _start_problems(
    subject: Subject, granted: list[Statement], things: dict[str, str], of: str, region: str
) -> Iterator[str]:
    actions = {action for statement in granted for action in statement.actions}
    if actions != START:
        yield f"may {sorted(actions - START)}, may not {sorted(START - actions)}"
    for action, what in _grants(granted, things):
        if action.startswith("secretsmanager:") and what != "application":
            yield f"reads the secret {what}"
        if action.startswith("logs:") and not what.endswith(f"/{of}:*"):
            yield f"writes {what}"
        if action == "ecr:BatchGetImage" and what not in _repositories(subject, region):
            yield f"pulls {what}"
    pulled = {what for action, what in _grants(granted, things) if action == "ecr:BatchGetImage"}
    for repository in sorted(_repositories(subject, region) - pulled):
        yield f"may not pull {repository}"


def _repositories(subject: Subject, region: str) -> set[str]:
    account = GUARDDUTY[region]
    agent = f"arn:aws:ecr:{region}:{account}:repository/aws-guardduty-agent-fargate"
    ours = {found["arn"] for found in subject.state.of("ecr_repository") if found.region == region}
    return {agent, *ours}


@rule
def only_tasks_have_the_roles(subject: Subject) -> Findings:
    """The roles of tasks are for ECS's tasks of this account and region, and have no policy of AWS's."""
    attached = {found["role"]: found["policy_arn"] for found in subject.state.of("iam_role_policy_attachment")}
    roles = [*_roles(subject.state, "task"), *_roles(subject.state, "execution")]
    for role, _, region in roles:
        for statement in policies.statements(role["assume_role_policy"]):
            if statement.principals != [("Service", "ecs-tasks.amazonaws.com")]:
                yield role.address, f"{statement.principals} may take it on"
            sources = statement.conditions.get("aws:sourcearn", [])
            if not statement.conditions.get("aws:sourceaccount") or not all(
                f":ecs:{region}:" in arn for arn in sources
            ):
                yield role.address, f"for {statement.conditions}"
        more = role["managed_policy_arns"] or [
            attached[name] for name in (role["name"], role["id"]) if name in attached
        ]
        if more:
            yield role.address, f"also has {more}"
        if (role["max_session_duration"] or 3600) > 3600:
            yield role.address, f"for {role['max_session_duration']} s at a time"


@rule
def tasks_have_their_own_roles(subject: Subject) -> Findings:
    """Every task definition has the two roles of its own name and region."""
    for task in subject.state.of("ecs_task_definition"):
        of = task["family"].rpartition("-")[2]
        for name, kind in (("execution_role_arn", "execution"), ("task_role_arn", "task")):
            if not str(task[name]).endswith(f"{task.region}-{of}-{kind}"):
                yield task.address, f"{name} is {task[name]}"


@rule
def scheduler_starts_commands_only(subject: Subject) -> Findings:
    """The scheduler starts tasks of one family in one cluster, and passes the roles of scheduled commands only."""
    for role in subject.state.of("iam_role"):
        if not role["name"].endswith("-scheduler"):
            continue
        trusted = [
            principal for found in policies.statements(role["assume_role_policy"]) for principal in found.principals
        ]
        if trusted != [("Service", "scheduler.amazonaws.com")]:
            yield role.address, f"{trusted} may take it on"
        granted = policies.of_role(subject.state, role)
        if not any("ecs:TagResource" in statement.actions for statement in granted):
            yield role.address, "may not tag what it starts, so that nothing starts"
        for statement in granted:
            for problem in _scheduler_problems(statement):
                yield role.address, problem


def _scheduler_problems(statement: Statement) -> Iterator[str]:
    if "ecs:RunTask" in statement.actions:
        if "ecs:cluster" not in statement.conditions:
            yield "starts tasks in any cluster"
        if not all(name.endswith("-scheduled:*") for name in statement.resources):
            yield f"starts {statement.resources}"
    if "iam:PassRole" in statement.actions:
        if statement.conditions.get("iam:passedtoservice") != ["ecs-tasks.amazonaws.com"]:
            yield "passes roles to any service"
        kinds = ("scheduled-execution", "scheduled-task", *(f"{name}-task" for name in COMMANDS))
        for arn in statement.resources:
            if not arn.endswith(kinds):
                yield f"passes {arn}"
