"""The domain: who decides where the origin's name leads, and who may speak for the zone."""

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

FAILURES = 3


def _balancer_of(state: State, record: Resource) -> Resource | None:
    return state.known("lb", "dns_name").get(str(record.block("alias").get("name")))


def _failover(state: State, kind: str) -> Resource | None:
    records = state.of("route53_record")
    return next((one for one in records if one.block("failover_routing_policy").get("type") == kind), None)


@rule
def failover_leads_across(subject: Subject) -> Findings:
    """The primary's record leads to us-east-1, the standby's to us-west-2, and every check of the primary must pass."""
    for kind, region in (("PRIMARY", "us-east-1"), ("SECONDARY", "us-west-2")):
        record = _failover(subject.state, kind)
        balancer = _balancer_of(subject.state, record) if record else None
        if record and (not balancer or balancer.region != region):
            yield record.address, f"leads to {balancer.address if balancer else 'nothing'}"
    primary = _failover(subject.state, "PRIMARY")
    check = subject.state.known("route53_health_check", "id").get(str(primary["health_check_id"])) if primary else None
    if check and (check["child_health_threshold"] or 0) < len(check["child_healthchecks"] or []):
        yield check.address, f"{check['child_health_threshold']} of {check['child_healthchecks']} are enough"


@rule
def health_checks_ask_one_region(subject: Subject) -> Findings:
    """A region is asked by its own name, counts as lost after three failures, and while it serves only for liveness."""
    led = {record["name"].rstrip("."): record for record in subject.state.of("route53_record") if record["type"] == "A"}
    serving = "us-west-2" if subject.standby == "serving" else "us-east-1"
    for check in subject.state.of("route53_health_check"):
        if not check["fqdn"]:
            continue
        record = led.get(check["fqdn"])
        balancer = _balancer_of(subject.state, record) if record else None
        if not balancer or record["set_identifier"]:  # type: ignore[index]
            yield check.address, f"{check['fqdn']} is not one load balancer's own name"
        if check["failure_threshold"] != FAILURES:
            yield check.address, f"counts as lost after {check['failure_threshold']} failures"
        if balancer and balancer.region == serving and check["resource_path"] != "/health/live":
            yield check.address, f"the region would be lost with its database: {check['resource_path']}"


@rule
def the_switch_keeps_its_place(subject: Subject) -> Findings:
    """A person's switch stays as it was set, in the region that lives when us-east-1 does not."""
    alarms = subject.state.known("cloudwatch_metric_alarm", "alarm_name")
    for check in subject.state.of("route53_health_check"):
        if check["type"] != "CLOUDWATCH_METRIC":
            continue
        alarm = alarms.get(check["cloudwatch_alarm_name"])
        if check["insufficient_data_health_status"] != "LastKnownStatus":
            yield check.address, f"without data it is {check['insufficient_data_health_status']}"
        if alarm and (alarm["treat_missing_data"] != "ignore" or alarm.region != "us-west-2"):
            yield alarm.address, f"{alarm['treat_missing_data']}, in {alarm.region}"


@rule
def the_zone_is_guarded(subject: Subject) -> Findings:
    """Only Amazon issues certificates, by DNS; in production the zone is signed and its queries are logged."""
    caa = [record for record in subject.state.of("route53_record") if record["type"] == "CAA"]
    values = [value for record in caa for value in record["records"]]
    if not values or any("amazon.com" not in value for value in values):
        yield "aws_route53_record", f"certificates may be issued by {values or 'everybody'}"
    for found in subject.state.of("acm_certificate"):
        if found["validation_method"] != "DNS":
            yield found.address, f"is validated by {found['validation_method']}, and never renewed by itself"
    if subject.environment == "production":
        for zone in subject.state.of("route53_zone"):
            for type_name, argument in (
                ("route53_hosted_zone_dnssec", "hosted_zone_id"),
                ("route53_query_log", "zone_id"),
            ):
                if not [one for one in subject.state.of(type_name) if one[argument] in (zone["zone_id"], zone["id"])]:
                    yield zone.address, f"has no {type_name}"
