"""Terraform on a copy of deploy/, with the stand-in provider, and nothing from the network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.check.provider.schema import FILE as SCHEMA
from deploy.check.provider.schema import VERSION

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
LEAST = (1, 10)
HOW_TO_INSTALL = """Terraform 1.10 or newer is needed, and {found}.
  macOS:  brew install hashicorp/tap/terraform
  Debian, Ubuntu and others:  https://developer.hashicorp.com/terraform/install
Then run the same command again."""
# The site's own state is in S3; a check keeps it in the folder that it works in.
LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
LEFT_OUT = shutil.ignore_patterns(
    ".terraform*",
    "*.tfstate*",
    "*.tfplan",
    "__pycache__",
    "check",
    "image",
    "rollout",
    "simulate",
    "cost",
    "rehearsal",
    "*.png",
    "*.svg",
)
NO_SUCH_TYPE = "does not support resource type", "does not support data source"
HOW_TO_ADD = f"""
If {VERSION} of the provider has that type: add its name to deploy/check/schema/types.txt (a data source as data.NAME)
and run deploy/check/schema/extract_schema.py, whose first lines say how. deploy/check/README.md has the rest."""


class TerraformError(Exception):
    """A command of Terraform failed; the message is what it said."""


def _version() -> tuple[int, ...]:
    found = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, json.loads(found)["terraform_version"].split("-")[0].split(".")))


def require_terraform() -> str:
    """Its version, such as 1.11.4. Ends the program with a sentence if it is missing or too old."""
    if not shutil.which("terraform"):
        sys.exit(HOW_TO_INSTALL.format(found="there is none on the PATH"))
    version = _version()
    if version < LEAST:
        sys.exit(HOW_TO_INSTALL.format(found=f"the one on the PATH is {'.'.join(map(str, version))}"))
    return ".".join(map(str, version))


def _platform() -> str:
    found = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True).stdout
    return json.loads(found)["platform"]


def install_provider(folder: Path) -> Path:
    """Put the stand-in where Terraform looks for providers.

    Returns:
        The file for TF_CLI_CONFIG_FILE, which lets Terraform look nowhere else.
    """
    mirror = folder / "mirror" / "registry.terraform.io" / "hashicorp" / "aws" / VERSION / _platform()
    mirror.mkdir(parents=True, exist_ok=True)
    program = mirror / f"terraform-provider-aws_v{VERSION}_x5"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m deploy.check.provider\n")
    program.chmod(0o755)
    config = folder / "terraform.rc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder / "mirror"}"\n  }}\n}}\n'
        "disable_checkpoint = true\n"
    )
    return config


def copy_deployment(folder: Path, deploy: Path = DEPLOY) -> None:
    """The files that Terraform reads, without what earlier runs left."""
    shutil.copytree(deploy, folder / "deploy", ignore=LEFT_OUT, dirs_exist_ok=True)
    (folder / "deploy" / "terraform" / "local_override.tf").write_text(LOCAL_STATE)


class Copy:
    """A copy of deploy/ in which Terraform may write."""

    def __init__(self, folder: Path, deploy: Path = DEPLOY) -> None:
        self.folder = folder
        self.config = install_provider(folder)
        copy_deployment(folder, deploy)

    @property
    def terraform_folder(self) -> Path:
        return self.folder / "deploy" / "terraform"

    def environment(self) -> dict[str, str]:
        """Without the machine's credentials and Terraform settings, which must not decide a result."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        return ours | {
            "TF_CLI_CONFIG_FILE": str(self.config),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "GOGC": "400",  # Terraform spends a quarter of its time collecting garbage otherwise.
        }

    def run(
        self, *arguments: str, ok: tuple[int, ...] = (0,), folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `terraform` with these arguments.

        Args:
            ok: exit statuses that are no failure.
            folder: another one than deploy/terraform of the copy.

        Raises:
            TerraformError: with what it printed.
        """
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=folder or self.terraform_folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in ok:
            raise TerraformError(explained(f"{done.stdout}{done.stderr}"))
        return done

    def init(self) -> None:
        self.run("init", "-no-color")

    def show(self, file: str) -> dict[str, Any]:
        """What `terraform show -json` says of a state or plan file."""
        return json.loads(self.run("show", "-json", file).stdout)


def explained(output: str) -> str:
    """Terraform's words, and ours where they do not help."""
    return output.strip() + (HOW_TO_ADD if any(sign in output for sign in NO_SUCH_TYPE) else "")


def run_by_hand(arguments: list[str], folder: Path) -> int:
    """`python -m deploy.check terraform plan …`: init, then the command, with its output on the terminal."""
    require_terraform()
    copy = Copy(folder)
    try:
        copy.init()
    except TerraformError as error:
        print(error, file=sys.stderr)
        return 1
    done = subprocess.run(
        ["terraform", *arguments], cwd=copy.terraform_folder, env=copy.environment(), text=True, check=False
    )
    return done.returncode


if not SCHEMA.exists():
    sys.exit(f"{SCHEMA} is missing; deploy/check/schema/PROVENANCE.md says how to make it.")
