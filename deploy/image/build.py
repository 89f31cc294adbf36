"""Building: the base image, and ours on it."""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from deploy.image.engine import Engine, EngineError

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = "docker.io/library/python:3.13-slim-bookworm"
STAND_IN = "localhost/coursebundler-base:bookworm"
IMAGE = "localhost/coursebundler:local"
PULL_SECONDS, BUILD_SECONDS = 120, 1800
STAND_IN_PACKAGES = "python3,python3-venv,ca-certificates"
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"]


def base_image(engine: Engine) -> str:
    """The one of the Dockerfile; where no registry can be reached, one of Debian's packages stands in for it."""
    if engine.has(BASE) or engine.ask("pull", "--quiet", BASE, timeout=PULL_SECONDS).status == 0:
        return BASE
    if not engine.has(STAND_IN):
        make_stand_in(engine)
    print(f"{BASE} cannot be had here. {STAND_IN} stands in: Debian bookworm with its own Python 3.11.")
    return STAND_IN


def make_stand_in(engine: Engine) -> None:
    if not shutil.which("mmdebstrap"):
        sys.exit(f"{BASE} cannot be pulled, and there is no mmdebstrap to make a stand-in for it.")
    print("Making a base image of Debian's packages (once, about a minute) …", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        excluded = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={STAND_IN_PACKAGES}", *excluded]
        if subprocess.run([*command, "bookworm", archive], check=False).returncode:
            sys.exit("mmdebstrap could not make the base image; the reason is above.")
        engine("import", str(archive), STAND_IN)


def build(engine: Engine, base: str) -> None:
    """Silent unless it fails. Raises EngineError with the end of what the engine said."""
    before = engine.ask("image", "inspect", "--format={{.Id}}", IMAGE).output.strip()
    arguments = [f"--build-arg=PYTHON_IMAGE={base}", *labels(), *for_this_machine(engine)]
    done = engine.ask("build", *arguments, f"--tag={IMAGE}", str(ROOT), timeout=BUILD_SECONDS)
    if done.status:
        raise EngineError(f"The image could not be built:\n{(done.output + done.errors)[-4000:]}")
    if before and before != engine("image", "inspect", "--format={{.Id}}", IMAGE):
        engine.ask("rmi", before)


def labels() -> list[str]:
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return [f"--build-arg=REVISION={asked or 'unknown'}", f"--build-arg=CREATED={created}"]


def for_this_machine(engine: Engine) -> list[str]:
    """Whatever pip needs here to reach its index: a mirror, or a certificate of the network's own."""
    names = [name for name in ("PIP_INDEX_URL", "PIP_CERT") if os.environ.get(name)]
    options = [f"--build-arg={name}={os.environ[name]}" for name in names]
    if engine.is_podman:
        # Without namespaces of its own, so that it works inside a container, too.
        options += ["--isolation=chroot", "--format=docker", "--pull-never"]
        if certificate := os.environ.get("PIP_CERT"):
            options.append(f"--volume={certificate}:{certificate}:ro")
    return options
