"""Private ways to AWS's services."""

from collections.abc import Iterator

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.rules.network import pairs_of_groups, subnets_of, table_of
from deploy.check.state import Resource

# What a task needs before its program runs: the image, its log, its secrets.
BEFORE_THE_PROGRAM = {"ecr.api", "ecr.dkr", "logs", "secretsmanager"}
OUR_ACCOUNT = {"aws:principalaccount", "aws:resourceaccount"}
# What each endpoint has to let through.
NEEDED = {
    "ecr.api": ("ecr:GetAuthorizationToken", "*"),
    "ecr.dkr": ("ecr:BatchGetImage", "*"),
    "logs": ("logs:PutLogEvents", "*"),
    "secretsmanager": ("secretsmanager:PutSecretValue", "*"),
}


def _service(endpoint: Resource) -> str:
    """ecr.api of com.amazonaws.us-east-1.ecr.api; empty if it is another region's."""
    start = f"com.amazonaws.{endpoint.region}."
    name = str(endpoint["service_name"])
    return name.removeprefix(start) if name.startswith(start) else ""


@rule
def endpoints_are_reachable(subject: Subject) -> Findings:
    """Interface endpoints let the tasks in on 443, and every task's table leads to S3's gateway endpoint."""
    state = subject.state
    for found in state.of("vpc_endpoint"):
        if found["vpc_endpoint_type"] == "Interface":
            into = {
                source
                for _, source in pairs_of_groups(state, "vpc_security_group_ingress_rule", 443)
                if _ in (found["security_group_ids"] or [])
            }
            services = [one for one in state.of("ecs_service") if one.region == found.region]
            for service in services:
                if not into & set(service.block("network_configuration")["security_groups"]):
                    yield found.address, f"does not let {service.address} in"
    gateways = [found for found in state.of("vpc_endpoint") if _service(found) == "s3"]
    routed = {table for found in gateways for table in found["route_table_ids"] or []}
    for service in state.of("ecs_service"):
        for subnet in subnets_of(state, service.block("network_configuration")["subnets"]):
            if table_of(state, subnet) not in routed:
                yield subnet.address, "reaches S3 through NAT, which costs by the gigabyte"


@rule
def endpoints_are_complete(subject: Subject) -> Findings:
    """Where there are interface endpoints, and in production, a task starts without NAT: all four are there."""
    for vpc in subject.state.of("vpc"):
        own = [found for found in subject.state.of("vpc_endpoint") if found["vpc_id"] == vpc["id"]]
        there = {_service(found) for found in own if found["vpc_endpoint_type"] == "Interface"}
        is_wanted = bool(there) or (subject.environment == "production" and "standby" not in vpc.module)
        for name in sorted(BEFORE_THE_PROGRAM - there) if is_wanted else []:
            yield vpc.address, f"no endpoint for {name}"
        for found in own:
            if not _service(found):
                yield found.address, f"leads to {found['service_name']}, which is of another region"


@rule
def endpoints_answer_for_the_name(subject: Subject) -> Findings:
    """An interface endpoint answers for the service's own name, in the tasks' subnets: else nobody comes through it."""
    tasks = {
        subnet
        for service in subject.state.of("ecs_service")
        for subnet in service.block("network_configuration").get("subnets") or []
    }
    for found in subject.state.of("vpc_endpoint"):
        if found["vpc_endpoint_type"] == "Interface":
            if not found["private_dns_enabled"]:
                yield found.address, "has a name that nobody uses"
            if not set(found["subnet_ids"] or []) <= tasks:
                yield found.address, "is not where the tasks are"


@rule
def endpoints_are_for_us(subject: Subject) -> Findings:
    """An endpoint lets our account do what tasks do, and nobody carry data through it to another account."""
    for found in subject.state.of("vpc_endpoint"):
        for problem in _policy_problems(found, _account(subject)):
            yield found.address, problem


def _policy_problems(found: Resource, account: str) -> Iterator[str]:
    statements = [one for one in policies.statements(found["policy"]) if one.is_allow]
    ours = [one for one in statements if OUR_ACCOUNT & set(one.conditions)]
    needed, somewhere = NEEDED.get(_service(found), ("s3:PutObject", "arn:aws:s3:::media/x"))
    if not policies.may(ours, needed, somewhere):
        yield f"does not let us {needed}"
    named = {value for one in ours for key in OUR_ACCOUNT for value in one.conditions.get(key, [])}
    if named != {account}:
        yield f"is for {sorted(named)}"
    if any(one not in ours and one.covers(needed, somewhere) for one in statements):
        yield f"lets everybody {needed}"
    layers = f"arn:aws:s3:::prod-{found.region}-starport-layer-bucket/x"
    if _service(found) == "s3" and not any(
        one not in ours and one.covers("s3:GetObject", layers) for one in statements
    ):
        yield "lets no layer of an image through"


def _account(subject: Subject) -> str:
    clusters = subject.state.of("ecs_cluster")
    return clusters[0]["arn"].split(":")[4] if clusters else ""
