"""`deploy/deploy`, against moto (ECR, S3, STS, Scheduler, logs) and an ECS that fails when told to (ecs_server.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from deploy.rollout import images, services, smoke, tasks
from deploy.rollout.main import main
from deploy.rollout.place import FAMILIES, SERVICES
from deploy.rollout.steps import STEPS
from tests import servers
from tests.ecs_server import ACCOUNT, REGION, EcsServer
from tests.source import ROOT

pytestmark = pytest.mark.slow

PREFIX = "coursebundler-production"
REVISION = "1234567890ab" + "c" * 28
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{PREFIX}"
OLD_IMAGE = f"{REPOSITORY}@sha256:{'1' * 64}"
HERE = ["production", "--account", ACCOUNT, "--yes"]

PROGRAM = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as file:
    file.write(json.dumps([pathlib.Path(__file__).name, *sys.argv[1:]]) + chr(10))
"""
DOCKER = """
if sys.argv[1] == "login":
    assert sys.stdin.read()
if sys.argv[1] == "create":
    print("container1")
if sys.argv[1] == "push":
    import boto3
    name, tag = sys.argv[2].rsplit("/", 1)[1].split(":")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    content = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": "sha256:" + "2" * 64}, "layers": []}
    client = boto3.client("ecr", region_name="us-east-1")
    client.put_image(repositoryName=name, imageManifest=json.dumps(content), imageTag=tag)
    client.start_image_scan(repositoryName=name, imageId={"imageTag": tag})  # moto's registry does not by itself
if sys.argv[1] == "cp":
    target = pathlib.Path(sys.argv[3]) / "static_files" / "css"
    target.mkdir(parents=True)
    for name in ("base.css", "base.0123.css", "base.0123.css.gz"):
        (target / name).write_text("body {}")
    (target.parent / "staticfiles.json").write_text(json.dumps({"paths": {"css/base.css": "css/base.0123.css"}}))
"""
GIT = """
if sys.argv[1] == "rev-parse":
    print(os.environ["TEST_REVISION"])
if sys.argv[1] == "status":
    print(os.environ.get("TEST_DIRTY", ""))
"""
TERRAFORM = """
if "show" in sys.argv:
    print(os.environ.get("TEST_PLAN", "{}"))
"""


@pytest.fixture(scope="module")
def moto_address():
    with servers.moto() as address:
        yield address


@pytest.fixture
def ecs(monkeypatch, moto_address):
    """The cluster of production with revision 1 of everything; the other services are moto's, and empty."""
    server = EcsServer()
    for name, value in {
        "AWS_ENDPOINT_URL": moto_address,
        "AWS_ENDPOINT_URL_ECS": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "TEST_REVISION": REVISION,
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("sts").meta.events  # noqa: B018  botocore reads its files now, and not while time runs
    subprocess.run(  # moto forgets everything
        [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{moto_address}/moto-api/reset', b'')"],
        check=True,
    )
    for module in (tasks, services, images):
        monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(smoke, "PAUSE_SECONDS", 0.01)
    # Whatever goes wrong ends soon.
    for waiting in (tasks.run, services.roll, services.wait, images.wait_for_scan):
        monkeypatch.setattr(waiting, "__kwdefaults__", {"seconds": 5})
    fill(server.ecs)
    yield server.ecs
    server.stop()


def fill(ecs) -> None:
    for role in FAMILIES:
        content = json.loads((ROOT / "deploy/ecs" / f"{role}.json").read_text().replace("${prefix}", PREFIX))
        content["containerDefinitions"][0]["image"] = OLD_IMAGE
        ecs.RegisterTaskDefinition(content)
    for name in SERVICES:
        arn = ecs.definitions[f"{PREFIX}-{name}"][0]["taskDefinitionArn"]
        ecs.services[name] = {"now": arn, "before": arn, "states": [], "end": "COMPLETED"}
    boto3.client("ecr").create_repository(
        repositoryName=PREFIX, imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True}
    )
    boto3.client("s3").create_bucket(Bucket=f"{PREFIX}-static-{ACCOUNT}")
    scheduler = boto3.client("scheduler")
    scheduler.create_schedule_group(Name=PREFIX)
    scheduler.create_schedule(
        Name=f"{PREFIX}-back-up",
        GroupName=PREFIX,
        ScheduleExpression="cron(0 21 * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": ecs.arn("cluster", PREFIX),
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
            "Input": '{"containerOverrides": []}',
            "EcsParameters": {"TaskDefinitionArn": ecs.definitions[f"{PREFIX}-scheduled"][0]["taskDefinitionArn"]},
        },
    )


@pytest.fixture
def programs(monkeypatch, tmp_path) -> Path:
    """docker, git and terraform, which write down how they are called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in {"docker": DOCKER, "git": GIT, "terraform": TERRAFORM}.items():
        (folder / name).write_text(PROGRAM.format(python=sys.executable) + text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def called(programs, name) -> list[list[str]]:
    if not (programs / "calls").exists():
        return []
    lines = [json.loads(line) for line in (programs / "calls").read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == name]


@pytest.fixture
def site():
    """Answers as the site should; `site.broken` are addresses that do not."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    pages = {
        "GET /": (200, '<title>x</title><link href="/static/css/base.0123.css">'),
        "GET /static/css/base.0123.css": (200, "body {}"),
        "GET /courses": (200, ""),
        "GET /api/v1/courses": (200, "[]"),
        "POST /webhooks/razorpay": (400, ""),
        "GET /admin/": (200, 'type="password"'),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = pages.get(f"{self.command} {self.path}", (404, ""))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, *args):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.pages = pages
    server.url = "http://{}:{}".format(*server.server_address)
    yield server
    server.shutdown()
    server.server_close()


def image_in(definition) -> str:
    return definition["containerDefinitions"][0]["image"]


def in_use(ecs) -> dict[str, str]:
    """The image of each service."""
    arns = {name: service["now"] for name, service in ecs.services.items()}
    return {
        name: image_in(ecs.DescribeTaskDefinition({"taskDefinition": arn})["taskDefinition"])
        for name, arn in arns.items()
    }


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


def test_a_migration_that_fails_stops_the_release(ecs, programs, site, capsys):
    ecs.exits["migrate"] = 1
    assert main(["release", *HERE, "--site", site.url]) == 1
    told = capsys.readouterr().err
    assert "migrate: migrate --no-input ended with 1" in told
    assert "--from migrate" in told
    assert not ecs.asked("UpdateService")
    ecs.exits.clear()
    assert main(["release", *HERE, "--from", "migrate", "--site", site.url]) == 0


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


def aws():
    from deploy.rollout.aws import Aws

    return Aws(REGION, say=lambda line: None)


def place():
    from deploy.rollout.place import Place

    return Place("production", ACCOUNT)


def test_rollback_goes_to_the_version_before(ecs, programs, site, capsys):
    assert main(["release", *HERE, "--site", site.url]) == 0
    assert main(["rollback", *HERE]) == 0
    assert set(in_use(ecs).values()) == {OLD_IMAGE}
    schedule = boto3.client("scheduler").get_schedule(Name=f"{PREFIX}-back-up", GroupName=PREFIX)
    arn = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"]
    assert image_in(ecs.DescribeTaskDefinition({"taskDefinition": arn})["taskDefinition"]) == OLD_IMAGE
    assert main(["rollback", *HERE]) == 1
    assert "no earlier version" in capsys.readouterr().err


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


def test_the_registry_is_asked_for_its_scan(ecs, programs, capsys):
    """moto finds the same in every image."""
    assert main(["release", *HERE, "--only", "push"]) == 0
    assert main(["release", *HERE, "--only", "scan"]) == 0
    assert "HIGH" in capsys.readouterr().out


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
