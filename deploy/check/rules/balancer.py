"""The load balancer, and how it finds out what a task can do."""

import re
from fnmatch import fnmatchcase

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.network import writes_logs
from deploy.check.state import Resource, State

MODERN_TLS = re.compile(r"^ELBSecurityPolicy-TLS13-1-[23]-")
# Of the JSON API, staff, Razorpay, and what staff's pages upload to.
BACKEND_PATHS = {"/api/v1/courses", "/admin/", "/admin", "/webhooks/razorpay", "/uploads", "/uploads/1"}
ORIGIN_HEADER = "X-Origin-Verify"
# Who writes a load balancer's logs, which takes S3's own key only
# (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html, read 2026-11-22).
WRITER, ITS_KEY = "logdelivery.elasticloadbalancing.amazonaws.com", "AES256"
HEALTH_PATHS = {"/health/live", "/health/ready"}  # Route 53 can send no header
# Pages of the frontend, some of which look a little like the backend's.
PAGES = ("/", "/courses", "/login", "/apiary", "/administration", *sorted(HEALTH_PATHS))
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
        if check.get("enabled") is False or check.get("protocol") not in (None, "HTTP"):
            yield group.address, f"enabled {check.get('enabled')}, asks by {check.get('protocol')}"
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
        if interval * int(check.get("healthy_threshold") or 5) > MOST_SECONDS_UNNOTICED:
            yield group.address, f"a new task gets nothing until it has answered {check.get('healthy_threshold')} times"


@rule
def drains_before_it_is_told(subject: Subject) -> Findings:
    """A task serves on for as long as the load balancer takes to notice that it is not ready."""
    drains = {
        container.task["arn"]: int(container.environment.get("DRAIN_SECONDS", subject.site["drain_seconds"]))
        for container in subject.state.containers()
    }
    groups = subject.state.known("lb_target_group", "arn")
    for service in subject.state.of("ecs_service"):
        for attached in service.blocks("load_balancer"):
            group = groups.get(attached["target_group_arn"])
            check = group.block("health_check") if group else {}
            noticed = int(check.get("interval") or 30) * int(check.get("unhealthy_threshold") or 3)
            noticed += int(check.get("timeout") or 5)
            drain = drains.get(service["task_definition"], 0)
            if drain < noticed:
                yield service.address, f"noticed after {noticed} s, drains for {drain} s"
    for group in groups.values():
        if not 20 <= int(group["deregistration_delay"] or 300) <= 60:
            yield group.address, f"deregistration takes {group['deregistration_delay'] or 300} s"


@rule
def targets_share_the_work(subject: Subject) -> Findings:
    """Requests go by plain HTTP/1.1 to the task that has least to do, at once, and to no task by habit."""
    for group in subject.state.of("lb_target_group"):
        if group["load_balancing_algorithm_type"] != "least_outstanding_requests":
            yield group.address, f"shares by {group['load_balancing_algorithm_type'] or 'turns'}"
        if group["protocol"] != "HTTP" or group["protocol_version"] not in (None, "HTTP1"):
            yield group.address, f"speaks {group['protocol']} {group['protocol_version'] or ''}, gunicorn does not"
        if group["slow_start"] and int(group["slow_start"]) > 0:
            yield group.address, f"a new task has little to do for {group['slow_start']} s"
        if any(block.get("enabled") is not False for block in group.blocks("stickiness")):
            yield group.address, "keeps people with one task"


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
            elif redirect["port"] != "443" or redirect["status_code"] != "HTTP_301" or _loses_the_address(redirect):
                yield listener.address, f"leads to port {redirect['port']} with {redirect['status_code']}"


def _loses_the_address(redirect: dict) -> bool:
    kept = {"host": "#{host}", "path": "/#{path}", "query": "#{query}"}
    return any(redirect.get(name) not in (None, text) for name, text in kept.items())


@rule
def two_doors(subject: Subject) -> Findings:
    """A load balancer has two listeners: HTTPS on 443, and on 80 one that leads there."""
    for balancer in subject.state.of("lb"):
        doors = {
            (found["protocol"], found["port"])
            for found in subject.state.of("lb_listener")
            if found["load_balancer_arn"] == balancer["arn"]
        }
        if doors != {("HTTPS", 443), ("HTTP", 80)}:
            yield balancer.address, f"listens for {sorted(doors)}"


@rule
def certificate_is_validated(subject: Subject) -> Findings:
    """A certificate that something uses has been validated before: its ARN comes from the validation."""
    validated = {found["certificate_arn"] for found in subject.state.of("acm_certificate_validation")}
    for certificate in subject.state.of("acm_certificate"):
        if certificate["arn"] not in validated:
            yield certificate.address, "nothing waits for its validation"


@rule
def paths_to_backend(subject: Subject) -> Findings:
    """The paths /api/*, /admin/* and /webhooks/* go to the backend, before anything else is decided."""
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
    return not paths_of(found) or any(fnmatchcase(path, pattern) for pattern in paths_of(found))


@rule
def everything_else_to_frontend(subject: Subject) -> Findings:
    """Pages go to the frontend, also those whose names only begin like the backend's, and so do the health checks."""
    groups = subject.state.known("lb_target_group", "arn")
    for listener in https_listeners(subject.state):
        own = [found for found in subject.state.of("lb_listener_rule") if found["listener_arn"] == listener["arn"]]
        own.sort(key=lambda found: found["priority"])
        for path in PAGES:
            first = next((found for found in own if _takes(found, path)), None)
            names = {groups[arn]["name"] for arn in targets_of(first.block("action")) if arn in groups} if first else {}
            if not names or not all(name.endswith("-frontend") for name in names):
                yield listener.address, f"{path} goes to {names or 'nothing'}"
        for path in sorted(HEALTH_PATHS):
            first = next((found for found in own if _takes(found, path)), None)
            if not first or headers_of(first):
                yield listener.address, f"Route 53, which sends no header, gets no answer at {path}"
        if len({found["priority"] for found in own}) < len(own):
            yield listener.address, "two rules have one priority"


@rule
def only_through_cloudfront(subject: Subject) -> Findings:
    """Whoever does not send CloudFront's secret header gets nothing but the health checks."""
    for listener in https_listeners(subject.state):
        default = listener.block("default_action")
        answer = (default.get("fixed_response") or [{}])[0]
        if default.get("type") != "fixed-response" or not str(answer.get("status_code")).startswith("4"):
            yield listener.address, f"answers everybody by default ({answer.get('status_code')})"
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
        if asked and not all(re.fullmatch(r"[A-Za-z0-9]{32,}", value) for value in asked):
            yield found.address, "takes a value that can be guessed, or that stands for anything"


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
    """The load balancer drops malformed headers, and in production cannot be deleted by mistake."""
    for balancer in subject.state.of("lb"):
        if not balancer["drop_invalid_header_fields"] or balancer["desync_mitigation_mode"] != "strictest":
            yield balancer.address, "passes malformed requests on"
        if subject.environment == "production" and not balancer["enable_deletion_protection"]:
            yield balancer.address, "can be deleted by mistake"
        if balancer["internal"] or balancer["load_balancer_type"] not in (None, "application"):
            yield balancer.address, f"{balancer['load_balancer_type']}, internal: {balancer['internal']}"
        if not balancer["enable_zonal_shift"]:
            yield balancer.address, "cannot be moved out of a sick zone"


@rule
def balancer_says_who_asks(subject: Subject) -> Findings:
    """The load balancer adds the address that it sees to X-Forwarded-For: the site counts proxies from the right."""
    for balancer in subject.state.of("lb"):
        mode = balancer["xff_header_processing_mode"]
        if mode not in (None, "append") or balancer["enable_xff_client_port"]:
            yield balancer.address, f"{mode}, with port: {balancer['enable_xff_client_port']}"
    for listener in https_listeners(subject.state):
        if listener["routing_http_response_server_enabled"] is not False:
            yield listener.address, "says which load balancer it is"


@rule
def balancer_is_logged(subject: Subject) -> Findings:
    """Requests and connections are logged into a bucket of the region that lets the load balancer write there."""
    buckets = subject.state.known("s3_bucket", "bucket")
    for balancer in subject.state.of("lb"):
        for name in ("access_logs", "connection_logs"):
            block = balancer.block(name)
            bucket = buckets.get(block.get("bucket") or "")
            if not block.get("enabled") or not bucket or bucket.region != balancer.region:
                yield balancer.address, f"keeps no {name.replace('_', ' ')}"
            elif not writes_logs(subject.state, bucket, block.get("prefix") or "", WRITER):
                yield balancer.address, f"may not write to {block.get('prefix')} of its bucket"
            elif _algorithm(subject.state, bucket) != ITS_KEY:
                yield balancer.address, f"cannot write what {_algorithm(subject.state, bucket)} encrypts"


def _algorithm(state: State, bucket: Resource) -> str:
    found = state.partner(bucket, "s3_bucket_server_side_encryption_configuration", "bucket")
    rules = found.blocks("rule") if found else []
    defaults = [inner for one in rules for inner in one["apply_server_side_encryption_by_default"] or []]
    return str(defaults[0]["sse_algorithm"]) if defaults else ITS_KEY
