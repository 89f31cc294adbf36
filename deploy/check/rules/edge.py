"""CloudFront, its firewall, and the names that lead there."""

import re

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

HTTPS_ONLY = {"https-only", "redirect-to-https"}
MODERN = re.compile(r"^TLSv1\.(2_202[15]|3_)")
MANAGED_GROUPS = {
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
}
ALL_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def behaviours(distribution: Resource) -> list[dict]:
    return distribution.blocks("default_cache_behavior") + distribution.blocks("ordered_cache_behavior")


def _site(state: State) -> Resource | None:
    """The distribution that the site's pages come from: its default origin is no bucket."""
    for found in state.of("cloudfront_distribution"):
        origins = {origin["origin_id"]: origin for origin in found.blocks("origin")}
        if origins.get(found.block("default_cache_behavior")["target_origin_id"], {}).get("custom_origin_config"):
            return found
    return None


def _is_bucket(origin: dict) -> bool:
    return not origin["custom_origin_config"]


@rule
def https_to_people(subject: Subject) -> Findings:
    """CloudFront speaks TLS 1.2 and newer, with a certificate of us-east-1, and nothing without TLS."""
    for distribution in subject.state.of("cloudfront_distribution"):
        for behaviour in behaviours(distribution):
            if behaviour["viewer_protocol_policy"] not in HTTPS_ONLY:
                yield distribution.address, f"{behaviour.get('path_pattern') or 'pages'} also over plain HTTP"
        certificate = distribution.block("viewer_certificate")
        if ":acm:us-east-1:" not in (certificate.get("acm_certificate_arn") or ""):
            yield distribution.address, f"certificate {certificate.get('acm_certificate_arn')}"
        if not MODERN.match(certificate.get("minimum_protocol_version") or ""):
            yield distribution.address, f"allows {certificate.get('minimum_protocol_version')}"


def _covers(certificate: Resource, name: str) -> bool:
    names = {certificate["domain_name"], *(certificate["subject_alternative_names"] or [])}
    return name in names or f"*.{name.partition('.')[2]}" in names


@rule
def certificates_cover_names(subject: Subject) -> Findings:
    """A certificate has the names that people and CloudFront use."""
    certificates = subject.state.known("acm_certificate", "arn")
    for distribution in subject.state.of("cloudfront_distribution"):
        certificate = certificates.get(str(distribution.block("viewer_certificate").get("acm_certificate_arn")))
        for name in distribution["aliases"] or []:
            if not certificate or not _covers(certificate, name):
                yield distribution.address, f"its certificate has no {name}"
    asked = {
        origin["domain_name"]
        for found in subject.state.of("cloudfront_distribution")
        for origin in found.blocks("origin")
        if not _is_bucket(origin)
    }
    for listener in subject.state.of("lb_listener"):
        certificate = certificates.get(str(listener["certificate_arn"]))
        for name in asked if listener["protocol"] == "HTTPS" else ():
            if not certificate or not _covers(certificate, name):
                yield listener.address, f"its certificate has no {name}, by which CloudFront asks"


@rule
def buckets_through_oac(subject: Subject) -> Findings:
    """CloudFront signs what it asks of a bucket (origin access control), and the bucket is one of ours."""
    buckets = {bucket["bucket_regional_domain_name"] for bucket in subject.state.of("s3_bucket")}
    controls = subject.state.known("cloudfront_origin_access_control", "id")
    for distribution in subject.state.of("cloudfront_distribution"):
        for origin in distribution.blocks("origin"):
            if not _is_bucket(origin):
                continue
            control = controls.get(str(origin["origin_access_control_id"]))
            if not control or control["signing_behavior"] != "always":
                yield distribution.address, f"origin {origin['origin_id']} is asked unsigned"
            if origin["domain_name"] not in buckets:
                yield distribution.address, f"{origin['domain_name']} is no bucket of ours"


@rule
def origins_by_https(subject: Subject) -> Findings:
    """CloudFront reaches the load balancer over TLS 1.2 only, with the secret header, and closes connections first."""
    for distribution in subject.state.of("cloudfront_distribution"):
        for origin in distribution.blocks("origin"):
            for config in origin["custom_origin_config"] or []:
                if config["origin_protocol_policy"] != "https-only" or set(config["origin_ssl_protocols"]) != {
                    "TLSv1.2"
                }:
                    yield distribution.address, f"{config['origin_protocol_policy']}, {config['origin_ssl_protocols']}"
                if not [header for header in origin["custom_header"] or [] if header["name"] == "X-Origin-Verify"]:
                    yield distribution.address, "sends no X-Origin-Verify"
                idle = [balancer["idle_timeout"] or 60 for balancer in subject.state.of("lb")]
                if any((config["origin_keepalive_timeout"] or 5) >= limit for limit in idle):
                    yield distribution.address, "keeps connections for longer than the load balancer"


@rule
def origins_exist(subject: Subject) -> Findings:
    """Every behaviour leads to an origin or a group of origins of its distribution."""
    for distribution in subject.state.of("cloudfront_distribution"):
        names = {item["origin_id"] for item in distribution.blocks("origin") + distribution.blocks("origin_group")}
        wanted = {behaviour["target_origin_id"] for behaviour in behaviours(distribution)}
        wanted |= {item["origin_id"] for group in distribution.blocks("origin_group") for item in group["member"]}
        for name in sorted(wanted - names):
            yield distribution.address, f"there is no origin {name}"


@rule
def media_survive_a_region(subject: Subject) -> Findings:
    """What comes from a bucket comes from the other region's copy when the first does not answer."""
    regions = {bucket["bucket_regional_domain_name"]: bucket.region for bucket in subject.state.of("s3_bucket")}
    for distribution in subject.state.of("cloudfront_distribution"):
        where = {
            origin["origin_id"]: regions.get(origin["domain_name"])
            for origin in distribution.blocks("origin")
            if _is_bucket(origin)
        }
        for behaviour in behaviours(distribution):
            if behaviour["target_origin_id"] in where:
                yield distribution.address, f"{behaviour.get('path_pattern')} has one bucket only"
        for group in distribution.blocks("origin_group"):
            if len({where.get(item["origin_id"]) for item in group["member"]}) < 2:
                yield distribution.address, f"{group['origin_id']} has one region only"


@rule
def private_media_are_signed(subject: Subject) -> Findings:
    """Media outside public/* are given out only for a signed address, checked with a key of ours."""
    groups = subject.state.known("cloudfront_key_group", "id")
    site = _site(subject.state)
    for distribution in subject.state.of("cloudfront_distribution"):
        for behaviour in behaviours(distribution) if distribution is not site else []:
            pattern = behaviour.get("path_pattern") or "*"
            trusted = behaviour["trusted_key_groups"] or []
            if pattern != "/public/*" and not (trusted and set(trusted) <= set(groups)):
                yield distribution.address, f"{pattern} is open to everybody"


@rule
def pages_are_personal(subject: Subject) -> Findings:
    """Pages pass CloudFront with every method, cookie and query, and are kept only where they allow it."""
    site = _site(subject.state)
    if not site:
        yield "cloudfront", "no distribution leads to the load balancer"
        return
    default = site.block("default_cache_behavior")
    if set(default["allowed_methods"]) != ALL_METHODS:
        yield site.address, f"lets only {default['allowed_methods']} through"
    if not default["origin_request_policy_id"]:
        yield site.address, "sends neither cookies nor Host on"
    policy = subject.state.known("cloudfront_cache_policy", "id").get(str(default["cache_policy_id"]))
    if policy:
        kept = policy["min_ttl"], policy["default_ttl"]
        key = policy.block("parameters_in_cache_key_and_forwarded_to_origin")
        cookies = (key.get("cookies_config") or [{}])[0].get("cookie_behavior")
        queries = (key.get("query_strings_config") or [{}])[0].get("query_string_behavior")
        if kept != (0, 0) or (cookies, queries) != ("all", "all"):
            yield site.address, f"pages are kept {kept} s, by cookies {cookies} and queries {queries}"


@rule
def edge_is_logged(subject: Subject) -> Findings:
    """Each distribution's access log goes to a bucket of ours."""
    sources = {found["resource_arn"]: found["name"] for found in subject.state.of("cloudwatch_log_delivery_source")}
    delivered = {found["delivery_source_name"] for found in subject.state.of("cloudwatch_log_delivery")}
    for distribution in subject.state.of("cloudfront_distribution"):
        if sources.get(distribution["arn"]) not in delivered:
            yield distribution.address, "keeps no access log"


@rule
def firewall(subject: Subject) -> Findings:
    """Both distributions are behind a web ACL that limits requests per address, blocks, and logs."""
    acls = {found["arn"]: found for found in subject.state.of("wafv2_web_acl") if found["scope"] == "CLOUDFRONT"}
    logged = {found["resource_arn"] for found in subject.state.of("wafv2_web_acl_logging_configuration")}
    for distribution in subject.state.of("cloudfront_distribution"):
        acl = acls.get(str(distribution["web_acl_id"]))
        if not acl:
            yield distribution.address, "has no firewall"
        elif acl["arn"] not in logged:
            yield acl.address, "does not log what it refuses"
    site = _site(subject.state)
    acl = acls.get(str(site["web_acl_id"])) if site else None
    for item in acl.blocks("rule") if acl else []:
        if any(_counts_only(item)):
            yield acl.address, f"{item['name']} only counts"  # type: ignore[union-attr]
    if acl and not [item for item in acl.blocks("rule") if item["statement"][0].get("rate_based_statement")]:
        yield acl.address, "limits nobody"
    groups = {
        group["name"]
        for item in (acl.blocks("rule") if acl else [])
        for group in item["statement"][0].get("managed_rule_group_statement") or []
    }
    for name in sorted(MANAGED_GROUPS - groups) if acl else []:
        yield acl.address, f"leaves out {name}"  # type: ignore[union-attr]


def _counts_only(item: dict) -> list[bool]:
    override = (item.get("override_action") or [{}])[0]
    return [bool(override.get("count"))]


@rule
def names_lead_to_cloudfront(subject: Subject) -> Findings:
    """The site's and the media's names lead to CloudFront, by IPv4 and IPv6."""
    names = {distribution["domain_name"]: distribution for distribution in subject.state.of("cloudfront_distribution")}
    found = {
        (record["name"].rstrip("."), record["type"]): names.get(record.block("alias").get("name"))
        for record in subject.state.of("route53_record")
        if record.blocks("alias")
    }
    for distribution in names.values():
        for name in distribution["aliases"] or []:
            for kind in ("A", "AAAA"):
                if found.get((name, kind)) is not distribution:
                    yield distribution.address, f"{name} ({kind}) does not lead there"


def _origin_names(state: State) -> set[str]:
    return {
        origin["domain_name"]
        for distribution in state.of("cloudfront_distribution")
        for origin in distribution.blocks("origin")
        if not _is_bucket(origin)
    }


@rule
def origin_fails_over(subject: Subject) -> Findings:
    """The load balancers' common name leads to the primary while its health check passes, else to the standby's."""
    checks = subject.state.known("route53_health_check", "id")
    balancers = subject.state.known("lb", "dns_name")
    for name in _origin_names(subject.state):
        records = [record for record in subject.state.of("route53_record") if record["name"].rstrip(".") == name]
        kinds = {
            record.block("failover_routing_policy").get("type"): record for record in records if record["type"] == "A"
        }
        if not records:
            yield "route53", f"{name} leads nowhere"
        for record in records:
            if record.blocks("alias") and record.block("alias")["name"] not in balancers:
                yield record.address, f"leads to {record.block('alias')['name']}"
        if subject.standby != "none" and set(kinds) != {"PRIMARY", "SECONDARY"}:
            yield "route53", f"{name} has {sorted(map(str, kinds))}"
        primary = kinds.get("PRIMARY")
        if primary and primary["health_check_id"] not in checks:
            yield primary.address, "has no health check, so it would never fail over"
        second = kinds.get("SECONDARY")
        if second and second.block("alias")["evaluate_target_health"] == (subject.standby == "serving"):
            yield second.address, "must be ready before it is turned to, and left by nobody but a person"


@rule
def health_checks_are_fast(subject: Subject) -> Findings:
    """Route 53 asks every ten seconds, over TLS, for a path that the site answers."""
    for check in subject.state.of("route53_health_check"):
        if check["type"] in ("CALCULATED", "CLOUDWATCH_METRIC"):
            continue
        if check["request_interval"] != 10 or not str(check["type"]).startswith("HTTPS"):
            yield check.address, f"{check['type']} every {check['request_interval']} s"
        if check["resource_path"] not in subject.site["health_paths"]:
            yield check.address, f"asks for {check['resource_path']}"


@rule
def children_exist(subject: Subject) -> Findings:
    """What a health check puts together or looks at exists, and it can pass, but for the primary's while it rests."""
    known = subject.state.known("route53_health_check", "id")
    alarms = {(alarm["alarm_name"], alarm.region) for alarm in subject.state.of("cloudwatch_metric_alarm")}
    for check in subject.state.of("route53_health_check"):
        missing = set(check["child_healthchecks"] or []) - set(known)
        is_too_much = (check["child_health_threshold"] or 0) > len(check["child_healthchecks"] or [])
        if missing or is_too_much != (check["type"] == "CALCULATED" and subject.standby == "serving"):
            yield check.address, f"{check['child_health_threshold']} of {check['child_healthchecks']}"
        alarm = check["cloudwatch_alarm_name"], check["cloudwatch_alarm_region"]
        if alarm[0] and alarm not in alarms:
            yield check.address, f"there is no alarm {alarm}"
