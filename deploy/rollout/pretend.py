"""What AWS would answer, for --dry-run: no account, no network. Task definitions are deploy/ecs/*.json themselves."""

import base64
import json
from typing import Any

from deploy.rollout.place import ROOT, Place

DIGEST = "sha256:" + "0" * 64
RUNNING, NEXT = "7", "8"
Answer = dict[str, Any]


class Pretended:
    """One AWS account, as if revision 7 of everything ran. It remembers what it is told."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.images: dict[str, str] = {}
        self.in_use: dict[str, str] = {}

    def __call__(self, service: str, operation: str, asked: Answer) -> Answer:
        """Raises AttributeError for what no step asks."""
        return getattr(self, f"{service}_{operation}")(asked)

    def arn(self, family: str, revision: str) -> str:
        return f"arn:aws:ecs:{self.place.region}:{self.place.account}:task-definition/{family}:{revision}"

    def sts_get_caller_identity(self, asked: Answer) -> Answer:
        return {"Account": self.place.account}

    def ecr_get_authorization_token(self, asked: Answer) -> Answer:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:<password>").decode()}]}

    def ecr_describe_image_scan_findings(self, asked: Answer) -> Answer:
        return {"imageScanStatus": {"status": "COMPLETE"}}

    def ecs_describe_task_definition(self, asked: Answer) -> Answer:
        family, _, revision = asked["taskDefinition"].rpartition("/")[2].partition(":")
        newest = NEXT if family in self.images else RUNNING
        content = json.loads((ROOT / "deploy/ecs" / f"{family.removeprefix(f'{self.place.prefix}-')}.json").read_text())
        image = self.images.get(family, "") if (revision or newest) == NEXT else ""
        app = content["containerDefinitions"][0]
        app["image"] = image or f"{self.place.repository}@<the image of revision {revision or newest}>"
        return {
            "taskDefinition": content | {"family": family, "taskDefinitionArn": self.arn(family, revision or newest)}
        }

    def ecs_register_task_definition(self, asked: Answer) -> Answer:
        self.images[asked["family"]] = asked["containerDefinitions"][0]["image"]
        return {"taskDefinition": {"taskDefinitionArn": self.arn(asked["family"], NEXT)}}

    def ecs_list_task_definitions(self, asked: Answer) -> Answer:
        return {"taskDefinitionArns": [self.arn(asked["familyPrefix"], revision) for revision in (RUNNING, "6")]}

    def ecs_describe_services(self, asked: Answer) -> Answer:
        return {"services": [self._service(name) for name in asked["services"]]}

    def _service(self, name: str) -> Answer:
        definition = self.in_use.get(name) or self.arn(self.place.family(name), RUNNING)
        return {
            "serviceName": name,
            "status": "ACTIVE",
            "taskDefinition": definition,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["<private>"], "securityGroups": ["<worker>"]}},
            "deployments": [{"status": "PRIMARY", "taskDefinition": definition, "runningCount": 2}],
            "desiredCount": 2,
        }

    def ecs_update_service(self, asked: Answer) -> Answer:
        self.in_use[asked["service"]] = asked["taskDefinition"]
        return {}

    def ecs_list_tasks(self, asked: Answer) -> Answer:
        return {"taskArns": []}

    def ecs_run_task(self, asked: Answer) -> Answer:
        return {"tasks": [{"taskArn": "<task>"}]}

    def ecs_describe_tasks(self, asked: Answer) -> Answer:
        return {"tasks": [{"lastStatus": "STOPPED", "containers": [{"name": "app", "exitCode": 0}]}]}

    def logs_get_log_events(self, asked: Answer) -> Answer:
        return {"events": []}

    def scheduler_list_schedules(self, asked: Answer) -> Answer:
        found = json.loads((ROOT / "deploy/ecs/schedules/commands.json").read_text())
        return {"Schedules": [{"Name": f"{self.place.prefix}-{entry['name']}"} for entry in found]}

    def scheduler_get_schedule(self, asked: Answer) -> Answer:
        definition = self.arn(self.place.family("scheduled"), RUNNING)
        return asked | {"Target": {"EcsParameters": {"TaskDefinitionArn": definition}}}

    def scheduler_update_schedule(self, asked: Answer) -> Answer:
        return {}
