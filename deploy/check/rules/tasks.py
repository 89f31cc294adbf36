"""Task definitions: what Fargate takes, and what our containers need."""

import re

from deploy.check.rules import Findings, Subject, rule
from deploy.check.state import Container

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html (read November 2026):
# CPU units, and the MiB that go with them.
FARGATE = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4097, 1024)),
    1024: set(range(2048, 8193, 1024)),
    2048: set(range(4096, 16385, 1024)),
    4096: set(range(8192, 30721, 1024)),
    8192: set(range(16384, 61441, 4096)),
    16384: set(range(32768, 122881, 8192)),
}
# Of a container health check, in seconds, and how many times:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
HEALTH_LIMITS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
MOST_STOP_TIMEOUT = 120
MOST_SECONDS_HANGING, LEAST_SECONDS_TO_START = 60, 15
# Lines that wait while CloudWatch is away; Docker's own default is a megabyte.
LEAST_LOG_BUFFER_KB = 1024
WEB = ("frontend", "backend")
FAMILIES = (*WEB, "worker", "migrate", "scheduled")
MIGRATE = ["python", "manage.py", "migrate", "--no-input"]


@rule
def fargate_size(subject: Subject) -> Findings:
    """Fargate offers only certain amounts of memory for each number of CPU units."""
    for task in subject.state.of("ecs_task_definition"):
        if int(task["memory"]) not in FARGATE.get(int(task["cpu"]), ()):
            yield task.address, f"{task['cpu']} CPU units with {task['memory']} MiB"


@rule
def fargate_task(subject: Subject) -> Findings:
    """A Fargate task says so, has a network of its own, and roles both for ECS and for the program."""
    for task in subject.state.of("ecs_task_definition"):
        if task["requires_compatibilities"] != ["FARGATE"] or task["network_mode"] != "awsvpc":
            yield task.address, f"{task['requires_compatibilities']}, network mode {task['network_mode']}"
        roles = [task["execution_role_arn"], task["task_role_arn"]]
        if None in roles or roles[0] == roles[1]:
            yield task.address, f"execution role {roles[0]}, task role {roles[1]}"
        system = task.block("runtime_platform").get("operating_system_family")
        if system not in (None, "LINUX") or task["pid_mode"] or task["ipc_mode"]:
            yield task.address, f"{system}, processes {task['pid_mode']}, memory {task['ipc_mode']}"


@rule
def roles_exist(subject: Subject) -> Findings:
    """The roles of a task are roles of this deployment."""
    roles = subject.state.known("iam_role", "arn")
    for task in subject.state.of("ecs_task_definition"):
        for name in ("execution_role_arn", "task_role_arn"):
            if task[name] and task[name] not in roles:
                yield task.address, f"{name} {task[name]} is no role of ours"


@rule
def stop_timeout(subject: Subject) -> Findings:
    """stopTimeout is longer than draining and finishing take together, and at most 120 s."""
    for container in subject.state.containers():
        drain = int(container.environment.get("DRAIN_SECONDS", subject.site["drain_seconds"]))
        least = drain + subject.site["graceful_timeout"]
        if not least < (container["stopTimeout"] or 30) <= MOST_STOP_TIMEOUT:
            yield container.address, f"{container['stopTimeout']} s, but {least} s are needed"


def _health_problem(check: dict, site: dict) -> str:
    command = check.get("command") or [""]
    if command[0] not in ("CMD", "CMD-SHELL") or (command[0] == "CMD-SHELL" and len(command) != 2):
        return f"command {command} begins with neither CMD nor CMD-SHELL"
    for name, (least, most) in HEALTH_LIMITS.items():
        if not least <= check.get(name, least) <= most:
            return f"{name} {check[name]} is not from {least} to {most}"
    interval, timeout = check.get("interval", 30), check.get("timeout", 5)
    if timeout >= interval or interval * check.get("retries", 3) > MOST_SECONDS_HANGING:
        return f"{check.get('retries')} × {interval} s, timeout {timeout} s: it could hang for minutes"
    if check.get("startPeriod", 0) < LEAST_SECONDS_TO_START:
        return f"counts failures {check.get('startPeriod', 0)} s after the start"
    return program_problem(command[1:], site)


@rule
def container_health(subject: Subject) -> Findings:
    """Every service's container has a health check in ECS's form, with a command that is in the image."""
    for container in subject.state.containers():
        if container.role in subject.site["roles"]:
            problem = _health_problem(container["healthCheck"] or {}, subject.site)
            if problem:
                yield container.address, problem


def program_problem(command: list[str], site: dict) -> str:
    """Why `python manage.py x` or `python -m x` cannot run; empty if it can."""
    if command[:2] == ["python", "manage.py"]:
        known = command[2:3] and command[2] in site["commands"]
        return "" if known else f"{' '.join(command)}: the site has no such command"
    if command[:2] == ["python", "-m"]:
        return "" if command[2:3] and command[2] in site["modules"] else f"{' '.join(command)}: no such module"
    return f"{' '.join(command)}: neither python manage.py nor python -m"


@rule
def command_exists(subject: Subject) -> Findings:
    """What a one-off or scheduled task runs is a management command of the site."""
    for container in subject.state.containers():
        problem = program_problem(container["command"], subject.site) if container["command"] else ""
        if problem:
            yield container.address, problem
        if container.role not in subject.site["roles"] and not container["command"]:
            yield container.address, "has no command, so it would run the image's own, which is a service"
        if container.role in subject.site["roles"] and container["command"]:
            yield container.address, "has a command: a service runs the image's own, by its SERVICE_ROLE"
        if container["entryPoint"]:
            yield container.address, "goes around the image's entry point"
        if container.role == "migrate" and container["command"] != MIGRATE:
            yield container.address, f"runs {' '.join(container['command'] or [])}"


def _weaknesses(container: Container, image_user: str) -> list[str]:
    linux = container["linuxParameters"] or {}
    found = {
        f"user {container['user']}": not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", container["user"] or ""),
        "its root file system can be written to": container["readonlyRootFilesystem"] is not True,
        "it keeps capabilities": (linux.get("capabilities") or {}).get("drop") != ["ALL"],
        "it adds capabilities": bool((linux.get("capabilities") or {}).get("add")),
        "no process reaps children": linux.get("initProcessEnabled") is not True,
        "privileged": container["privileged"] is True,
        "not the image's user": (container["user"] or "").partition(":")[0] != image_user,
    }
    return [text for text, is_so in found.items() if is_so]


@rule
def hardened(subject: Subject) -> Findings:
    """A container runs as a numbered user without capabilities, on a root file system that it cannot change."""
    for container in subject.state.containers():
        for text in _weaknesses(container, subject.site["image_user"]):
            yield container.address, text


@rule
def writable_tmp(subject: Subject) -> Findings:
    """The folder /tmp is a volume that the task declares: the only place that can be written to."""
    for container in subject.state.containers():
        volumes = {volume["name"] for volume in container.task.blocks("volume")}
        mounts = {mount["containerPath"]: mount for mount in container["mountPoints"] or []}
        mount = mounts.get("/tmp", {})  # noqa: S108  (a container's)
        if mount.get("sourceVolume") not in volumes or mount.get("readOnly"):
            yield container.address, f"mounts {sorted(mounts)}, volumes {sorted(volumes)}"


@rule
def one_image(subject: Subject) -> Findings:
    """Every task of a region runs the same image, named by its digest."""
    images: dict[str, str] = {}
    for container in subject.state.containers():
        expected = images.setdefault(container.task.region, container["image"])
        if not re.search(r"@sha256:[0-9a-f]{64}$", container["image"]) or container["image"] != expected:
            yield container.address, container["image"]
        if f".ecr.{container.task.region}." not in container["image"]:
            yield container.address, f"comes from another region than {container.task.region}: {container['image']}"
        if container["versionConsistency"] not in (None, "enabled"):
            yield container.address, "two tasks of one deployment may run different bytes (versionConsistency)"


@rule
def one_architecture(subject: Subject) -> Findings:
    """Every task runs on the same kind of processor: there is one image."""
    tasks = subject.state.of("ecs_task_definition")
    kinds = {task.address: task.block("runtime_platform").get("cpu_architecture") for task in tasks}
    if len(set(kinds.values())) > 1 or None in kinds.values():
        for address, kind in kinds.items():
            yield address, str(kind)


@rule
def log_group_exists(subject: Subject) -> Findings:
    """Each container logs, without waiting, to a log group that exists in its own region."""
    groups = {(group["name"], group.region) for group in subject.state.of("cloudwatch_log_group")}
    for container in subject.state.containers():
        log = container["logConfiguration"] or {}
        options = log.get("options") or {}
        group = options.get("awslogs-group"), options.get("awslogs-region")
        if log.get("logDriver") != "awslogs" or group not in groups or group[1] != container.task.region:
            yield container.address, f"{log.get('logDriver')} to {group}"
        if options.get("mode") != "non-blocking":
            yield container.address, "a log group that cannot be reached would stop the program (mode non-blocking)"
        if _kilobytes(options.get("max-buffer-size", "")) < LEAST_LOG_BUFFER_KB:
            yield container.address, f"keeps {options.get('max-buffer-size', 'no line')} while CloudWatch is away"


def _kilobytes(text: str) -> int:
    found = re.fullmatch(r"(\d+)([km])", text)
    return int(found[1]) * {"k": 1, "m": 1024}[found[2]] if found else 0


@rule
def own_log(subject: Subject) -> Findings:
    """Each task writes into the log of its name, in streams of its name: deploy/deploy reads a one-off task's there."""
    for container in subject.state.containers():
        options = (container["logConfiguration"] or {}).get("options") or {}
        group, prefix = str(options.get("awslogs-group")), options.get("awslogs-stream-prefix")
        if not group.endswith(f"/{container.role}") or prefix != container.role:
            yield container.address, f"log {group}, streams {prefix}"


@rule
def container_name(subject: Subject) -> Findings:
    """The one essential container of every task is called app: services, overrides and the runbook name it so."""
    for container in subject.state.containers():
        if container["name"] != "app" or container["essential"] is not True:
            yield container.address, f"essential: {container['essential']}"


@rule
def service_role(subject: Subject) -> Findings:
    """SERVICE_ROLE is what the task is for, and one of the roles that the image knows."""
    for container in subject.state.containers():
        role = container.environment.get("SERVICE_ROLE")
        expected = container.role if container.role in subject.site["roles"] else "worker"
        if role != expected:
            yield container.address, f"SERVICE_ROLE is {role}, not {expected}"


@rule
def service_runs_its_task(subject: Subject) -> Findings:
    """Every service runs the task definition of its own name."""
    for service in subject.state.of("ecs_service"):
        roles = {container.role for container in subject.state.tasks_of_service(service)}
        if roles != {service["name"].rpartition("-")[2]}:
            yield service.address, f"runs {roles or service['task_definition']}"


@rule
def family_is_ours(subject: Subject) -> Findings:
    """A task definition's name is its environment's and its role's, and no other's: roles and alarms go by it."""
    clusters = {cluster.region: cluster["name"] for cluster in subject.state.of("ecs_cluster")}
    seen: set[tuple[str, str]] = set()
    for task in subject.state.of("ecs_task_definition"):
        role = task["family"].removeprefix(f"{clusters.get(task.region)}-")
        if role not in FAMILIES or (role, task.region) in seen:
            yield task.address, f"is called {task['family']}"
        seen.add((role, task.region))


@rule
def only_web_tasks_listen(subject: Subject) -> Findings:
    """A web task declares the one TCP port that the load balancer sends to; nothing else listens."""
    for container in subject.state.containers():
        ports = [(one["containerPort"], one.get("protocol") or "tcp") for one in container["portMappings"] or []]
        expected = [(subject.site["port"], "tcp")] if container.role in WEB else []
        if ports != expected:
            yield container.address, f"declares {ports}"


@rule
def as_measured(subject: Subject) -> Findings:
    """A web task has two processes of four threads, which was measured to be best for half a processor."""
    for container in subject.state.containers():
        given = container.environment
        if container.role in WEB and (given.get("WEB_CONCURRENCY", "2"), given.get("WEB_THREADS", "4")) != ("2", "4"):
            yield container.address, f"{given.get('WEB_CONCURRENCY')} × {given.get('WEB_THREADS')}"
        if given.get("HOST", "0.0.0.0") != "0.0.0.0":  # noqa: S104  (a container's door)
            yield container.address, f"listens on {given['HOST']} only"
