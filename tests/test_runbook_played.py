"""The runbook's own functions (secrets, stopping the site, restoring), run by bash with the AWS CLI against moto."""

import json
import os
import re
import subprocess

import boto3
import pytest

from tests import servers
from tests.ecs_server import ACCOUNT, REGION
from tests.test_runbook import RUNBOOK, blocks_in

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]
PREFIX = "coursebundler-production"
FUNCTION = re.compile(r"^(?:\w+)\(\) ?[{(]", re.M)
# moto's services never run, so nobody waits for them.
WAITS_FOR_NOBODY = 'aws() { [ "$2" = wait ] || command aws "$@"; }\n'


@pytest.fixture(scope="module")
def account():
    """moto, with what the functions reach for."""
    login = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    with servers.moto() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in (login | {"AWS_ENDPOINT_URL": address, "AWS_PAGER": ""}).items():
            patch.setenv(name, value)
        fill()
        yield


def fill() -> None:
    secrets = boto3.client("secretsmanager")
    content = {"SECRET_KEY": "first", "SECRET_KEY_FALLBACKS": "", "EMAIL_URL": 'a "b" $c\\d'}
    secrets.create_secret(Name="coursebundler/production/application", SecretString=json.dumps(content))
    secrets.create_secret(Name="coursebundler/production/origin", SecretString='{"value": "one", "previous": ""}')
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName=PREFIX)
    ecs.register_task_definition(family="any", containerDefinitions=[{"name": "app", "image": "x", "memory": 1}])
    for service in ("frontend", "backend", "worker"):
        ecs.create_service(cluster=PREFIX, serviceName=service, taskDefinition="any", desiredCount=4)
        boto3.client("application-autoscaling").register_scalable_target(
            **target(service), MinCapacity=2, MaxCapacity=10
        )
    scheduler = boto3.client("scheduler")
    scheduler.create_schedule_group(Name=PREFIX)
    role = f"arn:aws:iam::{ACCOUNT}:role/scheduler"
    for name in ("back-up",):
        scheduler.create_schedule(
            Name=name,
            GroupName=PREFIX,
            ScheduleExpression="cron(0 21 * * ? *)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/x", "RoleArn": role, "Input": '{"a": 1}'},
        )


def target(service: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{PREFIX}/{service}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }


def bash(command: str, folder, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """A command of the runbook, after its functions."""
    functions = "\n".join(
        block for block in blocks_in(RUNBOOK) if FUNCTION.search(block) and "gh variable" not in block
    )
    names = {"ENVIRONMENT": "production", "PREFIX": PREFIX, "DEPLOY_ACCOUNT": ACCOUNT}
    return subprocess.run(
        ["bash", "-c", f"stty() {{ :; }}\n{WAITS_FOR_NOBODY}{functions}\n{command}"],
        cwd=folder,
        env=os.environ | names,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def secret(name: str) -> dict[str, str]:
    found = boto3.client("secretsmanager").get_secret_value(SecretId=f"coursebundler/production/{name}")
    return json.loads(found["SecretString"])


def test_one_key_is_written_and_the_others_stay(account, tmp_path):
    done = bash("change RAZORPAY_KEY_ID", tmp_path, 'it\'s "new" $HOME\n')
    assert done.returncode == 0, done.stderr
    assert secret("application")["RAZORPAY_KEY_ID"] == 'it\'s "new" $HOME'
    assert secret("application")["EMAIL_URL"] == 'a "b" $c\\d'
    assert "new" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_the_sites_key_changes_as_the_table_says(account, tmp_path):
    [row] = re.findall(r"^\| \*\*SECRET_KEY\*\* \|(.*)$", RUNBOOK.read_text(), re.M)
    commands = re.findall(r"`((?:NEW=\S+ )?write [^`]+)`", row)
    first = secret("application")["SECRET_KEY"]
    seen = []
    for command in commands:
        assert bash(command, tmp_path).returncode == 0
        seen.append((secret("application")["SECRET_KEY"], secret("application")["SECRET_KEY_FALLBACKS"]))
    new = seen[0][1]
    assert len(new) > 50
    assert seen[:3] == [(first, new), (new, first), (new, "")]
    assert seen[3][0] not in (first, new)
    assert seen[3][1] == ""


def test_the_origins_value_changes_as_the_table_says(account, tmp_path):
    [row] = re.findall(r"^\| \*\*Origin's header\*\*(.*)$", RUNBOOK.read_text(), re.M)
    first, last = re.findall(r"`((?:NEW=\S+ )?write [^`]+)`", row)
    assert bash(first, tmp_path).returncode == 0
    assert secret("origin")["previous"] == "one"
    new = secret("origin")["value"]
    assert bash(last, tmp_path).returncode == 0
    assert secret("origin") == {"value": new, "previous": ""}


def test_a_secret_that_cannot_be_read_is_not_written(account, tmp_path):
    before = secret("origin")
    for command in (
        "write orign '.value = 1'",
        "write origin '.value = '",
        "AWS_ENDPOINT_URL=http://127.0.0.1:9 write origin .",
    ):
        assert bash(command, tmp_path).returncode != 0, command
    assert secret("origin") == before


def test_the_site_stops_and_starts(account, tmp_path):
    done = bash("stop_site", tmp_path)
    assert done.returncode == 0, done.stderr
    assert counts() == {"frontend": 0, "backend": 0, "worker": 0}
    assert states() == {"DISABLED"}
    assert is_suspended() == {True}
    done = bash("start_site", tmp_path)
    assert done.returncode == 0, done.stderr
    assert counts() == {"frontend": 2, "backend": 2, "worker": 1}
    assert states() == {"ENABLED"}
    assert is_suspended() == {False}


def test_a_renaming_that_is_refused_waits_for_nothing(tmp_path):
    assert bash("aws() { return 254; }; renamed nothing something", tmp_path).returncode == 254


def counts() -> dict[str, int]:
    found = boto3.client("ecs").describe_services(cluster=PREFIX, services=["frontend", "backend", "worker"])[
        "services"
    ]
    return {service["serviceName"]: service["desiredCount"] for service in found}


def states() -> set[str]:
    scheduler = boto3.client("scheduler")
    names = [entry["Name"] for entry in scheduler.list_schedules(GroupName=PREFIX)["Schedules"]]
    found = [scheduler.get_schedule(GroupName=PREFIX, Name=name) for name in names]
    assert {(entry["ScheduleExpression"], entry["Target"]["Input"]) for entry in found} == {
        ("cron(0 21 * * ? *)", '{"a": 1}')
    }
    return {entry["State"] for entry in found}


def is_suspended() -> set[bool]:
    found = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert {(entry["MinCapacity"], entry["MaxCapacity"]) for entry in found} == {(2, 10)}
    return {value for entry in found for value in entry["SuspendedState"].values()}
