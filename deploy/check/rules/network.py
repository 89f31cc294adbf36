"""Who reaches whom."""

import ipaddress
import re
from collections import defaultdict

from deploy.check.rules import Findings, Subject, policies, rule
from deploy.check.state import Resource, State

WORLD = {"0.0.0.0/0", "::/0"}
LEAST_PREFIX = 8
DESIGNED = "10.0.0.0/16"
FLOW_LOGS = "delivery.logs.amazonaws.com"
# Ports on which a task may talk to the whole world: Razorpay and AWS; mail submission.
OUTWARD_PORTS = {443, 587}


def ports_of(found: Resource) -> tuple[int, int]:
    return (0, 65535) if found["ip_protocol"] == "-1" else (int(found["from_port"]), int(found["to_port"]))


def _is_to_world(found: Resource) -> bool:
    """Also half of the world: 0.0.0.0/1 and its like belong to nobody whom we know."""
    wide = [text for text in (found["cidr_ipv4"], found["cidr_ipv6"]) if text]
    return any(ipaddress.ip_network(text, strict=False).prefixlen < LEAST_PREFIX for text in wide)


def groups_of_services(state: State) -> set[str]:
    return {
        group
        for service in state.of("ecs_service")
        for network in service.blocks("network_configuration")
        for group in network["security_groups"]
    }


def groups_of_balancers(state: State) -> set[str]:
    return {group for balancer in state.of("lb") for group in balancer["security_groups"] or []}


def groups_of_databases(state: State) -> set[str]:
    return {group for found in state.of("docdb_cluster") for group in found["vpc_security_group_ids"] or []}


@rule
def closed_to_the_world(subject: Subject) -> Findings:
    """Nothing is open to 0.0.0.0/0: the load balancer answers CloudFront and Route 53's health checkers only."""
    for found in subject.state.of("vpc_security_group_ingress_rule"):
        if _is_to_world(found):
            yield found.address, f"ports {ports_of(found)}"
    for group in subject.state.of("security_group", "default_security_group"):
        for inline in group.blocks("ingress") + group.blocks("egress"):
            yield group.address, f"an inline rule ({inline.get('from_port')}): rules are resources of their own"
    for found in subject.state.of("security_group_rule"):
        yield found.address, "the old kind of rule: use aws_vpc_security_group_ingress_rule"


@rule
def few_ways_out(subject: Subject) -> Findings:
    """To the whole world there is HTTPS and mail submission, and nothing else."""
    for found in subject.state.of("vpc_security_group_egress_rule"):
        first, last = ports_of(found)
        if _is_to_world(found) and not (first == last and first in OUTWARD_PORTS):
            yield found.address, f"ports {first} to {last}"


@rule
def described_rules(subject: Subject) -> Findings:
    """Every security group and every rule says what it is for."""
    for found in subject.state.of(
        "vpc_security_group_ingress_rule", "vpc_security_group_egress_rule", "security_group"
    ):
        if not found["description"] or found["description"] == "Managed by Terraform":
            yield found.address, "has no description"


@rule
def rules_have_groups(subject: Subject) -> Findings:
    """The groups that a rule belongs to and names exist, in one region."""
    groups = subject.state.known("security_group", "id")
    for found in subject.state.of("vpc_security_group_ingress_rule", "vpc_security_group_egress_rule"):
        named = [found["security_group_id"], found["referenced_security_group_id"] or found["security_group_id"]]
        if any(name not in groups or groups[name].region != found.region for name in named):
            yield found.address, f"names {named}"


@rule
def database_from_tasks_only(subject: Subject) -> Findings:
    """DocumentDB is reached from the tasks' security groups on 27017, and from nowhere else."""
    databases, tasks = groups_of_databases(subject.state), groups_of_services(subject.state)
    reached = set()
    for found in subject.state.of("vpc_security_group_ingress_rule"):
        if found["security_group_id"] in databases:
            if found["referenced_security_group_id"] not in tasks or ports_of(found) != (27017, 27017):
                yield found.address, f"from {found['referenced_security_group_id'] or 'addresses'}, {ports_of(found)}"
            reached.add((found["security_group_id"], found["referenced_security_group_id"]))
    for found in subject.state.of("vpc_security_group_egress_rule"):
        if found["security_group_id"] in databases:
            yield found.address, "the database needs no way out"


def pairs_of_groups(state: State, type_name: str, port: int) -> set[tuple[str, str]]:
    """(group, other group) for which a rule lets this port through."""
    return {
        (found["security_group_id"], found["referenced_security_group_id"])
        for found in state.of(type_name)
        if ports_of(found)[0] <= port <= ports_of(found)[1] and found["referenced_security_group_id"]
    }


def _passes(state: State, sources: list[str], targets: list[str], port: int) -> bool:
    """Whether rules on both sides let a connection through."""
    out = pairs_of_groups(state, "vpc_security_group_egress_rule", port)
    into = {(source, target) for target, source in pairs_of_groups(state, "vpc_security_group_ingress_rule", port)}
    return any((source, target) in out & into for source in sources for target in targets)


@rule
def tasks_reach_the_database(subject: Subject) -> Findings:
    """Every service's tasks reach the cluster of their region: a rule on each side."""
    for service in subject.state.of("ecs_service"):
        clusters = [found for found in subject.state.of("docdb_cluster") if found.region == service.region]
        sources = service.block("network_configuration").get("security_groups", [])
        for cluster in clusters:
            if not _passes(subject.state, sources, cluster["vpc_security_group_ids"], int(cluster["port"] or 27017)):
                yield service.address, f"cannot reach {cluster.address}"


@rule
def ports_agree(subject: Subject) -> Findings:
    """gunicorn's port, the container's, the target group's and the security groups' rules are the same."""
    state = subject.state
    targets, balancers = state.known("lb_target_group", "arn"), groups_of_balancers(state)
    for service in state.of("ecs_service"):
        own = service.block("network_configuration").get("security_groups", [])
        for attached in service.blocks("load_balancer"):
            port = attached["container_port"]
            group = targets.get(attached["target_group_arn"])
            ports = {port, group["port"] if group else None} | _listening(subject, service)
            if len(ports) > 1:
                yield service.address, f"ports {sorted(map(str, ports))}"
            if not _passes(state, sorted(balancers), own, port):
                yield service.address, f"no rules let the load balancer through to port {port}"


def _listening(subject: Subject, service: Resource) -> set[int]:
    """Where the tasks listen: gunicorn's port, and what the container declares."""
    found = set()
    for container in subject.state.tasks_of_service(service):
        found.add(int(container.environment.get("PORT", subject.site["port"])))
        found |= {mapping["containerPort"] for mapping in container["portMappings"] or []}
    return found


@rule
def health_checks_use_the_port(subject: Subject) -> Findings:
    """A target group asks for health where the requests go."""
    for group in subject.state.of("lb_target_group"):
        port = group.block("health_check").get("port")
        if port not in (None, "", "traffic-port", str(group["port"])):
            yield group.address, f"health check on port {port}"


def _default_routes(state: State, table_id: str) -> list[Resource]:
    return [
        route
        for route in state.of("route")
        if route["route_table_id"] == table_id
        and {route["destination_cidr_block"], route["destination_ipv6_cidr_block"]} & WORLD
    ]


def _routes(state: State, table_id: str) -> list[str]:
    """Where everything leads that is not in the network itself, also what is written into the table."""
    tables = [found for found in state.of("route_table", "default_route_table") if found["id"] == table_id]
    inline = [route for table in tables for route in table.blocks("route")]
    single = [found.values for found in state.of("route") if found["route_table_id"] == table_id]
    names = ("destination_cidr_block", "destination_ipv6_cidr_block", "cidr_block", "ipv6_cidr_block")
    return [str(next((route[name] for name in names if route.get(name)), "a list")) for route in [*single, *inline]]


def table_of(state: State, subnet: Resource) -> str:
    found = [link for link in state.of("route_table_association") if link["subnet_id"] == subnet["id"]]
    return found[0]["route_table_id"] if found else ""


def _default_route(state: State, subnet: Resource) -> Resource | None:
    found = _default_routes(state, table_of(state, subnet))
    return found[0] if found else None


def subnets_of(state: State, ids: list[str]) -> list[Resource]:
    known = state.known("subnet", "id")
    return [known[name] for name in ids if name in known]


@rule
def every_subnet_has_its_table(subject: Subject) -> Findings:
    """Every subnet has a route table of ours: the network's main table is nobody's decision."""
    for subnet in subject.state.of("subnet"):
        if not table_of(subject.state, subnet):
            yield subnet.address, "has no route table"


@rule
def isolated_database(subject: Subject) -> Findings:
    """The database's subnets have no route at all: nothing leads out of their network."""
    for group in subject.state.of("docdb_subnet_group"):
        for subnet in subnets_of(subject.state, group["subnet_ids"]):
            for destination in _routes(subject.state, table_of(subject.state, subnet)):
                yield subnet.address, f"has a route to {destination}"


@rule
def tasks_are_private(subject: Subject) -> Findings:
    """Tasks have no public address, and go out through NAT, in their own zone where there is one for each."""
    state = subject.state
    for service in state.of("ecs_service"):
        if service.block("network_configuration").get("assign_public_ip"):
            yield service.address, "its tasks get public addresses"
    for subnet in _task_subnets(state):
        route = _default_route(state, subnet)
        gateways = {found["id"]: found for found in state.of("nat_gateway") if found.region == subnet.region}
        gateway = gateways.get(str(route["nat_gateway_id"])) if route else None
        if not gateway:
            yield subnet.address, "no way out through a NAT gateway"
        elif len(gateways) > 1:
            zone = subnets_of(state, [gateway["subnet_id"]])[0]["availability_zone"]
            if zone != subnet["availability_zone"]:
                yield subnet.address, f"goes out through {zone}, whose failure would cut it off"
    if subject.environment == "production" and len({found["subnet_id"] for found in state.of("nat_gateway")}) < 3:
        yield "aws_nat_gateway", "production has one in each zone"


def _task_subnets(state: State) -> list[Resource]:
    names = {name for service in state.of("ecs_service") for name in service.block("network_configuration")["subnets"]}
    return subnets_of(state, sorted(names))


@rule
def gateways_are_public(subject: Subject) -> Findings:
    """NAT gateways and load balancers stand in subnets that lead to an internet gateway."""
    state = subject.state
    placed = [(found, [found["subnet_id"]]) for found in state.of("nat_gateway")]
    placed += [(found, found["subnets"]) for found in state.of("lb") if not found["internal"]]
    for gateway in state.of("nat_gateway"):
        if gateway["connectivity_type"] == "private" or not gateway["allocation_id"]:
            yield gateway.address, "has no public address"
    for found, names in placed:
        for subnet in subnets_of(state, names):
            route = _default_route(state, subnet)
            if not route or not route["gateway_id"]:
                yield found.address, f"{subnet.address} leads to no internet gateway"


@rule
def addresses_on_purpose(subject: Subject) -> Findings:
    """Nothing gets a public address because of where it is started."""
    for subnet in subject.state.of("subnet"):
        if subnet["map_public_ip_on_launch"] or subnet["assign_ipv6_address_on_creation"]:
            yield subnet.address, "gives public addresses away"


@rule
def names_are_answered(subject: Subject) -> Findings:
    """A network answers for names: without both switches private endpoints and the database have none."""
    for vpc in subject.state.of("vpc"):
        if vpc["enable_dns_support"] is False or not vpc["enable_dns_hostnames"]:
            yield vpc.address, f"DNS {vpc['enable_dns_support']}, names {vpc['enable_dns_hostnames']}"


@rule
def traffic_is_logged(subject: Subject) -> Findings:
    """All traffic of each network is logged, accepted or not, to a place that exists and lets the logs in."""
    places = subject.state.known("s3_bucket", "arn") | subject.state.known("cloudwatch_log_group", "arn")
    logged = {}
    for found in subject.state.of("flow_log"):
        logged[found["vpc_id"]] = found
        bucket, _, folder = str(found["log_destination"]).partition("/")
        if bucket not in places or places[bucket].region != found.region:
            yield found.address, f"writes to {found['log_destination']}"
        elif places[bucket].type == "aws_s3_bucket" and not writes_logs(
            subject.state, places[bucket], folder, FLOW_LOGS
        ):
            yield found.address, f"may not write to {folder} of its bucket"
        if found["traffic_type"] != "ALL":
            yield found.address, f"only {found['traffic_type']}"
    for vpc in subject.state.of("vpc"):
        if vpc["id"] not in logged:
            yield vpc.address, "nobody could say who talked to whom"


def writes_logs(state: State, bucket: Resource, folder: str, service: str) -> bool:
    """Whether the bucket's policy lets this service of AWS write below this folder."""
    policy = state.partner(bucket, "s3_bucket_policy", "bucket")
    return any(
        statement.is_allow
        and statement.principals == [("Service", service)]
        and statement.covers("s3:PutObject", f"{bucket['arn']}/{folder}/AWSLogs/{_account(bucket)}/x")
        for statement in policies.statements(policy["policy"] if policy else None)
    )


def _account(bucket: Resource) -> str:
    """Ours is in the bucket's name."""
    return next(iter(re.findall(r"\d{12}", bucket["bucket"])), "")


@rule
def three_zones(subject: Subject) -> Findings:
    """Services, load balancers, endpoints and the database spread over three zones."""
    state = subject.state
    placed = [(found, found.block("network_configuration")["subnets"]) for found in state.of("ecs_service")]
    placed += [(found, found["subnets"]) for found in state.of("lb")]
    placed += [(found, found["subnet_ids"]) for found in state.of("docdb_subnet_group")]
    placed += [
        (found, found["subnet_ids"]) for found in state.of("vpc_endpoint") if found["vpc_endpoint_type"] == "Interface"
    ]
    for found, names in placed:
        zones = {subnet["availability_zone"] for subnet in subnets_of(state, names)}
        if len(zones) < 3:
            yield found.address, f"is in {sorted(zones)}"


@rule
def subnets_fit(subject: Subject) -> Findings:
    """Subnets lie in their network and do not overlap."""
    networks = subject.state.known("vpc", "id")
    for vpc in networks.values():
        is_designed = subject.environment == "production" and "standby" not in vpc.module
        if is_designed and vpc["cidr_block"] != DESIGNED:
            yield vpc.address, f"{vpc['cidr_block']}, not the design's {DESIGNED}"
    by_network: dict[str, list[ipaddress.IPv4Network]] = defaultdict(list)
    for subnet in subject.state.of("subnet"):
        addresses = ipaddress.IPv4Network(subnet["cidr_block"])
        vpc = networks[subnet["vpc_id"]]
        if not addresses.subnet_of(ipaddress.IPv4Network(vpc["cidr_block"])):
            yield subnet.address, f"{addresses} is not in {vpc['cidr_block']}"
        for other in by_network[subnet["vpc_id"]]:
            if addresses.overlaps(other):
                yield subnet.address, f"{addresses} overlaps {other}"
        by_network[subnet["vpc_id"]].append(addresses)


@rule
def default_group_is_closed(subject: Subject) -> Findings:
    """Each network's default security group lets nothing through."""
    closed = {found["vpc_id"] for found in subject.state.of("default_security_group")}
    for vpc in subject.state.of("vpc"):
        if vpc["id"] not in closed:
            yield vpc.address, "its default security group is AWS's, which lets everything out"
