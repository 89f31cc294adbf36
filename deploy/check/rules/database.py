"""DocumentDB."""

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

# Minutes of the day in UTC: from half past midnight to a quarter to six in India, or so.
NIGHT = (18 * 60, 24 * 60)


def _is_primary(cluster: Resource) -> bool:
    return "standby" not in cluster.module


def instances_of(state: State, cluster: Resource) -> list[Resource]:
    return [
        found
        for found in state.of("docdb_cluster_instance")
        if found["cluster_identifier"] in (cluster["id"], cluster["cluster_identifier"])
    ]


@rule
def database_is_kept(subject: Subject) -> Findings:
    """The database can be restored to any second of seven days, and in production is not deleted by mistake."""
    for cluster in subject.state.of("docdb_cluster"):
        if (cluster["backup_retention_period"] or 1) < 7:
            yield cluster.address, f"backups are kept for {cluster['backup_retention_period'] or 1} days"
        if cluster["skip_final_snapshot"] or not cluster["final_snapshot_identifier"]:
            yield cluster.address, "would go without a last snapshot"
        if subject.environment == "production" and not cluster["deletion_protection"]:
            yield cluster.address, "can be deleted"


@rule
def database_is_encrypted(subject: Subject) -> Findings:
    """The database is encrypted with our key, and its master password is AWS's to manage."""
    keys = subject.state.known("kms_key", "arn")
    for cluster in subject.state.of("docdb_cluster"):
        if not cluster["storage_encrypted"] or cluster["kms_key_id"] not in keys:
            yield cluster.address, "is not encrypted with our key"
        if cluster["master_password"]:
            yield cluster.address, "its master password is in the state"
        is_global = cluster["global_cluster_identifier"] or subject.state.of("docdb_global_cluster")
        if not cluster["manage_master_user_password"] and not is_global:
            yield cluster.address, "its master password is nobody's to rotate"


@rule
def database_tells(subject: Subject) -> Findings:
    """TLS is required, and who logs in and what is slow is written to log groups that exist."""
    groups = {(found["name"], found.region): found for found in subject.state.of("docdb_cluster_parameter_group")}
    logs = {(found["name"], found.region) for found in subject.state.of("cloudwatch_log_group")}
    for cluster in subject.state.of("docdb_cluster"):
        found = groups.get((cluster["db_cluster_parameter_group_name"], cluster.region))
        values = {item["name"]: item["value"] for item in found.blocks("parameter")} if found else {}
        if values.get("tls") in (None, "disabled") or values.get("audit_logs") in (None, "disabled", "none"):
            yield cluster.address, f"parameters {values}"
        for name in ("profiler", "ttl_monitor"):
            if values.get(name) != "enabled":
                yield cluster.address, f"its {name} is {values.get(name)}"
        exported = set(cluster["enabled_cloudwatch_logs_exports"] or [])
        for name in sorted({"audit", "profiler"} - exported):
            yield cluster.address, f"keeps its {name} log to itself"
        for name in sorted(exported):
            if (f"/aws/docdb/{cluster['cluster_identifier']}/{name}", cluster.region) not in logs:
                yield cluster.address, f"its {name} log has no group of ours, so it would be kept for ever"


@rule
def parameters_fit_the_engine(subject: Subject) -> Findings:
    """The parameter group is of the engine's family."""
    groups = subject.state.known("docdb_cluster_parameter_group", "name")
    for cluster in subject.state.of("docdb_cluster"):
        found = groups.get(str(cluster["db_cluster_parameter_group_name"]))
        family = "docdb" + ".".join(str(cluster["engine_version"]).split(".")[:2])
        if not found or found["family"] != family:
            yield (
                cluster.address,
                f"{cluster['engine_version']} with {found['family'] if found else 'no parameter group'}",
            )


@rule
def database_survives_a_zone(subject: Subject) -> Findings:
    """In production the database has an instance in each of three zones, of which one takes over."""
    for cluster in subject.state.of("docdb_cluster"):
        own = instances_of(subject.state, cluster)
        zones = {found["availability_zone"] for found in own}
        if not own:
            yield cluster.address, "has no instance"
        elif _is_primary(cluster) and subject.environment == "production" and len(zones) < 3:
            yield cluster.address, f"is in {sorted(zones)}"
        tiers = [found["promotion_tier"] for found in own]
        if len(set(tiers)) != len(tiers):
            yield cluster.address, f"promotion tiers {tiers}: nobody knows who takes over"


@rule
def database_stands_in_its_network(subject: Subject) -> Findings:
    """The cluster is in a subnet group and security groups of its own network."""
    subnets, groups = subject.state.known("subnet", "id"), subject.state.known("security_group", "id")
    placed = {(found["name"], found.region): found for found in subject.state.of("docdb_subnet_group")}
    for cluster in subject.state.of("docdb_cluster"):
        found = placed.get((cluster["db_subnet_group_name"], cluster.region))
        networks = {subnets[name]["vpc_id"] for name in found["subnet_ids"]} if found else set()
        networks |= {groups[name]["vpc_id"] for name in cluster["vpc_security_group_ids"] or [] if name in groups}
        if not found or len(networks) != 1 or not cluster["vpc_security_group_ids"]:
            yield cluster.address, f"subnet group {cluster['db_subnet_group_name']}, networks {sorted(networks)}"


def _minutes(time: str) -> int:
    hour, minute = time.split(":")[-2:]
    return int(hour) * 60 + int(minute)


@rule
def database_is_serviced_at_night(subject: Subject) -> Findings:
    """Backups and maintenance of the database happen while India sleeps, and never of two instances at once."""
    for cluster in subject.state.of("docdb_cluster"):
        own = instances_of(subject.state, cluster)
        windows = [found["preferred_maintenance_window"] for found in own]
        if len(set(windows)) < min(len(windows), 3):
            yield cluster.address, f"instances are serviced at {windows}"
        for window in [cluster["preferred_backup_window"], cluster["preferred_maintenance_window"], *windows]:
            begin, _, end = str(window or "00:00-24:00").partition("-")
            if not NIGHT[0] <= _minutes(begin) < _minutes(end) <= NIGHT[1]:
                yield cluster.address, f"is serviced or backed up at {window} (UTC)"


@rule
def database_tells_of_failures(subject: Subject) -> Findings:
    """DocumentDB tells a topic of its region when the cluster fails over, or it or an instance of it fails."""
    topics = subject.state.known("sns_topic", "arn")
    for cluster in subject.state.of("docdb_cluster"):
        sources = {cluster["id"], *(found["id"] for found in instances_of(subject.state, cluster))}
        told = {
            (name, kind)
            for found in subject.state.of("docdb_event_subscription")
            if found["sns_topic_arn"] in topics and topics[found["sns_topic_arn"]].region == cluster.region
            for name in found["source_ids"] or []
            for kind in found["event_categories"] or []
        }
        for name in sorted(sources):
            if (name, "failure") not in told or (name == cluster["id"] and (name, "failover") not in told):
                yield cluster.address, f"nobody is told that {name} fails or fails over"


@rule
def followers_follow(subject: Subject) -> Findings:
    """A global cluster is protected in production, and the standby's cluster is part of it."""
    for found in subject.state.of("docdb_global_cluster"):
        if subject.environment == "production" and not found["deletion_protection"]:
            yield found.address, "can be deleted"
        for cluster in subject.state.of("docdb_cluster"):
            if not _is_primary(cluster) and cluster["global_cluster_identifier"] != found["id"]:
                yield cluster.address, f"is part of {cluster['global_cluster_identifier']}"


@rule
def global_cluster_classes(subject: Subject) -> Findings:
    """A global cluster takes no burstable instances (db.t3, db.t4g)."""
    if subject.state.of("docdb_global_cluster"):
        for found in subject.state.of("docdb_cluster_instance"):
            if found["instance_class"].startswith("db.t"):
                yield found.address, found["instance_class"]
