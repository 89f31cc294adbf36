"""Security groups: every way in and out is one that is wanted, and none that is needed is missing."""

from collections import defaultdict

from deploy.check.rules import Findings, Subject, rule
from deploy.check.rules.network import OUTWARD_PORTS, ports_of
from deploy.check.rules.scaling import WEB, role_of
from deploy.check.state import Resource, State

CLOUDFRONT, HEALTH_CHECKERS = "cloudfront.origin-facing", "route53-healthchecks"
# From where, and to which port, the load balancer has to be reached.
BALANCER_HEARS = {(CLOUDFRONT, 443), (CLOUDFRONT, 80), (HEALTH_CHECKERS, 443)}
TASKS = {"web", "worker"}


def kinds_of_groups(state: State) -> dict[str, str]:
    """What each security group is for: balancer, web, worker, endpoints or database."""
    found: dict[str, str] = {}
    for service in state.of("ecs_service"):
        kind = "web" if role_of(service) in WEB else "worker"
        found |= dict.fromkeys(service.block("network_configuration").get("security_groups") or [], kind)
    for balancer in state.of("lb"):
        found |= dict.fromkeys(balancer["security_groups"] or [], "balancer")
    for endpoint in state.of("vpc_endpoint"):
        found |= dict.fromkeys(endpoint["security_group_ids"] or [], "endpoints")
    for cluster in state.of("docdb_cluster"):
        found |= dict.fromkeys(cluster["vpc_security_group_ids"] or [], "database")
    return found


def _source(state: State, found: Resource, kinds: dict[str, str]) -> str:
    """A kind of group, what a prefix list is for, or addresses."""
    if found["prefix_list_id"]:
        name = str(state.data("ec2_managed_prefix_list", "id").get(found["prefix_list_id"], {}).get("name"))
        return next((text for text in (CLOUDFRONT, HEALTH_CHECKERS) if name.endswith(text)), name)
    if found["referenced_security_group_id"]:
        return kinds.get(found["referenced_security_group_id"], "another group")
    return f"addresses {found['cidr_ipv4'] or found['cidr_ipv6']}"


def _ways_in(port: int) -> dict[str, set[tuple[str, int]]]:
    """(from where, to which port) that each kind of group lets in."""
    return {
        "balancer": BALANCER_HEARS,
        "web": {("balancer", port)},
        "worker": set(),
        "endpoints": {(kind, 443) for kind in TASKS},
        "database": {(kind, 27017) for kind in TASKS},
    }


@rule
def known_ways_in(subject: Subject) -> Findings:
    """Groups let in what they are for, one port each, from a group or a prefix list, and never from addresses."""
    kinds, wanted = kinds_of_groups(subject.state), _ways_in(int(subject.site["port"]))
    for found in subject.state.of("vpc_security_group_ingress_rule"):
        first, last = ports_of(found)
        source = _source(subject.state, found, kinds)
        kind = kinds.get(found["security_group_id"])
        # A group that nothing has in this deployment, such as the endpoints' where there are none, is AWS's to ignore.
        allowed = wanted[kind] if kind else {way for ways in wanted.values() for way in ways}
        if first != last or (source, first) not in allowed:
            yield found.address, f"lets {source} in on {first} to {last}"


@rule
def balancer_is_heard(subject: Subject) -> Findings:
    """The load balancer hears CloudFront on 443 and 80, and Route 53's health checkers on 443."""
    kinds = kinds_of_groups(subject.state)
    for balancer in subject.state.of("lb"):
        heard = {
            (_source(subject.state, found, kinds), ports_of(found)[0])
            for found in subject.state.of("vpc_security_group_ingress_rule")
            if found["security_group_id"] in (balancer["security_groups"] or [])
        }
        for source, port in sorted(BALANCER_HEARS - heard):
            yield balancer.address, f"does not hear {source} on {port}"


@rule
def prefix_lists_fit(subject: Subject) -> Findings:
    """A security group names one prefix list, once: CloudFront's counts as 55 rules, and a group has room for 60."""
    named: dict[str, list[str]] = defaultdict(list)
    for found in subject.state.of("vpc_security_group_ingress_rule", "vpc_security_group_egress_rule"):
        if found["prefix_list_id"]:
            named[found["security_group_id"]].append(found.address)
    for addresses in named.values():
        if len(addresses) > 1:
            yield addresses[-1], f"is in one group with {addresses[0]}"


@rule
def out_by_name(subject: Subject) -> Findings:
    """Only tasks talk to addresses outside, and only on 443 and 587; everybody else to a security group on one port."""
    kinds = kinds_of_groups(subject.state)
    for found in subject.state.of("vpc_security_group_egress_rule"):
        first, last = ports_of(found)
        is_to_addresses = not found["referenced_security_group_id"]
        is_a_task = kinds.get(found["security_group_id"]) in TASKS
        if first != last or (is_to_addresses and not (is_a_task and first in OUTWARD_PORTS)):
            yield found.address, f"from {kinds.get(found['security_group_id'])}, ports {first} to {last}"


@rule
def tasks_reach_outside(subject: Subject) -> Findings:
    """Every service's tasks may open 443 (AWS, Razorpay) and 587 (the mail server) to everywhere."""
    for service in subject.state.of("ecs_service"):
        own = service.block("network_configuration").get("security_groups") or []
        opened = {
            ports_of(found)[0]
            for found in subject.state.of("vpc_security_group_egress_rule")
            if found["security_group_id"] in own and found["cidr_ipv4"] == "0.0.0.0/0"
        }
        for port in sorted(OUTWARD_PORTS - opened):
            yield service.address, f"its tasks cannot reach port {port}"


@rule
def groups_are_of_the_network(subject: Subject) -> Findings:
    """Every security group belongs to a network of ours."""
    networks = subject.state.known("vpc", "id")
    for group in subject.state.of("security_group"):
        if group["vpc_id"] not in networks:
            yield group.address, f"is in {group['vpc_id']}"
