"""What `deploy/deploy` does when all goes well, against moto (ECR, S3, STS, Scheduler, logs) and our ECS."""

import boto3
import pytest

from deploy.rollout import tasks
from deploy.rollout.main import main
from deploy.rollout.place import FAMILIES
from deploy.rollout.steps import STEPS
from tests.ecs_server import ACCOUNT, REGION
from tests.release.account import HERE, OLD_IMAGE, PREFIX, REPOSITORY, called, image_in, in_use

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


def test_a_release_does_every_step_in_order(ecs, programs, site, capsys):
    assert main(["release", *HERE, "--site", site.url]) == 0
    told = capsys.readouterr().out
    assert [line.split()[1] for line in told.splitlines() if line.startswith("== ") and "done" not in line] == list(
        STEPS
    )
    [image] = set(in_use(ecs).values())
    assert image.startswith(f"{REPOSITORY}@sha256:")
    assert image != OLD_IMAGE
    # Nothing but the image differs from what Terraform made.
    for role in FAMILIES:
        before, after = ecs.definitions[f"{PREFIX}-{role}"]
        ours = {"taskDefinitionArn", "revision"}
        changed = {key for key in before if key not in ours and before[key] != after[key]}
        assert changed == {"containerDefinitions"}
        assert before["containerDefinitions"][0] | {"image": image} == after["containerDefinitions"][0]
    order = [name for name, _ in ecs.calls]
    assert order.index("RunTask") < order.index("UpdateService"), "tables before the code that needs them"
    commands = [body["overrides"]["containerOverrides"][0]["command"] for body in ecs.asked("RunTask")]
    assert [command[2] for command in commands] == ["migrate", "create_roles"]
    schedule = boto3.client("scheduler").get_schedule(Name=f"{PREFIX}-back-up", GroupName=PREFIX)
    assert schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].endswith("scheduled:2")
    assert schedule["ScheduleExpression"] == "cron(0 21 * * ? *)"
    assert schedule["Target"]["Input"] == '{"containerOverrides": []}'


def test_migrations_run_as_the_clusters_own_user(ecs, programs):
    assert main(["release", *HERE, "--only", "push"]) == 0
    assert main(["release", *HERE, "--only", "migrate"]) == 0
    migrate, roles = (body["overrides"]["containerOverrides"][0] for body in ecs.asked("RunTask"))
    assert migrate["environment"] == [{"name": "DATABASE_SECRET_ARN", "value": "${database_master_secret_arn}"}]
    assert "environment" not in roles
    body = ecs.asked("RunTask")[0]
    assert body["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1"]


def test_static_files_are_there_with_their_names_and_for_ever(ecs, programs, capsys):
    assert main(["release", *HERE, "--only", "push"]) == 0
    for expected in ("1 new files", "0 new files"):
        assert main(["release", *HERE, "--only", "static"]) == 0
        assert expected in capsys.readouterr().out
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=f"{PREFIX}-static-{ACCOUNT}")["Contents"]
    assert [entry["Key"] for entry in listed] == ["static/css/base.0123.css"]
    found = s3.get_object(Bucket=f"{PREFIX}-static-{ACCOUNT}", Key="static/css/base.0123.css")
    assert found["ContentType"] == "text/css; charset=utf-8"
    assert "immutable" in found["CacheControl"]


def test_everything_can_be_repeated(ecs, programs, site):
    assert main(["release", *HERE, "--site", site.url]) == 0
    updates = len(ecs.asked("UpdateService"))
    assert main(["release", *HERE, "--site", site.url]) == 0
    assert len(ecs.asked("UpdateService")) == updates, "services that run it already are left alone"
    assert {len(revisions) for revisions in ecs.definitions.values()} == {2}
    assert len([call for call in called(programs, "docker") if call[0] == "build"]) == 1


def test_a_migration_that_runs_already_is_waited_for(ecs, programs, monkeypatch, capsys):
    """The network broke while it ran."""
    assert main(["release", *HERE, "--only", "push"]) == 0
    ecs.runs_forever = True
    monkeypatch.setattr(tasks, "TASK_SECONDS", 0.05)
    monkeypatch.setattr(tasks.run, "__kwdefaults__", {"seconds": 0.05})
    assert main(["release", *HERE, "--only", "migrate"]) == 1
    assert "still runs" in capsys.readouterr().err
    ecs.runs_forever = False
    for task in ecs.tasks.values():
        task["seen"] = 0
    assert main(["release", *HERE, "--only", "migrate"]) == 0
    commands = [body["overrides"]["containerOverrides"][0]["command"][2] for body in ecs.asked("RunTask")]
    assert commands.count("migrate") == 1


def test_rollback_goes_to_the_version_before(ecs, programs, site, capsys):
    assert main(["release", *HERE, "--site", site.url]) == 0
    assert main(["rollback", *HERE]) == 0
    assert set(in_use(ecs).values()) == {OLD_IMAGE}
    schedule = boto3.client("scheduler").get_schedule(Name=f"{PREFIX}-back-up", GroupName=PREFIX)
    arn = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"]
    assert image_in(ecs.DescribeTaskDefinition({"taskDefinition": arn})["taskDefinition"]) == OLD_IMAGE
    assert main(["rollback", *HERE]) == 1, "said twice, it goes back once"
    assert "--further" in capsys.readouterr().err
    assert set(in_use(ecs).values()) == {OLD_IMAGE}
    assert main(["rollback", *HERE, "--further"]) == 1
    assert "no earlier version" in capsys.readouterr().err


def test_the_registry_is_asked_for_its_scan(ecs, programs, capsys):
    """moto finds the same in every image."""
    assert main(["release", *HERE, "--only", "push"]) == 0
    assert main(["release", *HERE, "--only", "scan"]) == 0
    assert "HIGH" in capsys.readouterr().out


def test_run_gives_the_commands_log_and_status(ecs, programs, capsys):
    assert main(["run", *HERE, "--", "rotate_database_password", "--create"]) == 0
    [body] = ecs.asked("RunTask")
    assert body["overrides"]["containerOverrides"][0]["command"][2:] == ["rotate_database_password", "--create"]
    assert body["overrides"]["taskRoleArn"].endswith(f"{PREFIX}-{REGION}-rotation-task")
    assert body["taskDefinition"].endswith("scheduled:1")
    ecs.exits["check_database"] = 3
    assert main(["run", *HERE, "--", "check_database"]) == 1
    assert "ended with 3" in capsys.readouterr().err
    assert main(["run", *HERE]) == 2
    assert main(["run", *HERE, "--", "rm", "-rf"]) == 0, "a name like another; manage.py refuses it"
    assert main(["run", *HERE, "--", "../x"]) == 1


def test_status_says_what_runs(ecs, programs, capsys):
    assert main(["status", *HERE]) == 0
    told = capsys.readouterr().out
    assert told.count("sha256:1111") == 3
    assert "2 of 2 tasks" in told
