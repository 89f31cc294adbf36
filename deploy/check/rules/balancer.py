"""The load balancer, and how it finds out what a task can do."""

import re

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Resource, State

MODERN_TLS = re.compile(r"^ELBSecurityPolicy-TLS13-1-[23]-")
BACKEND_PATHS = {"/api/*", "/admin/*", "/webhooks/*"}
ORIGIN_HEADER = "X-Origin-Verify"
HEALTH_PATHS = {"/health/live", "/health/ready"}  # Route 53 can send no header
MOST_SECONDS_UNNOTICED = 20


def https_listeners(state: State) -> list[Resource]:
    return [found for found in state.of("lb_listener") if found["protocol"] == "HTTPS"]


def targets_of(action: dict) -> set[str]:
    """ARNs of the target groups that an action forwards to."""
    found = {action.get("target_group_arn")}
    for forward in action.get("forward") or []:
        found |= {group["arn"] for group in forward["target_group"]}
    return {arn for arn in found if arn}


def paths_of(found: Resource) -> set[str]:
    return {
        path
        for condition in found.blocks("condition")
        for pattern in condition["path_pattern"] or []
        for path in pattern["values"] or []
    }


def headers_of(found: Resource) -> dict[str, list[str]]:
    return {
        header["http_header_name"]: header["values"]
        for condition in found.blocks("condition")
        for header in condition["http_header"] or []
    }


@rule
def idle_before_keepalive(subject: Subject) -> Findings:
    """The load balancer closes idle connections before gunicorn does; else it would send into a closing one."""
    for balancer in subject.state.of("lb"):
        if not (balancer["idle_timeout"] or 60) < subject.site["keepalive"]:
            yield balancer.address, f"idle {balancer['idle_timeout']} s, keepalive {subject.site['keepalive']} s"


@rule
def slow_answers_end_first(subject: Subject) -> Findings:
    """gunicorn gives a request no more time than the load balancer waits."""
    for balancer in subject.state.of("lb"):
        if subject.site["timeout"] > (balancer["idle_timeout"] or 60):
            yield balancer.address, f"waits {balancer['idle_timeout']} s, gunicorn {subject.site['timeout']} s"


@rule
def health_is_answered(subject: Subject) -> Findings:
    """Target groups ask for readiness at a path that the site answers without the Host header."""
    for group in subject.state.of("lb_target_group"):
        check = group.block("health_check")
        if check.get("path") != "/health/ready" or check["path"] not in subject.site["health_paths"]:
            yield group.address, f"asks for {check.get('path')}"
        if check.get("matcher") != "200":
            yield group.address, f"counts {check.get('matcher')} as healthy; readiness says 503 while it drains"


@rule
def unhealthy_soon(subject: Subject) -> Findings:
    """A task that does not answer is out after 20 s, and each question ends before the next."""
    for group in subject.state.of("lb_target_group"):
        check = group.block("health_check")
        interval, times = int(check.get("interval") or 30), int(check.get("unhealthy_threshold") or 3)
        if interval * times > MOST_SECONDS_UNNOTICED or int(check.get("timeout") or 5) >= interval:
            yield group.address, f"{times} × {interval} s, timeout {check.get('timeout')} s"


@rule
def drains_before_it_is_told(subject: Subject) -> Findings:
    """A task serves on for as long as the load balancer takes to notice that it is not ready."""
    for group in subject.state.of("lb_target_group"):
        check = group.block("health_check")
        noticed = int(check.get("interval") or 30) * int(check.get("unhealthy_threshold") or 3)
        if subject.site["drain_seconds"] < noticed and int(group["deregistration_delay"] or 300) < 30:
            yield group.address, f"noticed after {noticed} s, drains for {subject.site['drain_seconds']} s"
        if not 20 <= int(group["deregistration_delay"] or 300) <= 60:
            yield group.address, f"deregistration takes {group['deregistration_delay'] or 300} s"


@rule
def modern_https(subject: Subject) -> Findings:
    """HTTPS has a certificate of its own region and TLS 1.2 or newer; plain HTTP only leads there."""
    for listener in subject.state.of("lb_listener"):
        if listener["protocol"] == "HTTPS":
            arn = listener["certificate_arn"] or ""
            if f":acm:{listener.region}:" not in arn:
                yield listener.address, f"certificate {arn or 'missing'}"
            if not MODERN_TLS.match(listener["ssl_policy"] or ""):
                yield listener.address, f"TLS policy {listener['ssl_policy']}"
        else:
            action = listener.block("default_action")
            redirect = (action.get("redirect") or [{}])[0]
            if action.get("type") != "redirect" or redirect.get("protocol") != "HTTPS":
                yield listener.address, f"answers {listener['protocol']} with {action.get('type')}"


@rule
def certificate_is_validated(subject: Subject) -> Findings:
    """A certificate that something uses has been validated before: its ARN comes from the validation."""
    validated = {found["certificate_arn"] for found in subject.state.of("acm_certificate_validation")}
    for certificate in subject.state.of("acm_certificate"):
        if certificate["arn"] not in validated:
            yield certificate.address, "nothing waits for its validation"


@rule
def paths_to_backend(subject: Subject) -> Findings:
    """/api/*, /admin/* and /webhooks/* go to the backend, before anything else is decided."""
    groups = subject.state.known("lb_target_group", "arn")
    for listener in https_listeners(subject.state):
        own = [found for found in subject.state.of("lb_listener_rule") if found["listener_arn"] == listener["arn"]]
        for path in sorted(BACKEND_PATHS):
            first = min(
                (found for found in own if _takes(found, path)), key=lambda found: found["priority"], default=None
            )
            names = (
                {groups[arn]["name"] for arn in targets_of(first.block("action")) if arn in groups} if first else set()
            )
            if not names or not all(name.endswith("-backend") for name in names):
                yield listener.address, f"{path} goes to {names or 'nothing'}"


def _takes(found: Resource, path: str) -> bool:
    return not paths_of(found) or path in paths_of(found)


@rule
def only_through_cloudfront(subject: Subject) -> Findings:
    """Whoever does not send CloudFront's secret header gets nothing but the health checks."""
    for listener in https_listeners(subject.state):
        if listener.block("default_action").get("type") != "fixed-response":
            yield listener.address, "answers everybody by default"
    sent = {
        (header["name"], header["value"])
        for distribution in subject.state.of("cloudfront_distribution")
        for origin in distribution.blocks("origin")
        for header in origin["custom_header"] or []
    }
    for found in subject.state.of("lb_listener_rule"):
        asked = headers_of(found).get(ORIGIN_HEADER)
        if not asked and not (paths_of(found) and paths_of(found) <= HEALTH_PATHS):
            yield found.address, f"asks for no {ORIGIN_HEADER}"
        if asked and not {(ORIGIN_HEADER, value) for value in asked} & sent:
            yield found.address, f"CloudFront sends another {ORIGIN_HEADER}"


@rule
def service_is_behind_its_targets(subject: Subject) -> Findings:
    """Each web service is behind the target group of its name, and each target group has one service."""
    groups = subject.state.known("lb_target_group", "arn")
    used = []
    for service in subject.state.of("ecs_service"):
        for attached in service.blocks("load_balancer"):
            used.append(attached["target_group_arn"])
            group = groups.get(attached["target_group_arn"])
            if not group or not group["name"].endswith(f"-{service['name'].rpartition('-')[2]}"):
                yield service.address, f"is behind {group['name'] if group else 'no target group of ours'}"
            if group and (group["target_type"] != "ip" or attached["container_name"] != "app"):
                yield service.address, f"target type {group['target_type']}, container {attached['container_name']}"
    for group in subject.state.of("lb_target_group"):
        if used.count(group["arn"]) != 1:
            yield group.address, f"has {used.count(group['arn'])} services"


@rule
def strict_balancer(subject: Subject) -> Findings:
    """The load balancer drops malformed headers, logs what it does, and in production cannot be deleted by mistake."""
    for balancer in subject.state.of("lb"):
        if not balancer["drop_invalid_header_fields"] or balancer["desync_mitigation_mode"] != "strictest":
            yield balancer.address, "passes malformed requests on"
        if not balancer.block("access_logs").get("enabled"):
            yield balancer.address, "keeps no access log"
        if subject.environment == "production" and not balancer["enable_deletion_protection"]:
            yield balancer.address, "can be deleted by mistake"
