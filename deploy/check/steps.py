"""The steps of `make check-deploy`: each says what is wrong, or nothing."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.check import ecs, external, rules, values
from deploy.check.environments import DEPLOYMENTS, PRODUCTION, Deployment
from deploy.check.rules import Problem, Subject
from deploy.check.state import State
from deploy.check.terraform import DEPLOY, ROOT, Copy, TerraformError
from deploy.cost import plan

SITE_PYTHON = ROOT / os.environ.get("VENV", ".venv") / "bin" / "python"
# Its runs see a variable refused, for which nothing but the variables is needed; with 400 resources each takes seconds.
REFUSALS = "refusals.tftest.hcl"
NEEDED_FOR_VARIABLES = ("variables.tf", "versions.tf", "locals.tf", "providers.tf", "local_override.tf")
# What changes while the site runs: Application Auto Scaling and deployments write them.
RUNNING = {
    "aws_ecs_service": {"desired_count": 7, "task_definition": "arn:aws:ecs:us-east-1:123456789012:task-definition/x:9"}
}

Findings = list[Problem]


def problem(step: str, message: str, where: str, detail: str) -> Findings:
    return [Problem(step, message, where, detail)]


class Checks:
    """All steps on one copy of deploy/.

    Args:
        folder: an empty folder to work in.
    """

    def __init__(self, folder: Path, deploy: Path = DEPLOY) -> None:
        self.folder = folder
        self.deploy = deploy
        self.copy = Copy(folder / "work", deploy)
        self.states: dict[str, dict[str, Any]] = {}

    @cached_property
    def site(self) -> dict[str, Any]:
        """What the site's code says (site_facts.py)."""
        environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(self.folder / "site")}
        command = [str(SITE_PYTHON), "-m", "deploy.check.site_facts"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"The site does not say what it needs: {done.stderr.strip()[-2000:]}")
        return json.loads(done.stdout)

    # --- Terraform ---

    def format(self) -> Findings:
        done = self.copy.run("fmt", "-check", "-recursive", "-no-color", str(self.copy.terraform_folder), ok=(0, 3))
        names = [Path(line).name for line in done.stdout.splitlines()]
        return [found for name in names for found in problem("format", "terraform fmt has nothing to do.", name, "")]

    def init(self) -> Findings:
        return self._terraform("init", lambda: self.copy.init())

    def validate(self) -> Findings:
        return self._terraform("validate", lambda: self.copy.run("validate", "-no-color"))

    def bootstrap(self) -> Findings:
        """The small configuration that makes the bucket of the state: validated, applied, and clean afterwards."""
        folder = self.copy.terraform_folder / "bootstrap"
        if not any(folder.glob("*.tf")):
            return []

        def run() -> None:
            self.copy.run("init", "-no-color", folder=folder)
            self.copy.run("apply", "-auto-approve", "-no-color", folder=folder)
            self.copy.run("plan", "-detailed-exitcode", "-no-color", folder=folder)

        return self._terraform("bootstrap", run)

    def refusals(self) -> Findings:
        """tests/refusals.tftest.hcl, in a copy with nothing but the variables."""
        bare = self.folder / "refusals" / "deploy"
        terraform = bare / "terraform"
        (terraform / "tests").mkdir(parents=True)
        shutil.copytree(self.copy.terraform_folder.parent / "ecs", bare / "ecs")
        for name in NEEDED_FOR_VARIABLES:
            shutil.copy(self.copy.terraform_folder / name, terraform / name)
        shutil.copy(self.copy.terraform_folder / "tests" / REFUSALS, terraform / "tests" / REFUSALS)

        def run() -> None:
            self.copy.run("init", "-no-color", folder=terraform)
            self.copy.run("test", "-no-color", folder=terraform)

        return self._terraform("refusals", run)

    def test(self) -> Findings:
        """Every other file of tests/."""
        names = sorted(path.name for path in (self.copy.terraform_folder / "tests").glob("*.tftest.hcl"))
        filters = [f"-filter=tests/{name}" for name in names if name != REFUSALS]
        return self._terraform("test", lambda: self.copy.run("test", "-no-color", *filters)) if filters else []

    def plan(self, deployment: Deployment) -> Findings:
        return self._terraform("plan", lambda: self.copy.run("plan", "-no-color", *deployment.arguments))

    def apply(self, deployment: Deployment) -> Findings:
        """Plan, then apply; the state is kept for the rules."""
        file = f"{deployment.name}.tfplan"

        def run() -> None:
            self.copy.run("plan", "-no-color", *deployment.arguments, f"-out={file}")
            self.copy.run("apply", "-no-color", f"-state={deployment.name}.tfstate", file)
            self.states[deployment.name] = self.copy.show(f"{deployment.name}.tfstate")

        return self._terraform("apply", run)

    def plan_again(self, deployment: Deployment) -> Findings:
        """Nothing is left to do, also while the site has scaled and a newer version has been deployed."""
        file = self.copy.terraform_folder / f"{deployment.name}.tfstate"
        text = json.loads(file.read_text())
        for resource in text["resources"]:
            for instance in resource["instances"]:
                instance["attributes"].update(RUNNING.get(resource["type"], {}))
        running = file.with_name(f"{deployment.name}-running.tfstate")
        running.write_text(json.dumps(text))
        arguments = [*deployment.arguments[:-1], f"-state={running.name}"]
        done = self.copy.run("plan", "-detailed-exitcode", "-no-color", *arguments, ok=(0, 2))
        changes = re.findall(r"^  # (.+)$", done.stdout, re.M)
        message = "A second plan changes nothing, whatever Auto Scaling and deployments have done since."
        return [found for change in changes for found in problem("plan_again", message, deployment.name, change)]

    @staticmethod
    def _terraform(step: str, run: Callable[[], Any]) -> Findings:
        try:
            run()
        except TerraformError as error:
            return problem(step, "Terraform refused it.", "terraform", str(error))
        return []

    # --- The state ---

    def subject(self, deployment: Deployment) -> Subject:
        state = State(self.states[deployment.name])
        return Subject(state, deployment.environment, deployment.standby, self.site)

    def look(self, deployment: Deployment) -> Findings:
        """Every rule on the state, and its values against AWS's schemas."""
        subject = self.subject(deployment)
        problems, _ = values.check(subject.state)
        return rules.check(subject) + problems

    def deployment(self, deployment: Deployment) -> Findings:
        """One environment from plan to rules."""
        found = self.apply(deployment) or self.look(deployment)
        again = self.plan_again(deployment) if deployment.is_planned_again and deployment.name in self.states else []
        return [*again, *found]

    def ecs(self) -> Findings:
        """After production has been applied."""
        state = State(self.states[PRODUCTION.name])
        return ecs.check(self.copy.terraform_folder.parent / "ecs", state)

    def bill(self) -> Findings:
        """That docs/cost.md is computed from this plan's counts. Not on a copy that has been changed on purpose."""
        if self.deploy != DEPLOY:
            return []
        fresh = plan.read(self.copy.show(f"{PRODUCTION.name}.tfplan"))
        message = "The bill is computed from the plan's counts: run make cost and commit what it changes."
        differences = plan.differences(plan.load()[PRODUCTION.standby], fresh)
        return [found for line in differences for found in problem("bill", message, "deploy/cost/inventory.json", line)]

    # --- Other people's checkers ---

    def checkov(self) -> Findings:
        folder = self.folder / "checkov"
        folder.mkdir()
        return external.checkov(folder, self.copy.terraform_folder)

    def hadolint(self) -> Findings:
        return list(external.hadolint(ROOT / "Dockerfile"))

    def workflows(self) -> Findings:
        return list(external.workflows(ROOT / ".github" / "workflows"))


def production_ecs_and_bill(checks: Checks) -> Findings:
    return checks.deployment(PRODUCTION) or [*checks.ecs(), *checks.bill()]


Step = tuple[str, Callable[[Checks], Findings]]
# These one after the other; if one of them fails the rest would only repeat it.
FIRST: list[Step] = [
    ("format", Checks.format),
    ("init", Checks.init),
    ("validate", Checks.validate),
]


def _of(deployment: Deployment) -> Step:
    verb = "plan, apply, second plan, rules" if deployment.is_planned_again else "plan, apply, rules"
    return f"{deployment.name}: {verb}", lambda checks: checks.deployment(deployment)


# These two at a time, the longest first.
THEN: list[Step] = [
    ("production: plan, apply, second plan, rules; task definitions; bill", production_ecs_and_bill),
    ("checkov", Checks.checkov),
    *[_of(deployment) for deployment in DEPLOYMENTS if deployment is not PRODUCTION],
    ("terraform test", Checks.test),
    ("terraform test: refusals", Checks.refusals),
    ("bootstrap", Checks.bootstrap),
    ("hadolint", Checks.hadolint),
    ("workflows", Checks.workflows),
]
