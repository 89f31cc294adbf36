"""What stops a release, and what it says then: migrations, services, findings, accounts, people."""

import json

import boto3
import pytest

from deploy.rollout import images, smoke
from deploy.rollout.main import main
from tests.ecs_server import ACCOUNT
from tests.release.account import HERE, OLD_IMAGE, PREFIX, REPOSITORY, REVISION, aws, called, in_use, place

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


def test_a_migration_that_fails_stops_the_release(ecs, programs, site, capsys):
    ecs.exits["migrate"] = 1
    assert main(["release", *HERE, "--site", site.url]) == 1
    told = capsys.readouterr().err
    assert "migrate: migrate --no-input ended with 1" in told
    assert "--from migrate" in told
    assert not ecs.asked("UpdateService")
    ecs.exits.clear()
    assert main(["release", *HERE, "--from", "migrate", "--site", site.url]) == 0


def test_a_version_that_does_not_live_is_taken_back(ecs, programs, site, capsys):
    assert main(["release", *HERE, "--only", "push"]) == 0
    image = f"{REPOSITORY}@{images.digest_of(aws(), place(), REVISION[:12])}"
    ecs.fails.add(image)
    assert main(["release", *HERE, "--from", "migrate", "--site", site.url]) == 1
    told = capsys.readouterr().err
    assert "Every service is back at what it ran before" in told
    assert "something happened" in told, "the services' events say why"
    assert set(in_use(ecs).values()) == {OLD_IMAGE}
    schedule = boto3.client("scheduler").get_schedule(Name=f"{PREFIX}-back-up", GroupName=PREFIX)
    assert schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].endswith("scheduled:1")


def test_one_service_that_does_not_live_takes_the_others_back(ecs, programs, site, capsys):
    """ECS takes back the one alone; two versions side by side is what nobody has tried."""
    assert main(["release", *HERE, "--only", "push"]) == 0
    ecs.fails.add(f"backend {REPOSITORY}@{images.digest_of(aws(), place(), REVISION[:12])}")
    assert main(["release", *HERE, "--from", "migrate", "--site", site.url]) == 1
    assert set(in_use(ecs).values()) == {OLD_IMAGE}


def test_a_smoke_test_that_fails_says_what_and_what_to_do(ecs, programs, site, capsys):
    site.pages["GET /api/v1/courses"] = (503, "")
    assert main(["release", *HERE, "--only", "smoke", "--site", site.url]) == 1
    told = capsys.readouterr()
    assert "the API answers (backend): 503 instead of 200" in told.err
    assert "deploy/deploy rollback" in told.err
    assert told.out.count("  ok  ") == 5
    assert main(["release", *HERE, "--only", "smoke", "--site", "http://127.0.0.1:9"]) == 1
    assert "nobody answers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("GET /", (200, "nothing")),
        ("GET /static/css/base.0123.css", (403, "")),
        ("GET /courses", (503, "")),
        ("POST /webhooks/razorpay", (200, "")),
        ("GET /admin/", (200, "no form")),
    ],
)
def test_the_smoke_test_sees_each_part(site, address, answer, monkeypatch):
    monkeypatch.setattr(smoke, "PAUSE_SECONDS", 0.01)
    smoke.look(site.url, lambda line: None)
    site.pages[address] = answer
    with pytest.raises(smoke.Failed):
        smoke.look(site.url, lambda line: None)


def test_another_account_is_refused(ecs, programs, capsys):
    assert main(["release", "production", "--account", "999999999999", "--yes"]) == 1
    assert f"You are logged in to account {ACCOUNT}" in capsys.readouterr().err
    for action in ("rollback", "status"):
        assert main([action, "production", "--account", "999999999999", "--yes"]) == 1
    assert main(["run", "production", "--account", "999999999999", "--yes", "--", "create_roles"]) == 1
    assert not ecs.asked("RunTask")
    assert not ecs.asked("UpdateService")


def test_nobody_there_to_ask_is_no_yes(ecs, programs, capsys):
    assert main(["release", "production", "--account", ACCOUNT]) == 2
    assert "Say --yes" in capsys.readouterr().err
    assert not ecs.asked("UpdateService")


def test_what_is_in_no_commit_is_not_released(ecs, programs, monkeypatch, capsys):
    monkeypatch.setenv("TEST_DIRTY", " M manage.py")
    assert main(["release", *HERE]) == 1
    assert "in no commit" in capsys.readouterr().err
    assert not called(programs, "docker")


def test_a_changed_infrastructure_stops_the_release(ecs, programs, monkeypatch, capsys):
    assert main(["release", *HERE, "--only", "push"]) == 0
    changes = [
        {
            "address": "aws_ecs_task_definition.all",
            "type": "aws_ecs_task_definition",
            "change": {"actions": ["create"]},
        },
        {"address": "aws_vpc.main", "type": "aws_vpc", "change": {"actions": ["no-op"]}},
    ]
    monkeypatch.setenv("TEST_PLAN", json.dumps({"resource_changes": changes}))
    assert main(["release", *HERE, "--only", "plan"]) == 0
    changes[1]["change"]["actions"] = ["update"]
    monkeypatch.setenv("TEST_PLAN", json.dumps({"resource_changes": changes}))
    assert main(["release", *HERE, "--only", "plan"]) == 1
    told = capsys.readouterr().err
    assert "aws_vpc.main" in told
    assert "aws_ecs_task_definition" not in told
    assert "terraform -chdir=deploy/terraform apply" in told


@pytest.mark.parametrize(
    ("counts", "status"), [({"HIGH": 3}, 0), ({}, 0), ({"CRITICAL": 1, "HIGH": 3}, 1)], ids=["high", "none", "critical"]
)
def test_a_critical_weakness_stops_the_release(ecs, programs, monkeypatch, capsys, counts, status):
    assert main(["release", *HERE, "--only", "push"]) == 0
    monkeypatch.setattr(images, "_findings", lambda aws, place, digest: counts)
    assert main(["release", *HERE, "--only", "scan"]) == status
    assert ("critical" in capsys.readouterr().err) == bool(status)


def test_a_scan_that_does_not_end_says_so(ecs, programs, monkeypatch, capsys):
    assert main(["release", *HERE, "--only", "push"]) == 0
    monkeypatch.setattr(images, "_findings", lambda aws, place, digest: None)
    monkeypatch.setattr(images.wait_for_scan, "__kwdefaults__", {"seconds": 0.05})
    assert main(["release", *HERE, "--only", "scan"]) == 1
    assert "--from scan" in capsys.readouterr().err


def test_without_an_image_a_later_step_says_where_to_begin(ecs, programs, capsys):
    assert main(["release", *HERE, "--from", "roll"]) == 1
    assert "--from image" in capsys.readouterr().err


def test_without_a_cluster_it_says_what_to_do(ecs, programs, capsys):
    ecs.services.clear()
    assert main(["release", *HERE, "--only", "check"]) == 1
    assert "Apply deploy/terraform first" in capsys.readouterr().err
