"""A server that answers as Amazon ECS does, as far as a release asks: deployments that succeed, or fail and are taken
back, tasks that end with a status. moto's ECS knows neither exit codes nor roll-outs.

The shapes are those of botocore's own description; it checks what is asked, and would not read other answers.
"""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT, REGION = "123456789012", "us-east-1"


class Ecs:
    """One cluster. `fails` are images that ECS gives up, or "service image", `stays_unhealthy` those whose deployments
    never end; `exits` the status of a command, `calls` what was asked."""

    def __init__(self) -> None:
        self.definitions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.services: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.fails: set[str] = set()
        self.stays_unhealthy: set[str] = set()
        self.exits: dict[str, int] = {}
        self.runs_forever = False
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}"

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == operation]

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, body))
        return getattr(self, operation)(body)

    def RegisterTaskDefinition(self, body: dict[str, Any]) -> dict[str, Any]:
        revisions = self.definitions[body["family"]]
        number = len(revisions) + 1
        definition = body | {
            "taskDefinitionArn": self.arn("task-definition", f"{body['family']}:{number}"),
            "revision": number,
            "status": "ACTIVE",
            "registeredBy": "somebody",
            "compatibilities": ["FARGATE"],
        }
        definition.pop("tags", None)
        revisions.append(definition)
        return {"taskDefinition": definition}

    def DescribeTaskDefinition(self, body: dict[str, Any]) -> dict[str, Any]:
        family, _, revision = body["taskDefinition"].rpartition("/")[2].partition(":")
        if not self.definitions.get(family):
            raise Refused("ClientException", "Unable to describe task definition.")
        return {
            "taskDefinition": self.definitions[family][int(revision or 0) - 1],
            "tags": [{"key": "a", "value": "b"}],
        }

    def ListTaskDefinitions(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [entry["taskDefinitionArn"] for entry in self.definitions[body["familyPrefix"]]]
        return {"taskDefinitionArns": found[::-1]}

    def DescribeServices(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"services": [self._described(name) for name in body["services"] if name in self.services]}

    def _described(self, name: str) -> dict[str, Any]:
        """A deployment is seen IN_PROGRESS once, then it is COMPLETED, or FAILED and taken back."""
        service = self.services[name]
        current, before = service["now"], service["before"]
        state = service["states"].pop(0) if service["states"] else service["end"]
        deployments = [self._deployment(current, "PRIMARY", state)]
        if state == "IN_PROGRESS":
            deployments.append(self._deployment(before, "ACTIVE", "COMPLETED"))
        if state == "FAILED":
            deployments = [
                self._deployment(before, "PRIMARY", "COMPLETED"),
                self._deployment(current, "INACTIVE", state),
            ]
            service |= {"now": before, "before": current, "end": "COMPLETED"}
        return {
            "serviceName": name,
            "status": "ACTIVE",
            "desiredCount": 2,
            "runningCount": 2,
            "taskDefinition": deployments[0]["taskDefinition"],
            "deployments": deployments,
            "events": [{"message": f"(service {name}) something happened"}],
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
        }

    def _deployment(self, arn: str, status: str, state: str) -> dict[str, Any]:
        return {"taskDefinition": arn, "status": status, "rolloutState": state, "runningCount": 2}

    def UpdateService(self, body: dict[str, Any]) -> dict[str, Any]:
        service, arn = self.services[body["service"]], body["taskDefinition"]
        image = self.DescribeTaskDefinition({"taskDefinition": arn})["taskDefinition"]["containerDefinitions"][0][
            "image"
        ]
        end = "FAILED" if {image, f"{body['service']} {image}"} & self.fails else "COMPLETED"
        end = "IN_PROGRESS" if image in self.stays_unhealthy else end
        service |= {"before": service["now"], "now": arn, "states": ["IN_PROGRESS"], "end": end}
        return {"service": {"serviceName": body["service"]}}

    def RunTask(self, body: dict[str, Any]) -> dict[str, Any]:
        arn = self.arn("task", f"cluster/{len(self.tasks)}")
        self.tasks[arn] = body | {"seen": 0}
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def ListTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [arn for arn, task in self.tasks.items() if not self._is_over(task)]
        if "startedBy" in body:
            return {"taskArns": [arn for arn in found if self.tasks[arn]["startedBy"] == body["startedBy"]]}
        return {"taskArns": [arn for arn in found if f"/{body['family']}:" in self.tasks[arn]["taskDefinition"]]}

    def _is_over(self, task: dict[str, Any]) -> bool:
        return task["seen"] > 1 and not self.runs_forever

    def DescribeTasks(self, body: dict[str, Any]) -> dict[str, Any]:
        [arn] = body["tasks"]
        task = self.tasks[arn]
        task["seen"] += 1
        if not self._is_over(task):
            running = {"taskArn": arn, "lastStatus": "RUNNING", "startedBy": task["startedBy"]}
            return {"tasks": [running | {"containers": [{"name": "app"}]}]}
        command = task["overrides"]["containerOverrides"][0]["command"][2]
        container = {"name": "app", "exitCode": self.exits.get(command, 0)}
        stopped = {"lastStatus": "STOPPED", "stoppedReason": "Essential container in task exited"}
        return {"tasks": [{"taskArn": arn, "containers": [container]} | stopped]}


class Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EcsServer:
    """Over HTTP, at `url`, on a thread of its own, until `stop`."""

    def __init__(self) -> None:
        self.ecs = ecs = Ecs()
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                try:
                    with lock:
                        status, answer = 200, ecs.answer(operation, body)
                except Refused as refused:
                    status, answer = 400, {"__type": refused.code, "message": str(refused)}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://{}:{}".format(*self._server.server_address)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
