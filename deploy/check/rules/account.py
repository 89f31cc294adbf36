"""Images, secrets, backups, money, and what watches the account itself."""

import json
from fnmatch import fnmatchcase

from deploy.check.rules import Findings, Subject, policies, rule

LEAST_IMAGES = 10
LEAST_BACKUP_DAYS = 35
# Medium severity and above.
MEDIUM = 4


def _matches(pattern: str, name: str, kind: str) -> bool:
    return name.startswith(pattern) if kind == "PREFIX_MATCH" else fnmatchcase(name, pattern)


@rule
def images_are_scanned_and_copied(subject: Subject) -> Findings:
    """In production images are scanned on and on, copied to us-west-2, and enough of them stay to roll back to."""
    for repository in subject.state.of("ecr_repository") if subject.environment == "production" else []:
        name = repository["name"]
        scanned = [
            each
            for found in subject.state.of("ecr_registry_scanning_configuration")
            if found["scan_type"] == "ENHANCED" and found.region == repository.region
            for item in found.blocks("rule")
            for each in item["repository_filter"]
            if item["scan_frequency"] == "CONTINUOUS_SCAN" and _matches(each["filter"], name, each["filter_type"])
        ]
        if not scanned:
            yield repository.address, "is looked at only when an image is pushed"
        copied = [
            destination["region"]
            for found in subject.state.of("ecr_replication_configuration")
            for item in (found.block("replication_configuration").get("rule") or [])
            for destination in item["destination"]
            if any(_matches(each["filter"], name, each["filter_type"]) for each in item["repository_filter"] or [])
        ]
        if "us-west-2" not in copied:
            yield repository.address, f"is copied to {copied}"
    for policy in subject.state.of("ecr_lifecycle_policy"):
        for item in json.loads(policy["policy"])["rules"]:
            count = item["selection"]["countNumber"]
            if item["selection"]["tagStatus"] != "untagged" and count < LEAST_IMAGES:
                yield policy.address, f"keeps {count} images"


@rule
def images_come_from_here(subject: Subject) -> Findings:
    """A region's tasks pull from the registry of their region: the other one may be away."""
    for container in subject.state.containers():
        if f".ecr.{container.task.region}." not in container["image"]:
            yield container.address, container["image"]


@rule
def secrets_are_closed(subject: Subject) -> Findings:
    """A secret's copy uses the key over there, and no policy opens a secret to another account."""
    keys = subject.state.known("kms_key", "arn")
    closed = {
        found["secret_arn"]
        for found in subject.state.of("secretsmanager_secret_policy")
        if found["block_public_policy"]
        and any(
            not one.is_allow and "aws:principalaccount" in one.conditions
            for one in policies.statements(found["policy"])
        )
    }
    for secret in subject.state.of("secretsmanager_secret"):
        for replica in secret.blocks("replica"):
            key = keys.get(str(replica["kms_key_id"]))
            if not key or key.region != replica["region"]:
                yield secret.address, f"its copy is encrypted with {replica['kms_key_id']}"
        if "/database-master" not in secret["name"] and secret["arn"] not in closed:
            yield secret.address, "another account may be let in"


@rule
def backups_are_nightly(subject: Subject) -> Findings:
    """Of each database that takes orders a backup is made every night and kept for five weeks, here and over there."""
    vaults = subject.state.known("backup_vault", "arn")
    named = {(vault["name"], vault.region) for vault in vaults.values()}
    for plan in subject.state.of("backup_plan"):
        for item in plan.blocks("rule"):
            if not str(item["schedule"]).endswith("* * ? *)") or (item["target_vault_name"], plan.region) not in named:
                yield plan.address, f"{item['schedule']} into {item['target_vault_name']}"
            copies = item["copy_action"] or []
            if not any(vaults[one["destination_vault_arn"]].region != plan.region for one in copies):
                yield plan.address, "is copied to no other region"
            for kept in [item["lifecycle"], *(one["lifecycle"] for one in copies)]:
                days = (kept or [{}])[0].get("delete_after") or 0
                if days < LEAST_BACKUP_DAYS:
                    yield plan.address, f"is kept for {days} days"
    chosen = {arn for found in subject.state.of("backup_selection") for arn in found["resources"] or []}
    tried = {
        arn
        for found in subject.state.of("backup_restore_testing_selection")
        for arn in found["protected_resource_arns"] or []
    }
    for cluster in subject.state.of("docdb_cluster"):
        is_home = "standby" not in cluster.module
        if cluster["arn"] not in chosen and (is_home or subject.standby == "serving"):
            yield cluster.address, "is in no nightly backup"
        if cluster["arn"] not in tried and is_home:
            yield cluster.address, "nobody tries whether its backups can be restored"


@rule
def vaults_are_locked(subject: Subject) -> Findings:
    """Vaults have our key; in production nobody shortens how long backups are kept, which the lock allows for."""
    keys = subject.state.known("kms_key", "arn")
    locks = {(one["backup_vault_name"], one.region): one for one in subject.state.of("backup_vault_lock_configuration")}
    for vault in subject.state.of("backup_vault"):
        if vault["kms_key_arn"] not in keys:
            yield vault.address, "is not encrypted with our key"
        lock = locks.get((vault["name"], vault.region))
        if not lock and subject.environment == "production":
            yield vault.address, "is not locked"
        if lock and not (lock["min_retention_days"] or 0) <= LEAST_BACKUP_DAYS <= (lock["max_retention_days"] or 36500):
            yield lock.address, "refuses what the nightly plan wants to keep"


@rule
def money_is_told_of(subject: Subject) -> Findings:
    """Every notice of the monthly budget of this environment reaches a topic, and so does a service that costs more."""
    topics = subject.state.known("sns_topic", "arn")
    for budget in subject.state.of("budgets_budget"):
        if budget["time_unit"] != "MONTHLY":
            yield budget.address, f"is {budget['time_unit']}"
        values = [value for item in budget.blocks("cost_filter") for value in item["values"]]
        if values != [f"user:Environment${subject.environment}"]:
            yield budget.address, f"counts {values}"
        for notice in budget.blocks("notification"):
            told = set(notice["subscriber_sns_topic_arns"] or [])
            if not told & set(topics) and not notice["subscriber_email_addresses"]:
                yield budget.address, f"{notice['notification_type']}: tells nobody"
        yield from _anomalies(subject, float(budget["limit_amount"]))


def _anomalies(subject: Subject, month: float) -> Findings:
    topics = subject.state.known("sns_topic", "arn")
    for found in subject.state.of("ce_anomaly_subscription"):
        for one in found.blocks("subscriber"):
            topic = topics.get(one["address"])
            if not topic or topic.region != "us-east-1":
                yield found.address, f"tells {one['address']}"
        for one in found.blocks("threshold_expression"):
            least = [float(value) for each in one["dimension"] for value in each["values"]]
            if max(least, default=0) > month / 2:
                yield found.address, f"tells nobody of less than {least} of {month} dollars"


@rule
def the_account_is_watched(subject: Subject) -> Findings:
    """What exists once in an account is there, owned by production, and switched on."""
    if subject.environment != "production":
        return
    regions = {"us-east-1", "us-west-2"}
    for trail in subject.state.of("cloudtrail"):
        if not (trail["is_multi_region_trail"] and trail["enable_log_file_validation"] and trail["kms_key_id"]):
            yield trail.address, "has gaps: regions, validation or key"
    for type_name, argument in (
        ("guardduty_detector", "enable"),
        ("config_configuration_recorder_status", "is_enabled"),
        ("securityhub_account", "enable_default_standards"),
        ("accessanalyzer_analyzer", "type"),
    ):
        missing = regions - {found.region for found in subject.state.of(type_name) if found[argument]}
        if missing:
            yield f"aws_{type_name}", f"is not switched on in {sorted(missing)}"
    if not subject.state.of("cloudtrail"):
        yield "aws_cloudtrail", "nobody knows who did what"
    watched = [one for one in subject.state.of("guardduty_detector_feature") if one["name"] == "RUNTIME_MONITORING"]
    if not watched or any(one["status"] != "ENABLED" for one in watched):
        yield "aws_guardduty_detector_feature", "nobody looks into tasks"


@rule
def events_are_listened_to(subject: Subject) -> Findings:
    """No event rule is switched off; failed deployments and findings of medium severity are among what is told."""
    patterns = []
    for found in subject.state.of("cloudwatch_event_rule"):
        if found["state"] == "DISABLED" or found["is_enabled"] is False:
            yield found.address, "is switched off"
        patterns.append((found.address, found["event_pattern"] or ""))
    if not any("SERVICE_DEPLOYMENT_FAILED" in text for _, text in patterns):
        yield "aws_cloudwatch_event_rule", "nobody is told of a deployment that failed"
    for address, text in patterns:
        if "GuardDuty Finding" in text:
            least = json.loads(text)["detail"]["severity"][0]["numeric"][1]
            if least > MEDIUM:
                yield address, f"severity {least} and above only"
