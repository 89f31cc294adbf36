"""The account that releases are tried on: production with revision 1 of everything, and programs that write down how
they are called. The fixtures are in conftest.py."""

import json
import sys
from pathlib import Path
from typing import Any

import boto3

from deploy.rollout.aws import Aws
from deploy.rollout.place import FAMILIES, SERVICES, Place
from tests.ecs_server import ACCOUNT, REGION, Ecs
from tests.source import ROOT

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


def fill(ecs: Ecs) -> None:
    """Of a release there was one, and it runs."""
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


def make_programs(folder: Path) -> None:
    """docker, git and terraform, which write down how they are called."""
    for name, text in {"docker": DOCKER, "git": GIT, "terraform": TERRAFORM}.items():
        (folder / name).write_text(PROGRAM.format(python=sys.executable) + text)
        (folder / name).chmod(0o755)


def called(programs: Path, name: str) -> list[list[str]]:
    if not (programs / "calls").exists():
        return []
    lines = [json.loads(line) for line in (programs / "calls").read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == name]


def image_in(definition: dict[str, Any]) -> str:
    return definition["containerDefinitions"][0]["image"]


def in_use(ecs: Ecs) -> dict[str, str]:
    """The image of each service."""
    arns = {name: service["now"] for name, service in ecs.services.items()}
    return {
        name: image_in(ecs.DescribeTaskDefinition({"taskDefinition": arn})["taskDefinition"])
        for name, arn in arns.items()
    }


def aws() -> Aws:
    return Aws(REGION, say=lambda line: None)


def place() -> Place:
    return Place("production", ACCOUNT)


def schedule() -> dict[str, Any]:
    return boto3.client("scheduler").get_schedule(Name=f"{PREFIX}-back-up", GroupName=PREFIX)
