"""What is kept of the buckets: for how long, where the copies are, and who may read and write them."""

from collections.abc import Iterator
from typing import Any

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.rules.edge import behaviours
from deploy.check.state import Resource, State

# Days after which current objects may go, by part of the bucket's name; None: never.
LEAST_DAYS = {"-media": None, "-static": None, "-backups": 30, "-logs": 365}
LEAST_OLD_DAYS = 7
# Objects of these classes can be read at once.
AT_ONCE = {"GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "STANDARD_IA"}
SERVED = ("public/", "private/")
FORCED = (
    ("s3_bucket", "force_destroy"),
    ("ecr_repository", "force_delete"),
    ("backup_vault", "force_destroy"),
    ("route53_zone", "force_destroy"),
)


def _lifecycle(state: State, bucket: Resource) -> list[dict[str, Any]]:
    found = state.partner(bucket, "s3_bucket_lifecycle_configuration", "bucket")
    return [item for item in (found.blocks("rule") if found else []) if item["status"] == "Enabled"]


def _prefix(item: dict[str, Any]) -> str:
    return (item["filter"] or [{}])[0].get("prefix") or ""


def _days(item: dict[str, Any], block: str, name: str) -> int:
    return ((item[block] or [{}])[0] or {}).get(name) or 0


@rule
def nothing_goes_too_early(subject: Subject) -> Findings:
    """Media and static files stay until somebody deletes them, can be brought back for a week, and are read at once."""
    for bucket in subject.state.of("s3_bucket"):
        least = next((days for name, days in LEAST_DAYS.items() if name in bucket["bucket"]), None)
        for item in _lifecycle(subject.state, bucket):
            days, is_incoming = _days(item, "expiration", "days"), _prefix(item) == "incoming/"
            if days and not is_incoming and (least is None or days < least):
                yield bucket.address, f"deletes {_prefix(item) or 'everything'} after {days} days"
            old = _days(item, "noncurrent_version_expiration", "noncurrent_days")
            if old and not is_incoming and old < LEAST_OLD_DAYS:
                yield bucket.address, f"old versions of {_prefix(item) or 'everything'} go after {old} days"
            for class_name in {each["storage_class"] for each in item["transition"] or []} - AT_ONCE:
                yield bucket.address, f"moves {_prefix(item) or 'everything'} to {class_name}"


@rule
def old_versions_go(subject: Subject) -> Findings:
    """Every bucket forgets old versions after a while: what people had deleted must go."""
    for bucket in subject.state.of("s3_bucket"):
        items = _lifecycle(subject.state, bucket)
        if not [item for item in items if _days(item, "noncurrent_version_expiration", "noncurrent_days")]:
            yield bucket.address, "keeps old versions for ever"


def _rules(configuration: Resource) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each rule that is switched on, with its destination."""
    for item in configuration.blocks("rule"):
        if item["status"] == "Enabled":
            yield item, item["destination"][0]


@rule
def copies_are_whole(subject: Subject) -> Findings:
    """Copies are made within fifteen minutes, with deletions, by the key over there; media in both directions."""
    keys, buckets = subject.state.known("kms_key", "arn"), subject.state.known("s3_bucket", "arn")
    for found in subject.state.of("s3_bucket_replication_configuration"):
        prefixes = set()
        for item, destination in _rules(found):
            prefixes.add(_prefix(item))
            in_time = [(destination[name] or [{}])[0].get("status") for name in ("replication_time", "metrics")]
            if in_time != ["Enabled", "Enabled"]:
                yield found.address, "nobody promises or measures when the copy is there"
            if (item["delete_marker_replication"] or [{}])[0].get("status") != "Enabled":
                yield found.address, "what is deleted here stays there"
            key = (destination["encryption_configuration"] or [{}])[0].get("replica_kms_key_id")
            target = buckets.get(destination["bucket"])
            if key and (key not in keys or not target or keys[key].region != target.region):
                yield found.address, f"copies are encrypted with {key}"
        if "-media" in found["bucket"] and "" not in prefixes and not prefixes >= set(SERVED):
            yield found.address, f"copies {sorted(prefixes)} only"
    copied = {found["bucket"] for found in subject.state.of("s3_bucket_replication_configuration")}
    for bucket in subject.state.of("s3_bucket"):
        if "-media" in bucket["bucket"] and bucket["id"] not in copied:
            yield bucket.address, "what is uploaded there after a fail-over is nowhere else"


@rule
def uploads_are_accelerated(subject: Subject) -> Findings:
    """Uploads enter AWS's network near the uploader (transfer acceleration), in both regions."""
    for bucket in subject.state.of("s3_bucket"):
        found = subject.state.partner(bucket, "s3_bucket_accelerate_configuration", "bucket")
        if "-media" in bucket["bucket"] and (not found or found["status"] != "Enabled"):
            yield bucket.address, "is not accelerated"


@rule
def production_is_not_emptied(subject: Subject) -> Findings:
    """Nothing that holds data of production is deleted together with what is in it."""
    if subject.environment == "production":
        for type_name, argument in FORCED:
            for found in subject.state.of(type_name):
                if found[argument]:
                    yield found.address, f"{argument}: goes with everything in it"


def _read_by_cloudfront(document: str | None) -> Iterator[policies.Statement]:
    for statement in policies.statements(document):
        if statement.is_allow and ("Service", "cloudfront.amazonaws.com") in statement.principals:
            yield statement


@rule
def cloudfront_reads_its_buckets(subject: Subject) -> Findings:
    """Each bucket behind CloudFront lets that distribution, no other, read what it serves, never incoming/."""
    buckets = subject.state.known("s3_bucket", "bucket_regional_domain_name")
    for distribution in subject.state.of("cloudfront_distribution"):
        served = [item.get("path_pattern") or "/*" for item in behaviours(distribution)]
        for origin in distribution.blocks("origin"):
            bucket = buckets.get(origin["domain_name"])
            policy = subject.state.partner(bucket, "s3_bucket_policy", "bucket") if bucket else None
            if bucket:
                for problem in _reading(bucket, policy, distribution["arn"], served):
                    yield bucket.address, problem


def _reading(bucket: Resource, policy: Resource | None, distribution: str, served: list[str]) -> Iterator[str]:
    found = list(_read_by_cloudfront(policy["policy"] if policy else None))
    sources = [
        statement.values.get("Condition", {}).get("StringEquals", {}).get("aws:SourceArn") for statement in found
    ]
    if [source if isinstance(source, str) else (source or [None])[0] for source in sources] != [distribution]:
        yield f"may be read by {sources}, not by {distribution} alone"
    may_read = [path for path in served if policies.may(found, "s3:GetObject", f"{bucket['arn']}{path}")]
    if found and not may_read:
        yield f"nothing of {served} may be read"
    if policies.may(found, "s3:GetObject", f"{bucket['arn']}/incoming/x"):
        yield "what was uploaded and never looked at may be read (incoming/)"


@rule
def cloudfront_may_decrypt(subject: Subject) -> Findings:
    """The key of a bucket behind CloudFront lets CloudFront decrypt."""
    keys = subject.state.known("kms_key", "arn")
    for bucket in subject.state.of("s3_bucket"):
        policy = subject.state.partner(bucket, "s3_bucket_policy", "bucket")
        found = subject.state.partner(bucket, "s3_bucket_server_side_encryption_configuration", "bucket")
        default = (found.block("rule").get("apply_server_side_encryption_by_default") or [{}])[0] if found else {}
        key = keys.get(str(default.get("kms_master_key_id")))
        is_served = policy and list(_read_by_cloudfront(policy["policy"]))
        if key and is_served and not policies.may(_read_by_cloudfront(key["policy"]), "kms:Decrypt", "*"):
            yield bucket.address, "CloudFront may not use its key"


def _writers(state: State) -> Iterator[tuple[Resource, str, str, str]]:
    """(who is told, bucket's name, folder, service) of everything that writes logs into a bucket."""
    for found in state.of("s3_bucket_logging"):
        yield found, found["target_bucket"], found["target_prefix"], "logging.s3.amazonaws.com"
    for found in state.of("cloudtrail"):
        yield found, found["s3_bucket_name"], f"{found['s3_key_prefix']}/", "cloudtrail.amazonaws.com"
    for found in state.of("config_delivery_channel"):
        yield found, found["s3_bucket_name"], f"{found['s3_key_prefix']}/", "config.amazonaws.com"
    for found in state.of("cloudwatch_log_delivery_destination"):
        arn = found.block("delivery_destination_configuration")["destination_resource_arn"]
        name, _, folder = arn.removeprefix("arn:aws:s3:::").partition("/")
        yield found, name, f"{folder}/", "delivery.logs.amazonaws.com"


@rule
def logs_may_be_written(subject: Subject) -> Findings:
    """Whoever writes logs into a bucket may write into the folder that it is told."""
    buckets = subject.state.known("s3_bucket", "bucket")
    for teller, name, folder, service in _writers(subject.state):
        bucket = buckets.get(name)
        policy = subject.state.partner(bucket, "s3_bucket_policy", "bucket") if bucket else None
        granted = [
            statement
            for statement in policies.statements(policy["policy"] if policy else None)
            if ("Service", service) in statement.principals
        ]
        if not bucket or not policies.may(granted, "s3:PutObject", f"{bucket['arn']}/{folder}x"):
            yield teller.address, f"{service} may not write {name}/{folder}"
