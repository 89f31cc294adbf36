"""What the firewalls in front of CloudFront let through, limit and log."""

import re
from collections.abc import Iterator
from typing import Any

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

# Paths of the site (coursebundler/urls.py), by what the firewall means to do with them.
PLAIN_PATHS = ("/", "/courses", "/login", "/api/v1/courses", "/profile")
LOGIN_PATHS = ("/login", "/register", "/forgetpassword", "/api/v1/login", "/api/v1/register")
WEBHOOK = "/webhooks/razorpay"
MOST_PER_ADDRESS = 20_000
MOST_LOGINS = 1_000
REDACTED = {"cookie", "authorization"}


def _acls(state: State) -> Iterator[tuple[Resource, Resource]]:
    """(distribution, its web ACL)."""
    acls = {found["arn"]: found for found in state.of("wafv2_web_acl")}
    for distribution in state.of("cloudfront_distribution"):
        if distribution["web_acl_id"] in acls:
            yield distribution, acls[distribution["web_acl_id"]]


def _has_pages(distribution: Resource) -> bool:
    return any(origin["custom_origin_config"] for origin in distribution.blocks("origin"))


def _does(item: dict[str, Any]) -> str:
    """block, allow or count."""
    return next((name for name in ("block", "allow", "count") if ((item["action"] or [{}])[0] or {}).get(name)), "")


def _rate(item: dict[str, Any]) -> dict[str, Any]:
    return (item["statement"][0].get("rate_based_statement") or [{}])[0]


def _path(statement: dict[str, Any]) -> str:
    """The regular expression that a path must match; empty if the statement is about something else."""
    return (statement.get("regex_match_statement") or [{}])[0].get("regex_string") or ""


def _limits(acl: Resource) -> Iterator[tuple[int, str]]:
    """(requests in five minutes, path or "" for all) of the rules that block by rate."""
    for item in acl.blocks("rule"):
        if _rate(item) and _does(item) == "block":
            yield _rate(item)["limit"], _path((_rate(item).get("scope_down_statement") or [{}])[0])


@rule
def firewall_limits(subject: Subject) -> Findings:
    """Each firewall blocks an address that asks too much of anything, the site's also one that guesses passwords."""
    for distribution, acl in _acls(subject.state):
        limits = list(_limits(acl))
        if not any(not path and limit <= MOST_PER_ADDRESS for limit, path in limits):
            yield acl.address, f"blocks nobody who asks too much: {limits}"
        for login in LOGIN_PATHS if _has_pages(distribution) else ():
            if not any(path and re.search(path, login) and limit <= MOST_LOGINS for limit, path in limits):
                yield acl.address, f"{login} may be tried without end"


@rule
def firewall_lets_people_in(subject: Subject) -> Findings:
    """A firewall lets in whom no rule refuses; each distribution has its own, since media are asked otherwise."""
    seen = set()
    for distribution, acl in _acls(subject.state):
        if not acl.block("default_action").get("allow"):
            yield acl.address, "refuses everybody"
        if acl["arn"] in seen:
            yield distribution.address, f"shares {acl['name']}"
        seen.add(acl["arn"])


@rule
def firewall_passes(subject: Subject) -> Findings:
    """Razorpay's webhooks go past the limits for visitors; ordinary pages go past nothing."""
    for distribution, acl in _acls(subject.state):
        passes = [
            (item["priority"], path)
            for item in acl.blocks("rule")
            if _does(item) == "allow" and (path := _path(item["statement"][0]))
        ]
        for name in PLAIN_PATHS:
            if any(re.search(path, name) for _, path in passes):
                yield acl.address, f"{name} goes past the firewall"
        limits = [item["priority"] for item in acl.blocks("rule") if _rate(item) and not _path(_scope(item))]
        first = min([priority for priority, path in passes if re.search(path, WEBHOOK)], default=None)
        if _has_pages(distribution) and (first is None or any(first > limit for limit in limits)):
            yield acl.address, f"{WEBHOOK} counts among visitors"


def _scope(item: dict[str, Any]) -> dict[str, Any]:
    return (_rate(item).get("scope_down_statement") or [{}])[0]


@rule
def firewall_log_is_useful(subject: Subject) -> Findings:
    """Every firewall logs what it blocks, and no session, token or signature."""
    logged = {found["resource_arn"]: found for found in subject.state.of("wafv2_web_acl_logging_configuration")}
    for _, acl in _acls(subject.state):
        found = logged.get(acl["arn"])
        if not found:
            yield acl.address, "logs nothing"
            continue
        fields = found.blocks("redacted_fields")
        names = {header["name"] for field in fields for header in field["single_header"] or []}
        if not names >= REDACTED or not any(field["query_string"] for field in fields):
            yield found.address, f"redacts {sorted(names)} only"
        if not _keeps_blocked(found):
            yield found.address, "leaves out what was blocked"


def _keeps_blocked(configuration: Resource) -> bool:
    filters = configuration.block("logging_filter")
    for item in filters.get("filter") or []:
        actions = {each["action"] for one in item["condition"] for each in one["action_condition"] or []}
        if "BLOCK" in actions:
            return item["behavior"] == "KEEP"
    return filters.get("default_behavior", "KEEP") == "KEEP"
