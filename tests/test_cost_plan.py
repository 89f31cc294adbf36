"""The bill follows the plan: what is changed there is found on the bill, and what nobody knows is told."""

import json

import pytest

from deploy.cost import bill, plan, prices, usage, variants
from deploy.cost.__main__ import main
from deploy.cost.plan import PlanError

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

VARIABLES = {
    "task_cpu": 512,
    "task_memory": 1024,
    "cpu_architecture": "X86_64",
    "database_instance_class": "db.t4g.medium",
    "single_nat": False,
    "standby": "none",
    "availability_zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
    "settings": {},
}


def planned(*changes, **variables):
    named = {name: {"value": value} for name, value in (VARIABLES | variables).items()}
    return {"resource_changes": list(changes), "variables": named}


def change(kind, after, unknown=None, module="module.primary"):
    after = {"region": "us-east-1"} | after
    return {
        "type": kind,
        "mode": "managed",
        "module_address": module,
        "change": {"after": after, "after_unknown": unknown or {}},
    }


def dollars(*changes, **variables):
    made = bill.bill(plan.read(planned(*changes, **variables)), usage.usage(1000), prices.read())
    return {line.what: round(line.dollars, 2) for line in made.lines}


def service(**strategy):
    providers = [
        {"capacity_provider": name, "base": base, "weight": weight} for name, (base, weight) in strategy.items()
    ]
    return change("aws_ecs_service", {"name": "frontend", "desired_count": 6, "capacity_provider_strategy": providers})


def test_spot_follows_the_base_and_both_weights():
    """Of six tasks: beyond a base of 4 half of two are Spot; without a base, five of six."""
    one = dollars(service(FARGATE=(4, 1), FARGATE_SPOT=(None, 1)))
    five = dollars(service(FARGATE=(None, 1), FARGATE_SPOT=(None, 5)))
    each = 730 * 0.5 * 0.04048

    assert one["frontend, Spot: processors"] == pytest.approx(each * 0.3, abs=0.01)
    assert one["frontend, on demand: processors"] == pytest.approx(5 * each, abs=0.01)
    assert five["frontend, on demand: processors"] == pytest.approx(each, abs=0.01)


def test_numbers_given_on_the_command_line_are_text_in_the_plan():
    assert dollars(service(FARGATE=(2, 1)), task_cpu="256")["frontend, on demand: processors"] == pytest.approx(
        6 * 730 * 0.25 * 0.04048, abs=0.01
    )


@pytest.mark.parametrize("value", [None, "much", {}])
def test_a_size_that_is_no_number_is_told(value):
    with pytest.raises(PlanError, match=r"task_cpu is .*, which is no number"):
        dollars(service(FARGATE=(2, 1)), task_cpu=value)


@pytest.mark.parametrize(("days", "kept"), [(400, 400), (731, 731), (0, 3653)])
def test_logs_are_kept_as_long_as_the_group_says(days, kept):
    found = dollars(change("aws_cloudwatch_log_group", {"retention_in_days": days}))
    gigabytes = usage.usage(1000).logs_gb * usage.COMPRESSED * kept / 30

    assert found[f"logs kept {kept} days"] == pytest.approx(max(0, gigabytes - 5) * 0.03, abs=0.01)


def test_snapshots_are_kept_as_long_as_the_backup_plan_says():
    def kept(days):
        rule = {"lifecycle": [{"delete_after": days}]}
        return dollars(change("aws_backup_plan", {"rule": [rule]}), change("aws_backup_vault", {}))

    gigabytes = usage.usage(1000).database_gb
    assert kept(1)["snapshots in us-east-1"] == pytest.approx(gigabytes * 0.02, abs=0.01)
    assert kept(91)["snapshots in us-east-1"] == pytest.approx(gigabytes * 10 * 0.02, abs=0.01)


def test_subnets_that_are_not_there_yet_are_one_in_each_zone():
    """In the first plan of a new account the addresses of subnets are unknown."""
    endpoint = change("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface"}, {"subnet_ids": True})
    found = dollars(change("aws_lb", {}, {"subnets": True}), endpoint)

    assert found["public IPv4 addresses"] == 10.95
    assert found["interface endpoints"] == 21.90
    assert dollars(endpoint, availability_zones=["us-east-1a"])["interface endpoints"] == 7.30


def test_metrics_of_routes_are_paid_only_where_they_are_switched_on():
    cluster = change("aws_ecs_cluster", {"setting": []})

    assert dollars(cluster)["our own metrics"] == 6.0  # 30 − 10 free, at $0.30
    assert dollars(cluster, settings={"METRICS_BY_ROUTE": "true"})["our own metrics"] == 60.0
    assert dollars(cluster, settings={"METRICS_BY_ROUTE": "false"})["our own metrics"] == 6.0


def test_optimised_storage_costs_no_requests_but_dearer_instances():
    def cluster(storage):
        instance = change("aws_docdb_cluster_instance", {"instance_class": "db.r6g.large"})
        return dollars(change("aws_docdb_cluster", {"storage_type": storage}), instance)

    standard, optimized = cluster("standard"), cluster("iopt1")
    assert "I/O" in standard
    assert "I/O" not in optimized
    ratio = optimized["db.r6g.large, us-east-1"] / standard["db.r6g.large, us-east-1"]
    assert ratio == pytest.approx(1.1, abs=0.001)
    assert optimized["storage"] == pytest.approx(3 * standard["storage"], abs=0.02)


@pytest.mark.parametrize(("standby", "is_asked"), [("warm", False), ("serving", True)])
def test_the_traffic_is_paid_where_it_goes(standby, is_asked):
    balancer = change("aws_lb", {"region": "us-west-2", "internal": True}, module="module.standby[0]")

    assert ("capacity units" in dollars(balancer, standby=standby)) is is_asked


def test_without_endpoints_logs_and_images_pass_the_gateway():
    gateway = change("aws_nat_gateway", {})
    endpoint = change("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface", "subnet_ids": ["a"]})

    assert dollars(gateway)["data"] > dollars(gateway, endpoint)["data"]


@pytest.mark.parametrize(
    ("kind", "after", "sentence"),
    [
        ("aws_lb", {"load_balancer_type": "network"}, "not of a network one"),
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "GatewayLoadBalancer"}, "of the kind GatewayLoadBalancer"),
        ("aws_docdb_cluster_instance", {"instance_class": "db.serverless"}, "no price docdb_db.serverless_hour"),
        ("aws_elasticache_replication_group", {}, "does not know whether that costs money"),
    ],
)
def test_what_the_bill_does_not_know_is_told(tmp_path, capsys, monkeypatch, kind, after, sentence):
    (tmp_path / "plan.json").write_text(json.dumps(planned(change(kind, after))))
    monkeypatch.setattr("sys.argv", ["cost", "--plan", str(tmp_path / "plan.json")])

    assert main() == 1
    assert sentence in capsys.readouterr().err


def test_two_of_two_instances_are_no_more_than_there_are():
    one = plan.read(planned(change("aws_docdb_cluster_instance", {"instance_class": "db.t4g.medium"})))

    assert variants.instances(2)(one).count("aws_docdb_cluster_instance") == 1
