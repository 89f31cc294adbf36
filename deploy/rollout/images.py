"""The image: built once for each commit, named by its digest from then on."""

import base64
import json
import time

from deploy.rollout.aws import Aws
from deploy.rollout.failure import Failed
from deploy.rollout.place import Place
from deploy.rollout.programs import Programs, container_program

SCAN_SECONDS = 15 * 60
EVERY_SECONDS = 10
PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


def digest_of(aws: Aws, place: Place, tag: str) -> str:
    """ "sha256:…" of what was pushed under this tag; "" if nothing was. Tags cannot be moved, so it stays."""
    try:
        found = aws.ask("ecr", "describe_images", repositoryName=place.prefix, imageIds=[{"imageTag": tag}])
    except Failed as failed:
        if "ImageNotFoundException" in failed.what:
            return ""
        raise
    return str(found["imageDetails"][0]["imageDigest"])


def build(programs: Programs, place: Place, tag: str, revision: str, architecture: str) -> None:
    program = "docker" if programs.is_dry else container_program()
    arguments = ["--build-arg", f"REVISION={revision}", "--build-arg", f"VERSION={tag}"]
    name = f"{place.repository}:{tag}"
    programs.do(program, "build", "--platform", PLATFORMS[architecture], *arguments, "--tag", name, ".")


def push(aws: Aws, programs: Programs, place: Place, tag: str) -> None:
    program = "docker" if programs.is_dry else container_program()
    answer = aws.ask("ecr", "get_authorization_token")
    user, _, password = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
    registry = place.repository.partition("/")[0]
    programs.do(program, "login", "--username", user, "--password-stdin", registry, secret_input=password)
    programs.do(program, "push", f"{place.repository}:{tag}")


def wait_for_scan(aws: Aws, place: Place, digest: str, *, seconds: float = SCAN_SECONDS) -> dict[str, int]:
    """How many findings there are, by severity. Raises Failed if there is a critical one, or no result in time."""
    ends_at = time.monotonic() + seconds
    while True:
        found = _findings(aws, place, digest)
        if found is not None:
            break
        if time.monotonic() > ends_at:
            raise Failed(
                "The registry has not scanned the image yet.",
                "Repeat with --from scan in some minutes; look at `aws ecr describe-image-scan-findings`.",
            )
        time.sleep(EVERY_SECONDS)
    if found.get("CRITICAL"):
        raise Failed(
            f"The scan found {found['CRITICAL']} critical weaknesses: {json.dumps(found)}.",
            f"Read `aws ecr describe-image-scan-findings --repository-name {place.prefix} --image-id"
            f" imageDigest={digest}`. Renew the base image and requirements/, and release again; if none of it"
            " concerns us: --from plan.",
        )
    return found


def _findings(aws: Aws, place: Place, digest: str) -> dict[str, int] | None:
    try:
        answer = aws.ask(
            "ecr", "describe_image_scan_findings", repositoryName=place.prefix, imageId={"imageDigest": digest}
        )
    except Failed as failed:
        if "ScanNotFoundException" in failed.what:
            return None
        raise
    status = answer.get("imageScanStatus", {}).get("status")
    # Basic scanning ends with COMPLETE; Inspector's goes on for as long as the image is there.
    if status not in ("COMPLETE", "ACTIVE"):
        if status in ("FAILED", "UNSUPPORTED_IMAGE", "FINDINGS_UNAVAILABLE"):
            raise Failed(f"The registry could not scan the image: {status}.", "Repeat with --from scan.")
        return None
    return dict(answer.get("imageScanFindings", {}).get("findingSeverityCounts", {}))
