"""deploy/ecs/*.json as AWS would take it: by botocore's own validator, by AWS's schema, and by a real registration.

moto answers as ECS, Application Auto Scaling and CloudWatch over HTTP on this machine; everything is sent to it and
read back. What Terraform made of the files is compared with them as well.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from moto.server import ThreadedMotoServer

from deploy.check.rules import Problem
from deploy.check.state import Resource, State
from deploy.check.values import Checker

PLACEHOLDER = re.compile(r"(?<!\$)\$\{(\w+)\}")
SAMPLES = {
    "prefix": "coursebundler-check",
    "cluster": "coursebundler-check",
    "region": "us-east-1",
    "task_cpu": "512",
    "task_memory": "1024",
    "cpu_architecture": "X86_64",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler@sha256:" + "0" * 64,
    "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
    "task_role_arn": "arn:aws:iam::123456789012:role/task",
    "log_group": "/coursebundler-check/app",
    "site_domain": "courses.example.org",
    "database_endpoint": "check.cluster-1.us-east-1.docdb.amazonaws.com",
    "database_engine": "8.0.2",
    "database_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-1a2b3c",
    "database_master_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:master-1a2b3c",
    "application_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:application-1a2b3c",
    "media_bucket_name": "coursebundler-check-media",
    "backup_bucket_name": "coursebundler-check-backups",
    "media_cdn_url": "https://media.example.org",
    "cloudfront_key_id": "K2JCJMDEHXQW5F",
    "load_balancer": "app/coursebundler-check/50dc6c495c0c9188",
    "target_group": "targetgroup/coursebundler-check/6d0ecf831eec9f09",
}
SERVICES = ("frontend", "backend", "worker")
SCALED = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
CREDENTIALS = {"aws_access_key_id": "check", "aws_secret_access_key": "check", "region_name": "us-east-1"}

Json = dict[str, Any]


class EcsFiles:
    """The files of deploy/ecs, with samples in the place of what Terraform fills in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def raw(self, name: str) -> Json:
        return json.loads((self.folder / f"{name}.json").read_text())

    def filled_in(self, name: str, **more: str) -> Json:
        """Raises KeyError for a placeholder that Terraform does not know either, ValueError for what is no JSON."""
        values = SAMPLES | more
        text = (self.folder / f"{name}.json").read_text()
        return json.loads(PLACEHOLDER.sub(lambda found: values[found[1]], text))


def check(folder: Path, state: State) -> list[Problem]:
    """Every layer's findings about deploy/ecs."""
    files = EcsFiles(folder)
    unreadable = list(_unreadable(files))
    if unreadable:
        return unreadable
    return [*_by_botocore(files), *_by_schema(files), *_by_registration(files), *_by_state(files, state)]


def _unreadable(files: EcsFiles) -> Iterator[Problem]:
    for name in [*files.names, *(f"scaling/{service}" for service in SERVICES)]:
        try:
            files.filled_in(name, service="check")
        except (KeyError, ValueError, OSError) as error:
            yield _problem("readable", "Each file is JSON once the placeholders are filled in.", name, repr(error))


def _problem(kind: str, message: str, name: str, detail: str) -> Problem:
    return Problem(f"ecs_{kind}", message, f"deploy/ecs/{name}.json", detail)


# --- botocore: what the AWS command line and boto3 would refuse to send ---


def _calls(files: EcsFiles) -> Iterator[tuple[str, str, str, Json]]:
    """(file, service, operation, parameters) of every call that would make this."""
    for name in files.names:
        yield name, "ecs", "RegisterTaskDefinition", files.filled_in(name)
    for service in SERVICES:
        name = f"scaling/{service}"
        scaling = files.filled_in(name, service=service)
        resource = {"ResourceId": f"service/{SAMPLES['cluster']}/{service}", **SCALED}
        yield name, "application-autoscaling", "RegisterScalableTarget", scaling["target"] | resource
        for policy in scaling["policies"]:
            yield name, "application-autoscaling", "PutScalingPolicy", policy | resource
        for alarm in scaling["alarms"]:
            yield name, "cloudwatch", "PutMetricAlarm", alarm


def _by_botocore(files: EcsFiles) -> Iterator[Problem]:
    session = botocore.session.get_session()
    for name, service, operation, parameters in _calls(files):
        shape = session.get_service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            yield _problem("botocore", f"botocore sends it as {operation}.", name, report.generate_report())


# --- AWS's schema of a task definition ---


def _by_schema(files: EcsFiles) -> Iterator[Problem]:
    root = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ECS::TaskDefinition").schema
    for name in files.names:
        for text in Checker(root, "ecs_task_definition").problems(files.filled_in(name), root):
            yield _problem("schema", "AWS's schema of task definitions allows it.", name, text)


# --- moto: sent over HTTP, and read back ---


@contextmanager
def _moto() -> Iterator[str]:
    """The address of a server of our own on this machine."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def differences(sent: Any, back: Any, path: str = "") -> Iterator[str]:
    """What of `sent` is missing or another value in `back`; what `back` has besides does not matter."""
    if isinstance(sent, dict) and isinstance(back, dict):
        for name, value in sent.items():
            if name not in back:
                yield f"{path}.{name} is lost"
            else:
                yield from differences(value, back[name], f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(back, list) and len(sent) == len(back):
        for number, pair in enumerate(zip(sent, back, strict=True)):
            yield from differences(*pair, path=f"{path}[{number}]")
    elif sent != back:
        yield f"{path} is {back!r}, not {sent!r}"


class Registration:
    """Makes cluster, tasks, services, targets, policies and alarms at one address."""

    def __init__(self, address: str, files: EcsFiles) -> None:
        self.files = files
        self.clients = {
            name: boto3.client(name, endpoint_url=address, **CREDENTIALS)
            for name in ("ecs", "application-autoscaling", "cloudwatch")
        }

    def findings(self) -> Iterator[Problem]:
        self.clients["ecs"].create_cluster(clusterName=SAMPLES["cluster"])
        for name in self.files.names:
            yield from self._finding(name, self._task(name))
        for service in SERVICES:
            yield from self._finding(f"scaling/{service}", self._scaling(service))

    @staticmethod
    def _finding(name: str, lost: Iterator[str]) -> Iterator[Problem]:
        message = "What is registered is what the file says."
        try:
            for text in lost:
                yield _problem("registration", message, name, text.lstrip("."))
        except (ClientError, ParamValidationError) as error:
            yield _problem("registration", message, name, str(error))

    def _task(self, name: str) -> Iterator[str]:
        sent = self.files.filled_in(name)
        made = self.clients["ecs"].register_task_definition(**sent)["taskDefinition"]
        read = self.clients["ecs"].describe_task_definition(taskDefinition=made["taskDefinitionArn"])
        yield from differences(sent, read["taskDefinition"])

    def _scaling(self, service: str) -> Iterator[str]:
        scaling = self.files.filled_in(f"scaling/{service}", service=service)
        self.clients["ecs"].create_service(
            cluster=SAMPLES["cluster"],
            serviceName=service,
            taskDefinition=f"{SAMPLES['prefix']}-{service}",
            desiredCount=scaling["target"]["MinCapacity"],
        )
        resource = {"ResourceId": f"service/{SAMPLES['cluster']}/{service}", **SCALED}
        yield from self._target(scaling["target"], resource)
        arns = {}
        for policy in scaling["policies"]:
            made = self.clients["application-autoscaling"].put_scaling_policy(**policy, **resource)
            arns[policy["PolicyName"]] = made["PolicyARN"]
            yield from self._policy(policy, resource)
        for alarm in scaling["alarms"]:
            yield from self._alarm(alarm, arns)

    def _target(self, target: Json, resource: Json) -> Iterator[str]:
        scaling = self.clients["application-autoscaling"]
        scaling.register_scalable_target(**target, **resource)
        named = {"ServiceNamespace": "ecs", "ResourceIds": [resource["ResourceId"]]}
        yield from differences(target | resource, scaling.describe_scalable_targets(**named)["ScalableTargets"][0])

    def _policy(self, policy: Json, resource: Json) -> Iterator[str]:
        scaling = self.clients["application-autoscaling"]
        found = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=resource["ResourceId"])
        mine = [item for item in found["ScalingPolicies"] if item["PolicyName"] == policy["PolicyName"]]
        yield from differences(policy | resource, mine[0] if mine else {})

    def _alarm(self, alarm: Json, arns: dict[str, str]) -> Iterator[str]:
        names = [action.removeprefix("policy:") for action in alarm["AlarmActions"]]
        unknown = [name for name in names if name not in arns]
        if unknown:
            yield f"{alarm['AlarmName']} starts a policy that there is not: {unknown}"
            return
        sent = alarm | {"AlarmActions": [arns[name] for name in names]}
        self.clients["cloudwatch"].put_metric_alarm(**sent)
        found = self.clients["cloudwatch"].describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
        yield from differences(sent, found[0] if found else {})


def _by_registration(files: EcsFiles) -> list[Problem]:
    with _moto() as address:
        return list(Registration(address, files).findings())


# --- Terraform: nothing of a file is lost on the way into the state ---


def _by_state(files: EcsFiles, state: State) -> Iterator[Problem]:
    message = "Terraform makes of the file what it says."
    for container in state.containers():
        task = files.raw(container.role)
        wanted = task["containerDefinitions"][0]
        found = [*_unlike(wanted, container.values), *_task_differences(task, container.task)]
        for text in found:
            yield _problem("state", message, container.role, f"{container.address}: {text}")
    for policy in state.of("appautoscaling_policy"):
        service = policy["resource_id"].rpartition("/")[2].rpartition("-")[2]
        wanted = {item["PolicyName"]: item for item in files.raw(f"scaling/{service}")["policies"]}.get(policy["name"])
        for text in _policy_differences(wanted, policy.values):
            yield _problem("state", message, f"scaling/{service}", f"{policy.address}: {text}")
    for service in SERVICES:
        for text in _alarm_differences(files.raw(f"scaling/{service}")["alarms"], service, state):
            yield _problem("state", message, f"scaling/{service}", text)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _task_differences(wanted: Json, task: Resource) -> Iterator[str]:
    """What is around the containers; a key that cluster.tf does not pass on would be lost without a word."""
    values = {_snake(name): value for name, value in wanted.items() if name != "containerDefinitions"}
    volumes, platform = values.pop("volumes", []), values.pop("runtime_platform", {})
    for name, value in values.items():
        yield from _unlike(value, task[name], f".{name}")
    for name, value in platform.items():
        yield from _unlike(value, task.block("runtime_platform").get(_snake(name)), f".runtimePlatform.{name}")
    made = [volume["name"] for volume in task.blocks("volume")]
    if any(set(volume) != {"name"} for volume in volumes) or sorted(made) != sorted(one["name"] for one in volumes):
        yield f".volumes are {made}, not {volumes}"


def _alarm_differences(alarms: list[Json], service: str, state: State) -> Iterator[str]:
    """Every argument of a scaling alarm but its actions, which the rules follow."""
    for cluster in state.of("ecs_cluster"):
        made = {
            found["alarm_name"]: found
            for found in state.of("cloudwatch_metric_alarm")
            if found.region == cluster.region
        }
        for alarm in alarms:
            text = json.dumps(alarm).replace("${cluster}", cluster["name"]).replace("${service}", service)
            wanted = json.loads(text)
            found = made.get(wanted["AlarmName"])
            if not found:
                yield f"there is no {wanted['AlarmName']}"
                continue
            dimensions = {item["Name"]: item["Value"] for item in wanted.pop("Dimensions")}
            values = {_snake(name): value for name, value in wanted.items() if name != "AlarmActions"}
            for name, value in (values | {"dimensions": dimensions}).items():
                if found[name] != value:
                    yield f"{found.address}: {name} is {found[name]!r}, not {value!r}"


def _unlike(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """As differences(), but a placeholder stands for any text, and lists may have more at their end."""
    if isinstance(wanted, str) and PLACEHOLDER.search(wanted):
        pattern = ".*".join(re.escape(part) for part in PLACEHOLDER.split(wanted)[::2])
        if not re.fullmatch(pattern, str(found)):
            yield f"{path} is {found!r}, not like {wanted!r}"
    elif isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            yield from _unlike(value, found.get(name), f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) <= len(found):
        for number, value in enumerate(wanted):
            yield from _unlike(value, found[number], f"{path}[{number}]")
    elif wanted != found:
        yield f"{path} is {found!r}, not {wanted!r}"


def _steps(config: Json) -> list[tuple[str, str, int]]:
    """Lower bound, upper bound and adjustment, however they are written."""
    names = ("metric_interval_lower_bound", "metric_interval_upper_bound")
    found = []
    for step in config.get("step_adjustment") or config.get("StepAdjustments") or []:
        plain = {_snake(name): value for name, value in step.items()}
        bounds = ["" if plain.get(name) in (None, "") else str(float(plain[name])) for name in names]
        found.append((bounds[0], bounds[1], plain["scaling_adjustment"]))
    return sorted(found)


def _policy_differences(wanted: Json | None, values: Json) -> Iterator[str]:
    if not wanted:
        yield "is in no file"
        return
    if wanted["PolicyType"] == "StepScaling":
        config = (values["step_scaling_policy_configuration"] or [{}])[0]
        stated = wanted["StepScalingPolicyConfiguration"]
        pairs = [(stated["Cooldown"], config.get("cooldown")), (_steps(stated), _steps(config))]
        pairs.append((stated["AdjustmentType"], config.get("adjustment_type")))
        pairs.append((stated.get("MinAdjustmentMagnitude"), config.get("min_adjustment_magnitude")))
    else:
        config = (values["target_tracking_scaling_policy_configuration"] or [{}])[0]
        stated = wanted["TargetTrackingScalingPolicyConfiguration"]
        names = {"TargetValue": "target_value", "ScaleOutCooldown": "scale_out_cooldown"}
        names |= {"ScaleInCooldown": "scale_in_cooldown", "DisableScaleIn": "disable_scale_in"}
        pairs = [(stated.get(name), config.get(ours)) for name, ours in names.items()]
    yield from (f"{found!r}, not {stated!r}" for stated, found in pairs if stated != found)
