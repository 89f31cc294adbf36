"""Does Terraform want to change anything but the version? Then a person looks first."""

import json
import tempfile
from pathlib import Path
from typing import Any

from deploy.rollout.failure import Failed
from deploy.rollout.place import Place
from deploy.rollout.programs import Programs

# What a release changes by itself; Terraform takes it over with its next apply.
OF_A_RELEASE = {"aws_ecs_task_definition", "aws_scheduler_schedule"}
NOTHING = {"no-op", "read"}


def plan(programs: Programs, place: Place, image: str) -> None:
    """Raises Failed with what would change, and with the command that changes it."""
    folder = "-chdir=deploy/terraform"
    values = f"-var-file=environments/{place.environment}.tfvars"
    bucket = f"-backend-config=bucket={place.name}-terraform-state-{place.account}"
    backend = f"-backend-config=environments/{place.environment}.s3.tfbackend"
    programs.do("terraform", folder, "init", "-input=false", backend, bucket)
    with tempfile.TemporaryDirectory(prefix="plan-") as temporary:
        file = str(Path(temporary) / "plan")
        programs.do(
            "terraform",
            folder,
            "plan",
            "-input=false",
            "-lock-timeout=60s",
            values,
            f"-var=image={image}",
            f"-out={file}",
        )
        shown = programs.ask("terraform", folder, "show", "-json", file, pretended="{}")
    changes = other_changes(json.loads(shown))
    if changes:
        raise Failed(
            f"The infrastructure is not what deploy/terraform says: {', '.join(changes[:20])}.",
            f"Look at the plan above and apply it: terraform -chdir=deploy/terraform apply {values} -var=image={image}."
            " Then repeat with --from migrate. Or go on without it: --from migrate.",
        )


def other_changes(shown: dict[str, Any]) -> list[str]:
    """Addresses, from the plan as JSON."""
    return [
        change["address"]
        for change in shown.get("resource_changes", [])
        if not set(change["change"]["actions"]) <= NOTHING and change["type"] not in OF_A_RELEASE
    ]
