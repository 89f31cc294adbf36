"""What the tasks are given: the site's settings, and its secrets."""

import re
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Container, Resource, State

SECRET = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|CREDENTIAL|API_KEY|EMAIL_URL)")
# They name a secret, or are public halves.
NO_SECRETS = {"DATABASE_SECRET_ARN", "DATABASE_MASTER_SECRET_ARN", "CLOUDFRONT_KEY_ID"}
VALUE_FROM = re.compile(r"^(arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+):([A-Za-z0-9_]*):([^:]*):([^:]*)$")


def secret_arns(state: State) -> dict[str, Resource]:
    """The ARN of every secret, and of its replicas in other regions."""
    found: dict[str, Resource] = {}
    for secret in state.of("secretsmanager_secret"):
        regions = [secret.region, *(replica["region"] for replica in secret.blocks("replica"))]
        found |= {secret["arn"].replace(f":{secret.region}:", f":{region}:"): secret for region in regions}
    return found


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def reads_secret(state: State, role: Resource, arn: str) -> bool:
    return policies.may(policies.of_role(state, role), "secretsmanager:GetSecretValue", arn)


@rule
def known_settings(subject: Subject) -> Findings:
    """Every variable of a task is one that the site reads (.env.example), and is set once."""
    for container in subject.state.containers():
        names = [entry["name"] for entry in (container["environment"] or []) + (container["secrets"] or [])]
        for name, count in Counter(names).items():
            if name not in subject.site["variables"]:
                yield container.address, f"{name} is read by nothing"
            if count > 1:
                yield container.address, f"{name} is set {count} times"


@rule
def required_settings(subject: Subject) -> Findings:
    """Every task gets each setting without which the site does not start."""
    for container in subject.state.containers():
        given = {name for name, value in container.environment.items() if value.strip()} | set(container.secrets)
        for name in sorted(set(subject.site["required"]) - given):
            yield container.address, f"{name} is missing or empty"


@rule
def no_secret_in_plain(subject: Subject) -> Findings:
    """No secret is in the plain environment, where everybody who may look at a task can read it."""
    for container in subject.state.containers():
        for name, value in container.environment.items():
            if (SECRET.search(name) and name not in NO_SECRETS) or re.search(r"://[^/@\s]+:[^/@\s]+@", value):
                yield container.address, f"{name} looks like a secret"


@rule
def secret_exists(subject: Subject) -> Findings:
    """valueFrom is ARN:key:: of a secret that exists in the task's own region."""
    known = secret_arns(subject.state)
    for container in subject.state.containers():
        for name, value_from in container.secrets.items():
            parts = VALUE_FROM.match(value_from)
            arn = parts[1] if parts else ""
            if arn not in known or region_of(arn) != container.task.region:
                yield container.address, f"{name} comes from {value_from}"
            elif parts and parts[2] != name:
                yield container.address, f"{name} comes from the key “{parts[2]}”"


def _reader_problem(state: State, role: Resource | None, arn: str, name: str) -> str:
    if not role or not reads_secret(state, role, arn):
        return f"{name}: {role['name'] if role else 'nobody'} may not read {arn}"
    return ""


@rule
def execution_role_reads_secrets(subject: Subject) -> Findings:
    """A task's execution role may read each secret that the task is started with, and use the key it is kept with."""
    roles = subject.state.known("iam_role", "arn")
    for container in subject.state.containers():
        role = roles.get(str(container.task["execution_role_arn"]))
        for name, value_from in container.secrets.items():
            parts = VALUE_FROM.match(value_from)
            problem = _reader_problem(subject.state, role, parts[1], name) if parts else ""
            if problem:
                yield container.address, problem
        if container.secrets and role and not _may_decrypt(subject.state, role, container.task.region):
            yield container.address, f"{role['name']} may not use the key of its secrets (kms:Decrypt)"


def _may_decrypt(state: State, role: Resource, region: str) -> bool:
    keys = [key["arn"] for key in state.of("kms_key") if key.region == region and key["key_usage"] != "SIGN_VERIFY"]
    granted = policies.of_role(state, role)
    return any(policies.may(granted, "kms:Decrypt", arn) for arn in keys)


@rule
def task_role_reads_database_secret(subject: Subject) -> Findings:
    """DATABASE_SECRET_ARN is a secret of the task's region that the task's own role may read, also after a rotation."""
    roles, known = subject.state.known("iam_role", "arn"), secret_arns(subject.state)
    for container in subject.state.containers():
        arn = container.environment.get("DATABASE_SECRET_ARN", "")
        if arn not in known or region_of(arn) != container.task.region:
            yield container.address, f"DATABASE_SECRET_ARN is {arn or 'not set'}"
            continue
        problem = _reader_problem(subject.state, roles.get(container.task["task_role_arn"]), arn, "DATABASE_SECRET_ARN")
        if problem:
            yield container.address, problem


def _cluster_of(state: State, container: Container) -> Resource | None:
    host = urlsplit(container.environment.get("DATABASE_URL", "")).hostname
    return next((found for found in state.of("docdb_cluster") if found["endpoint"] == host), None)


@rule
def database_url(subject: Subject) -> Findings:
    """DATABASE_URL leads to the cluster of the task's region and says its engine, and no password."""
    for container in subject.state.containers():
        url = urlsplit(container.environment.get("DATABASE_URL", ""))
        cluster = _cluster_of(subject.state, container)
        if url.scheme != "documentdb" or url.username or not cluster or cluster.region != container.task.region:
            if cluster or not _has_no_database(subject, container.task.region):
                yield container.address, f"DATABASE_URL is {url.geturl()}"
            continue
        engine = parse_qs(url.query).get("engine", [""])[0]
        if (
            url.port != (cluster["port"] or 27017)
            or engine.split(".")[0] != str(cluster["engine_version"]).split(".")[0]
        ):
            yield container.address, f"{url.geturl()}, but the cluster is {cluster['engine_version']}"


def _has_no_database(subject: Subject, region: str) -> bool:
    """Only a pilot light may be without one: its cluster comes out of the vault."""
    return subject.standby == "pilot-light" and not [
        found for found in subject.state.of("docdb_cluster") if found.region == region
    ]


@rule
def site_addresses(subject: Subject) -> Findings:
    """SITE_URL is https, its host is answered, and both proxies in front (CloudFront, load balancer) are counted."""
    for container in subject.state.containers():
        site = urlsplit(container.environment.get("SITE_URL", ""))
        if site.scheme != "https" or site.path:
            yield container.address, f"SITE_URL is {site.geturl()}"
        if site.hostname not in container.environment.get("ALLOWED_HOSTS", site.hostname or "").split(","):
            yield container.address, f"ALLOWED_HOSTS has no {site.hostname}"
        if container.environment.get("PROXY_COUNT") != "2":
            yield container.address, f"PROXY_COUNT is {container.environment.get('PROXY_COUNT', 'not set')}"


# What every task of a region is told alike: a worker that looks at another database settles nothing.
ALIKE = (
    "SITE_URL",
    "ALLOWED_HOSTS",
    "PROXY_COUNT",
    "DATABASE_URL",
    "DATABASE_SECRET_ARN",
    "MEDIA_STORAGE_URL",
    "CLOUDFRONT_KEY_ID",
    "DEFAULT_FROM_EMAIL",
    "CONTACT_EMAIL",
    "LOG_LEVEL",
)


@rule
def tasks_agree(subject: Subject) -> Findings:
    """All tasks of a region are told the same of the site, its database and its media, and have the same secrets."""
    told: dict[tuple[str, str], object] = {}
    for container in subject.state.containers():
        values = {name: container.environment.get(name) for name in ALIKE} | {"secrets": container.secrets}
        for name, value in values.items():
            expected = told.setdefault((container.task.region, name), value)
            if value != expected:
                yield container.address, f"{name} is {value}, elsewhere {expected}"


@rule
def nothing_of_a_laptop(subject: Subject) -> Findings:
    """No task is told what is for a developer's machine only."""
    for container in subject.state.containers():
        if container.environment.get("DEBUG", "").lower() not in ("", "false", "0", "no", "off"):
            yield container.address, "shows people its insides (DEBUG)"
        if container.environment.get("LOG_LEVEL", "INFO").upper() == "DEBUG" and subject.environment == "production":
            yield container.address, "logs every query (LOG_LEVEL)"


@rule
def uploads_are_accelerated(subject: Subject) -> Findings:
    """Media are in the region's bucket of that name, by the fast way in, which is switched on for it."""
    buckets = subject.state.known("s3_bucket", "bucket")
    fast = {found["bucket"] for found in subject.state.of("s3_bucket_accelerate_configuration")}
    for container in subject.state.containers():
        url = urlsplit(container.environment.get("MEDIA_STORAGE_URL", ""))
        bucket = buckets.get(url.netloc)
        if (
            parse_qs(url.query).get("accelerate") != ["true"]
            or not bucket
            or not {bucket["id"], bucket["bucket"]} & fast
        ):
            yield container.address, f"uploads to {url.netloc} take the slow way"


@rule
def dumps_have_a_place(subject: Subject) -> Findings:
    """One-off and scheduled tasks know a bucket for dumps in their region (BACKUP_URL); no service needs it."""
    buckets = subject.state.known("s3_bucket", "bucket")
    for container in subject.state.containers():
        given = container.environment.get("BACKUP_URL", "")
        url = urlsplit(given)
        if (container.role in ("migrate", "scheduled")) != bool(given):
            yield container.address, f"BACKUP_URL is {given or 'not set'}"
        elif given and (
            url.scheme != "s3"
            or url.path != "/dumps"
            or url.netloc not in buckets
            or buckets[url.netloc].region != container.task.region
            or parse_qs(url.query).get("region") != [container.task.region]
        ):
            yield container.address, f"BACKUP_URL is {given}"


@rule
def master_user_is_for_few(subject: Subject) -> Findings:
    """Migrations and the rotation know where the cluster's own user is, and no service does."""
    for container in subject.state.containers():
        arn = container.environment.get("DATABASE_MASTER_SECRET_ARN")
        if (container.role in ("migrate", "scheduled")) != (arn is not None):
            yield container.address, f"DATABASE_MASTER_SECRET_ARN is {arn or 'not set'}"


# What each role does with which objects (courses/storage/, docs/media.md).
MEDIA_RIGHTS = {
    "frontend": [("s3:PutObject", "public/photos/x"), ("s3:GetObject", "private/captions/x")],
    "backend": [
        ("s3:PutObject", "incoming/x"),
        ("s3:PutObject", "private/videos/x"),
        ("s3:GetObject", "incoming/x"),
        ("s3:DeleteObject", "private/videos/x"),
    ],
}


@rule
def media_storage(subject: Subject) -> Findings:
    """Media are in a bucket of the task's region, in which the task's role may do what the role's pages do."""
    buckets, roles = subject.state.known("s3_bucket", "bucket"), subject.state.known("iam_role", "arn")
    for container in subject.state.containers():
        url = urlsplit(container.environment.get("MEDIA_STORAGE_URL", ""))
        bucket, region = buckets.get(url.netloc), parse_qs(url.query).get("region", [""])[0]
        if url.scheme != "s3" or not bucket or {region, bucket.region} != {container.task.region}:
            yield container.address, f"MEDIA_STORAGE_URL is {url.geturl()}"
            continue
        role = roles.get(str(container.task["task_role_arn"]))
        granted = policies.of_role(subject.state, role) if role else []
        for action, key in MEDIA_RIGHTS.get(container.role, []):
            if not policies.may(granted, action, f"{bucket['arn']}/{key}"):
                yield container.address, f"may not {action} on {key} of {bucket['bucket']}"


@rule
def media_addresses(subject: Subject) -> Findings:
    """The media's CDN is one of our CloudFront distributions, and the key that signs is in its key group."""
    keys = subject.state.known("cloudfront_public_key", "id")
    trusted = {key for group in subject.state.of("cloudfront_key_group") for key in group["items"]}
    aliases = {name for found in subject.state.of("cloudfront_distribution") for name in found["aliases"] or []}
    for container in subject.state.containers():
        query = parse_qs(urlsplit(container.environment.get("MEDIA_STORAGE_URL", "")).query)
        if urlsplit(query.get("cdn", [""])[0]).hostname not in aliases:
            yield container.address, f"no distribution answers for {query.get('cdn')}"
        key = container.environment.get("CLOUDFRONT_KEY_ID", "")
        if key not in keys or key not in trusted:
            yield container.address, f"CLOUDFRONT_KEY_ID {key} is in no key group"
