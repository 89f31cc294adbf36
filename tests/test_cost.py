"""The bill: counts from a plan, prices from a file, and cases worked out by hand."""

import json
import re
import subprocess
import sys

import pytest

from deploy.cost import bill, catalogue, document, plan, prices, usage, variants
from deploy.cost.plan import Inventory, Item, PlanError
from deploy.cost.prices import PriceError
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

VARIABLES = {"task_cpu": 512, "task_memory": 1024, "cpu_architecture": "X86_64"}


def inventory(*items):
    return Inventory(VARIABLES, [Item(*item) for item in items])


def dollars(*items, students=1000, **options):
    made = bill.bill(inventory(*items), usage.usage(students, **options), prices.read())
    return {line.what: round(line.dollars, 2) for line in made.lines}


@pytest.fixture(scope="module")
def kept():
    return plan.load()


# --- Prices ---


def test_every_price_says_where_it_is_from_and_when():
    rows = prices.read().rows

    assert len(rows) > 50
    for name, row in rows.items():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row.date), name
        assert row.source.startswith("https://"), name
        assert row.unit, name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": -1}, "is -1, which is no amount"),
        ({"price": "0.10"}, "is '0.10', which is no amount"),
        ({"price": True}, "is True, which is no amount"),
        ({"price": float("nan")}, "is nan, which is no amount"),
        ({"price": float("inf")}, "is inf, which is no amount"),
        ({"source": ""}, "does not say its source"),
        ({"date": None}, "does not say its date"),
        ({"basis": "hearsay"}, "has the basis 'hearsay', not one of aws"),
        ({"colour": "red"}, "needs exactly basis, date"),
    ],
)
def test_a_price_that_is_not_told_fully_is_refused(tmp_path, change, sentence):
    rows = json.loads(prices.FILE.read_text())
    rows["nat_hour"] |= change
    (tmp_path / "prices.json").write_text(json.dumps(rows))

    with pytest.raises(PriceError, match=re.escape(sentence)):
        prices.read(tmp_path / "prices.json")


def test_a_price_that_is_missing_is_named(kept):
    few = prices.Prices({name: row for name, row in prices.read().rows.items() if name != "nat_hour"})

    with pytest.raises(PriceError, match="has no price nat_hour"):
        bill.bill(kept["none"], usage.usage(1000), few)


# --- Types ---


def test_every_type_in_the_configuration_is_known_to_cost_money_or_not():
    files = [*(ROOT / "deploy" / "terraform").rglob("*.tf")]
    types = {name for path in files for name in re.findall(r'^resource "(\w+)"', path.read_text(), re.M)}

    assert len(types) > 80
    assert types - catalogue.PAID.keys() - catalogue.FREE == set()


def test_no_type_is_both_paid_and_free():
    assert not catalogue.PAID.keys() & catalogue.FREE
    assert catalogue.PAID.keys() >= catalogue.ONCE


@pytest.mark.slow
def test_an_unknown_type_stops_the_program(tmp_path):
    change = {"type": "aws_redshift_cluster", "mode": "managed", "change": {"after": {"region": "us-east-1"}}}
    variables = {name: {"value": 1} for name in plan.VARIABLES}
    (tmp_path / "plan.json").write_text(json.dumps({"resource_changes": [change], "variables": variables}))

    done = cost("--plan", str(tmp_path / "plan.json"))

    assert done.returncode == 1
    assert "The plan has aws_redshift_cluster, and deploy/cost does not know whether that costs money" in done.stderr
    assert not done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "[]", '{"resource_changes": [{}]}', '{"resource_changes": [], "variables": {}}'])
def test_what_is_no_plan_is_told_in_a_sentence(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)

    done = cost("--plan", str(tmp_path / "plan.json"))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no plan as" in done.stderr or "cannot be read" in done.stderr


def cost(*arguments):
    command = [sys.executable, "-m", "deploy.cost", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# --- What is kept of a plan ---


def change(kind, module="", **values):
    found = {"type": kind, "mode": "managed", "change": {"after": values}}
    return found | ({"module_address": module} if module else {})


def read(*changes):
    variables = {name: {"value": None} for name in plan.VARIABLES}
    return plan.read({"resource_changes": list(changes), "variables": variables}).items


def test_alike_resources_are_counted_and_others_kept_apart():
    found = read(
        change("aws_docdb_cluster_instance", instance_class="db.t4g.medium", region="us-east-1"),
        change("aws_docdb_cluster_instance", instance_class="db.t4g.medium", region="us-east-1"),
        change("aws_docdb_cluster_instance", instance_class="db.r6g.large", region="us-east-1"),
        change("aws_docdb_cluster_instance", "module.standby[0]", instance_class="db.t4g.medium"),
    )

    assert [(item.region, item.count, item.arguments["class"]) for item in found] == [
        ("us-east-1", 1, "db.r6g.large"),
        ("us-east-1", 2, "db.t4g.medium"),
        ("us-west-2", 1, "db.t4g.medium"),
    ]


def test_what_is_destroyed_costs_nothing():
    assert read({"type": "aws_lb", "mode": "managed", "change": {"after": None}}) == []


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("rate(10 minutes)", 4380),
        ("rate(1 hour)", 730),
        ("cron(0 20 * * ? *)", 365 / 12),
        ("cron(0 23 ? * SUN *)", 52 / 12),
        ("cron(0 22 1 * ? *)", 1),
    ],
)
def test_runs_of_a_schedule(expression, runs):
    assert plan.runs_a_month(expression) == pytest.approx(runs)


def test_a_schedule_that_is_not_understood_is_told():
    with pytest.raises(PlanError, match=r"How often at\(2027"):
        plan.runs_a_month("at(2027-01-01T00:00:00)")


def test_a_schedule_that_is_switched_off_runs_nothing():
    [item] = read(change("aws_scheduler_schedule", schedule_expression="rate(10 minutes)", state="DISABLED"))

    assert item.arguments == {"runs": 0}


@pytest.mark.parametrize(
    ("values", "features"),
    [
        ({"type": "HTTPS", "request_interval": 10, "measure_latency": True}, 3),
        ({"type": "HTTPS_STR_MATCH", "request_interval": 30, "search_string": "ok"}, 2),
        ({"type": "CALCULATED"}, 0),
    ],
)
def test_features_of_a_health_check(values, features):
    [item] = read(change("aws_route53_health_check", **values))

    assert item.arguments == {"features": features}


def test_differences_are_told_line_by_line(kept):
    other = variants.one_nat(kept["none"])

    assert plan.differences(kept["none"], kept["none"]) == []
    assert plan.differences(kept["none"], other) == [
        "+ 1 aws_eip in us-east-1 {}",
        "+ 1 aws_nat_gateway in us-east-1 {}",
        "- 3 aws_eip in us-east-1 {}",
        "- 3 aws_nat_gateway in us-east-1 {}",
    ]


# --- The bill, by hand ---

RANGE = ("aws_appautoscaling_target", "us-east-1", 1, {"name": "frontend", "least": 2, "most": 10})


def web(weight):
    kept = {"name": "frontend", "base": 2, "weight": 1, "spot_weight": weight, "desired": 5}
    return ("aws_ecs_service", "us-east-1", 1, kept)


def test_two_tasks_of_half_a_processor():
    """2 × 730 h × (0.5 × $0.04048 + 1 × $0.004445) = $36.04."""
    assert sum(dollars(RANGE, web(3)).values()) == pytest.approx(36.04, abs=0.01)


def test_ten_tasks_six_of_them_on_spot():
    """Two are the base; of the other eight three quarters are Spot. 4 at $18.02, 6 at 30 % of that: $104.52."""
    found = dollars(RANGE, web(3), is_full=True)

    assert sum(found.values()) == pytest.approx(104.52, abs=0.03)
    assert catalogue.spot_share(10, 3) == 6
    assert catalogue.spot_share(2, 3) == 0
    assert catalogue.spot_share(10, 0) == 0
    assert catalogue.spot_share(10, 3, base=6) == 3
    assert catalogue.spot_share(10, 1, on_demand=0, base=0) == 10


def test_graviton_is_a_fifth_cheaper():
    arm = variants.with_variables(inventory(RANGE, web(0)), cpu_architecture="ARM64")
    before = bill.bill(inventory(RANGE, web(0)), usage.usage(1000), prices.read()).total

    assert bill.bill(arm, usage.usage(1000), prices.read()).total / before == pytest.approx(0.80, abs=0.005)


def test_three_gateways_with_their_addresses():
    """3 × 730 × $0.045, and 3 × 730 × $0.005."""
    found = dollars(("aws_nat_gateway", "us-east-1", 3, {}), ("aws_eip", "us-east-1", 3, {}))

    assert found["gateways"] == 98.55
    assert found["public IPv4 addresses"] == 10.95


def test_four_endpoints_in_three_zones():
    found = dollars(
        ("aws_vpc_endpoint", "us-east-1", 4, {"kind": "Interface", "zones": 3}),
        ("aws_vpc_endpoint", "us-east-1", 1, {"kind": "Gateway", "zones": 0}),
    )

    assert found["interface endpoints"] == 87.60


def test_ten_alarms_are_free_and_metric_math_counts_each_metric():
    found = dollars(
        ("aws_cloudwatch_metric_alarm", "us-east-1", 12, {"metrics": 1}),
        ("aws_cloudwatch_metric_alarm", "us-east-1", 1, {"metrics": 3}),
        ("aws_appautoscaling_policy", "us-east-1", 2, {"alarms": 1}),
    )

    assert found["alarms"] == 0.70  # 17 − 10


def test_a_secret_in_two_regions_is_paid_twice():
    assert dollars(("aws_secretsmanager_secret", "us-east-1", 3, {"copies": 2}))["secrets"] == 2.40


def test_cloudfront_by_tiers():
    """20 TB: 1 TB free, 10 TB at $0.085, 9 TB at $0.080."""
    charges = {charge.price: charge.quantity for charge in catalogue.edge_data(20 * 1024)}

    assert charges == {"cloudfront_gb_10tb": 10 * 1024, "cloudfront_gb_50tb": 9 * 1024}
    assert list(catalogue.edge_data(1000)) == []


def test_a_standby_stays_small_while_the_primary_is_full():
    kept = {"name": "frontend", "base": 2, "weight": 1, "spot_weight": 0, "desired": 1}
    standby = ("aws_ecs_service", "us-west-2", 1, kept)
    its_range = ("aws_appautoscaling_target", "us-west-2", 1, {"name": "frontend", "least": 1, "most": 10})

    assert dollars(its_range, standby, is_full=True) == dollars(its_range, standby)


# --- The whole ---


def test_each_saving_saves_and_together_they_come_within_the_designs_range(kept):
    found = prices.read()
    before = variants.least_and_most(kept["none"], found)
    for switch in variants.SAVING:
        least, most = variants.least_and_most(switch.change(kept["none"]), found)
        assert least.total < before[0].total, switch.what
        assert most.total < before[1].total, switch.what
    least, most = variants.least_and_most(variants.everything_saved(kept["none"]), found)

    assert variants.DESIGN[0] <= least.total <= most.total <= variants.DESIGN[1]


def test_a_standby_costs_more_and_a_warm_one_most(kept):
    totals = [variants.least_and_most(kept[name], prices.read())[0].total for name in plan.STANDBYS]

    assert totals == sorted(totals)
    assert len(set(totals)) == len(plan.STANDBYS) == 4


def test_the_document_is_what_the_program_writes(kept):
    written = document.DOCUMENT.read_text(encoding="utf-8")

    assert document.text(kept, prices.read()) == written, "run python -m deploy.cost document"


@pytest.mark.slow
def test_the_program_prints_the_bill():
    done = cost()

    assert done.returncode == 0, done.stderr
    assert "| **Total** | $326–606 |" in done.stdout
