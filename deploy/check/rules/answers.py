"""What CloudFront says beside the site's own answers, what it keeps, and what it writes down."""

from typing import Any

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.edge import behaviours
from deploy.check.state import Resource

YEAR = 31_536_000
# Statuses that pages and files may answer with for a moment.
PASSING = {400, 403, 404, 405, 500, 502, 503, 504}
FAILING = {403, 404, 500, 502, 503, 504}
# A signed address, or a cookie, opens what it was given for to whoever reads the log.
SECRET_FIELDS = {"cs-uri-query", "cs(Cookie)"}


def _of(block: dict[str, Any], *names: str) -> dict[str, Any]:
    """A block within blocks, each of which there is at most one of."""
    for name in names:
        block = (block.get(name) or [{}])[0]
    return block


def _is_site(distribution: Resource) -> bool:
    return any(origin["custom_origin_config"] for origin in distribution.blocks("origin"))


@rule
def answers_are_hardened(subject: Subject) -> Findings:
    """Every answer says HSTS for a year, nosniff and a content policy; media run nothing and are the site's only."""
    policies = subject.state.known("cloudfront_response_headers_policy", "id")
    sites = {
        f"https://{name}" for found in subject.state.of("cloudfront_distribution") for name in found["aliases"] or []
    }
    for distribution in subject.state.of("cloudfront_distribution"):
        for behaviour in behaviours(distribution):
            policy = policies.get(str(behaviour["response_headers_policy_id"]))
            where = behaviour.get("path_pattern") or "*"
            if not policy:
                yield distribution.address, f"{where} says nothing about security"
                continue
            headers = policy.block("security_headers_config")
            age = _of(headers, "strict_transport_security").get("access_control_max_age_sec") or 0
            content = _of(headers, "content_security_policy").get("content_security_policy") or ""
            if age < YEAR or not headers.get("content_type_options") or not content:
                yield policy.address, f"{where}: HSTS {age} s, {content}"
            if not _is_site(distribution) and ("default-src 'none'" not in content or "sandbox" not in content):
                yield policy.address, f"{where}: what people uploaded may run: {content}"
            origins = set(_of(policy.block("cors_config"), "access_control_allow_origins").get("items") or [])
            if origins - sites:
                yield policy.address, f"{where}: pages of {sorted(origins)} may read it"


@rule
def errors_are_not_kept(subject: Subject) -> Findings:
    """CloudFront keeps no error: it would be shown to everybody after it is over."""
    for distribution in subject.state.of("cloudfront_distribution"):
        kept = {
            item["error_code"]: item["error_caching_min_ttl"] for item in distribution.blocks("custom_error_response")
        }
        for code in sorted(PASSING):
            if kept.get(code) != 0:
                yield distribution.address, f"{code} is kept for {kept.get(code, 10)} s"


@rule
def edge_log_hides(subject: Subject) -> Findings:
    """CloudFront's log has no cookies and no queries, in which signatures are."""
    for found in subject.state.of("cloudwatch_log_delivery"):
        fields = set(found["record_fields"] or SECRET_FIELDS)
        if fields & SECRET_FIELDS:
            yield found.address, f"writes {sorted(fields & SECRET_FIELDS)}"


@rule
def distributions_answer(subject: Subject) -> Findings:
    """Both distributions are switched on, and answer to the names that the site tells browsers."""
    told = set()
    for container in subject.state.containers():
        told.add(container.environment.get("SITE_URL", "").removeprefix("https://"))
        told.add(container.environment.get("MEDIA_STORAGE_URL", "").partition("cdn=https://")[2].partition("&")[0])
    names = set()
    for distribution in subject.state.of("cloudfront_distribution"):
        names |= set(distribution["aliases"] or [])
        if not distribution["enabled"]:
            yield distribution.address, "is switched off"
    for name in sorted(told - names - {""}):
        yield "cloudfront", f"no distribution answers to {name}"


@rule
def failures_lead_to_the_copy(subject: Subject) -> Findings:
    """The other region's copy is asked whenever the first bucket has not the file or fails."""
    for distribution in subject.state.of("cloudfront_distribution"):
        for group in distribution.blocks("origin_group"):
            missing = FAILING - set(_of(group, "failover_criteria").get("status_codes") or [])
            if missing:
                yield distribution.address, f"{group['origin_id']} is believed when it says {sorted(missing)}"


@rule
def only_static_files_are_kept(subject: Subject) -> Findings:
    """Of the site only /static/* comes from buckets, and pages are kept by a policy of ours that knows who asks."""
    policies = subject.state.known("cloudfront_cache_policy", "id")
    for distribution in filter(_is_site, subject.state.of("cloudfront_distribution")):
        default = distribution.block("default_cache_behavior")
        policy = policies.get(str(default["cache_policy_id"]))
        key = policy.block("parameters_in_cache_key_and_forwarded_to_origin") if policy else {}
        headers = set(_of(key, "headers_config", "headers").get("items") or [])
        if not headers >= {"Authorization", "Host"}:
            yield distribution.address, f"pages are kept by {sorted(headers)}"
        for behaviour in distribution.blocks("ordered_cache_behavior"):
            is_pages = behaviour["target_origin_id"] == default["target_origin_id"]
            if not is_pages and behaviour["path_pattern"] != "/static/*":
                yield distribution.address, f"{behaviour['path_pattern']} comes from a bucket"


@rule
def signed_files_are_kept_by_name(subject: Subject) -> Findings:
    """CloudFront keeps signed media by the name they are saved under, and by nothing of the signature."""
    policies = subject.state.known("cloudfront_cache_policy", "id")
    for distribution in subject.state.of("cloudfront_distribution"):
        for behaviour in behaviours(distribution):
            policy = policies.get(str(behaviour["cache_policy_id"]))
            if behaviour["trusted_key_groups"]:
                key = policy.block("parameters_in_cache_key_and_forwarded_to_origin") if policy else {}
                queries = _of(key, "query_strings_config")
                items = _of(queries, "query_strings").get("items")
                if (queries.get("query_string_behavior"), items) != ("whitelist", ["response-content-disposition"]):
                    yield distribution.address, f"{behaviour.get('path_pattern') or '*'} is kept by {items}"
