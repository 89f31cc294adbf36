"""Buckets, and who may do what with them."""

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Resource, State

BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
# A bucket of logs that the load balancer writes: nothing in it is ever changed, and copies would only cost.
WITHOUT_VERSIONS = ("access-logs",)
PRIMARY, STANDBY = "us-east-1", "us-west-2"


def media_bucket(state: State, region: str = PRIMARY) -> Resource | None:
    found = [bucket for bucket in state.of("s3_bucket") if "-media" in bucket["bucket"] and bucket.region == region]
    return found[0] if found else None


@rule
def no_public_bucket(subject: Subject) -> Findings:
    """No bucket can be made public, by whatever policy or ACL."""
    for bucket in subject.state.of("s3_bucket"):
        block = subject.state.partner(bucket, "s3_bucket_public_access_block", "bucket")
        if not block or not all(block[name] is True for name in BLOCKS):
            yield bucket.address, "its public access block is missing or has gaps"
        owner = subject.state.partner(bucket, "s3_bucket_ownership_controls", "bucket")
        if not owner or owner.block("rule").get("object_ownership") != "BucketOwnerEnforced":
            yield bucket.address, "ACLs still count (BucketOwnerEnforced)"


@rule
def versioned_buckets(subject: Subject) -> Findings:
    """What is overwritten or deleted in a bucket can be brought back for a while, and then goes."""
    for bucket in subject.state.of("s3_bucket"):
        versions = subject.state.partner(bucket, "s3_bucket_versioning", "bucket")
        is_on = versions and versions.block("versioning_configuration").get("status") == "Enabled"
        if not is_on and not any(name in bucket["bucket"] for name in WITHOUT_VERSIONS):
            yield bucket.address, "keeps no versions"
        kept = subject.state.partner(bucket, "s3_bucket_lifecycle_configuration", "bucket")
        items = [item for item in (kept.blocks("rule") if kept else []) if item["status"] == "Enabled"]
        if not any(item["abort_incomplete_multipart_upload"] for item in items):
            yield bucket.address, "grows for ever: parts of uploads that stopped stay"


@rule
def logged_buckets(subject: Subject) -> Findings:
    """Who reads and writes a bucket is logged, into a bucket of the same region that is not logged itself."""
    logs = {found["bucket"]: found for found in subject.state.of("s3_bucket_logging")}
    buckets = subject.state.known("s3_bucket", "id", "bucket")
    for bucket in subject.state.of("s3_bucket"):
        is_for_logs = "-logs" in bucket["bucket"]
        target = buckets.get(str(logs[bucket["bucket"]]["target_bucket"])) if bucket["bucket"] in logs else None
        if not is_for_logs and (not target or target.region != bucket.region):
            yield bucket.address, f"is logged to {target['bucket'] if target else 'nothing'}"


@rule
def encrypted_buckets(subject: Subject) -> Findings:
    """Buckets encrypt what is written to them; media and backups with our own key of the same region."""
    keys = subject.state.known("kms_key", "arn", "id")
    for bucket in subject.state.of("s3_bucket"):
        found = subject.state.partner(bucket, "s3_bucket_server_side_encryption_configuration", "bucket")
        default = (found.block("rule").get("apply_server_side_encryption_by_default") or [{}])[0] if found else {}
        if not default.get("sse_algorithm"):
            yield bucket.address, "says nothing about encryption"
        key = keys.get(str(default.get("kms_master_key_id")))
        is_ours = any(name in bucket["bucket"] for name in ("-media", "-backups"))
        if is_ours and (default.get("sse_algorithm") != "aws:kms" or not key or key.region != bucket.region):
            yield bucket.address, f"{default.get('sse_algorithm')} with {default.get('kms_master_key_id')}"


def _is_tls_only(document: str, bucket: Resource) -> bool:
    for statement in policies.statements(document):
        refuses = not statement.is_allow and statement.conditions.get("aws:securetransport") == ["false"]
        objects = statement.covers("s3:GetObject", f"{bucket['arn']}/x")
        if refuses and statement.is_for_everybody and objects and statement.covers("s3:ListBucket", bucket["arn"]):
            return True
    return False


@rule
def tls_only_buckets(subject: Subject) -> Findings:
    """No bucket answers without TLS."""
    for bucket in subject.state.of("s3_bucket"):
        policy = subject.state.partner(bucket, "s3_bucket_policy", "bucket")
        if not policy or not _is_tls_only(policy["policy"], bucket):
            yield bucket.address, "its policy does not refuse plain HTTP"


@rule
def nobody_outside_reads(subject: Subject) -> Findings:
    """A bucket's policy allows nothing to everybody, and to AWS's services only on this account's behalf."""
    for policy in subject.state.of("s3_bucket_policy"):
        for statement in policies.statements(policy["policy"]):
            if statement.is_allow and statement.is_for_everybody:
                yield policy.address, f"everybody may {statement.actions}"


def _replicas(state: State, bucket: Resource) -> list[Resource]:
    """Where a bucket's objects are copied to; only rules that are switched on count."""
    found = state.partner(bucket, "s3_bucket_replication_configuration", "bucket")
    arns = [
        destination["bucket"]
        for item in (found.blocks("rule") if found else [])
        if item["status"] == "Enabled"
        for destination in item["destination"]
    ]
    known = state.known("s3_bucket", "arn")
    return [known[arn] for arn in arns if arn in known]


@rule
def media_are_replicated(subject: Subject) -> Findings:
    """Media, static files and backups are copied to us-west-2, into a bucket that keeps versions."""
    for bucket in subject.state.of("s3_bucket"):
        if bucket.region == PRIMARY and any(name in bucket["bucket"] for name in ("-media", "-static", "-backups")):
            replicas = _replicas(subject.state, bucket)
            if not replicas or {replica.region for replica in replicas} != {STANDBY}:
                yield bucket.address, f"is copied to {[replica['bucket'] for replica in replicas]}"


def _may_replicate(state: State, role: Resource, source: Resource, target: Resource) -> bool:
    granted = policies.of_role(state, role)
    return policies.may(granted, "s3:GetObjectVersionForReplication", f"{source['arn']}/x") and policies.may(
        granted, "s3:ReplicateObject", f"{target['arn']}/x"
    )


@rule
def replication_may(subject: Subject) -> Findings:
    """The role that copies objects may read the one bucket and write the other, and use both keys."""
    roles, buckets = subject.state.known("iam_role", "arn"), subject.state.known("s3_bucket", "id")
    for found in subject.state.of("s3_bucket_replication_configuration"):
        role, source = roles.get(found["role"]), buckets.get(found["bucket"])
        for target in _replicas(subject.state, source) if source else []:
            if not role or not source or not _may_replicate(subject.state, role, source, target):
                yield found.address, f"{found['role']} may not copy to {target['bucket']}"
        encrypted = [item for item in found.blocks("rule") if "-static" not in found["bucket"]]
        if not all(item["source_selection_criteria"] for item in encrypted):
            yield found.address, "leaves out what is encrypted with our key"


@rule
def incoming_is_emptied(subject: Subject) -> Findings:
    """Uploads that nobody saved are deleted (incoming/), also those that stopped halfway."""
    bucket = media_bucket(subject.state)
    found = subject.state.partner(bucket, "s3_bucket_lifecycle_configuration", "bucket") if bucket else None
    items = [item for item in (found.blocks("rule") if found else []) if item["status"] == "Enabled"]
    if not any(item["abort_incomplete_multipart_upload"] for item in items):
        yield (bucket.address if bucket else "s3"), "parts of uploads that stopped stay for ever"
    if not any(_prefix(item) == "incoming/" and item["expiration"] for item in items):
        yield (bucket.address if bucket else "s3"), "incoming/ is never emptied"


def _prefix(item: dict) -> str:
    return (item["filter"] or [{}])[0].get("prefix") or item.get("prefix") or ""


@rule
def uploads_from_our_pages(subject: Subject) -> Findings:
    """Browsers may upload to the media bucket from the site's own pages, and from no others."""
    site = {container.environment.get("SITE_URL") for container in subject.state.containers()}
    for found in subject.state.of("s3_bucket_cors_configuration"):
        for item in found.blocks("cors_rule"):
            if set(item["allowed_origins"]) != site or "PUT" not in item["allowed_methods"]:
                yield found.address, f"{item['allowed_methods']} from {item['allowed_origins']}"
