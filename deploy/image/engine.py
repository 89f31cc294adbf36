"""The program that builds and runs containers: Docker or Podman, whose command lines are the same where it matters."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

CPUS, MEMORY_MB = 0.5, 1024  # a task's size in deploy/ecs
HARDENED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp:rw,size=64m"]
LIMITED = [f"--cpus={CPUS}", f"--memory={MEMORY_MB}m", f"--memory-swap={MEMORY_MB}m"]
# Podman would add tmpfs besides ours and timers of systemd, and raise limits, which inside a sandbox nobody may.
FOR_PODMAN = ["--read-only-tmpfs=false", "--no-healthcheck", "--ulimit=nofile=4096:4096", "--ulimit=nproc=512:512"]
PACKAGES = ["podman", "runc", "mmdebstrap"]
NO_ENGINE = """No Docker answers, there is no Podman, and this is no Debian on which root could install it.
  Debian or Ubuntu:  sudo apt install podman runc mmdebstrap, then make image as root
  elsewhere:         start Docker"""


class EngineError(Exception):
    """The engine refused; the message is what it said."""


@dataclass(frozen=True)
class Finished:
    status: int
    output: str
    errors: str


class Engine:
    """A command line. `options` are those of every container: as ECS runs it, as far as this machine can."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.is_podman = program.endswith("podman")
        self.options = [*HARDENED, *(FOR_PODMAN if self.is_podman else [])]
        self.can_limit = False

    def ask(self, *arguments: str, timeout: float = 300) -> Finished:
        # Podman's other runtime, crun, refuses machines on which both versions of cgroups are mounted.
        runtime = ["--runtime", "runc"] if self.is_podman and shutil.which("runc") else []
        command = [self.program, *runtime, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
        return Finished(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, timeout: float = 300) -> str:
        """Its output. Raises EngineError with its last words."""
        done = self.ask(*arguments, timeout=timeout)
        if done.status:
            raise EngineError((done.errors or done.output).strip().splitlines()[-1])
        return done.output.strip()

    def has(self, image: str) -> bool:
        return self.ask("image", "inspect", image).status == 0

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self(kind, "inspect", name))
        return found[0]

    def run(self, image: str, *command: str, options: list[str] | None = None) -> Finished:
        """A container, to its end."""
        return self.ask("run", "--rm", *self.options, *(options or []), image, *command)

    def limit_if_possible(self, image: str) -> None:
        """Half a processor and 1 GB from here on, if cgroups can be made here: in some sandboxes they cannot."""
        self.can_limit = self.run(image, "true", options=LIMITED).status == 0
        if self.can_limit:
            self.options += LIMITED


def find(environment: dict[str, str]) -> Engine:
    """CONTAINER_ENGINE's, else Docker if it answers, else Podman, which root on Debian gets installed."""
    if named := environment.get("CONTAINER_ENGINE"):
        return Engine(named)
    if shutil.which("docker") and Engine("docker").ask("info").status == 0:
        return Engine("docker")
    if missing := [program for program in PACKAGES if not shutil.which(program)]:
        install(missing)
    return Engine("podman")


def install(packages: list[str]) -> None:
    if os.geteuid() or not shutil.which("apt-get"):
        if not shutil.which("podman"):
            sys.exit(NO_ENGINE)
        return
    print(f"Installing {', '.join(packages)} …", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *words], stdout=subprocess.DEVNULL, env=environment, check=False)
        if done.returncode:
            sys.exit("The packages could not be installed; the reason is above.")
