"""Static files go to S3 before pages name them, and stay there, because pages of before name the old ones."""

import json
import mimetypes
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.rollout.aws import Aws
from deploy.rollout.failure import Failed
from deploy.rollout.place import Place
from deploy.rollout.programs import Programs, container_program

# Names hold a hash of the content: what a browser has, it may keep.
CACHE_CONTROL = "public, max-age=31536000, immutable"
IN_IMAGE = "/app/static_files"
AT_ONCE = 8


def take_out(programs: Programs, image: str, folder: Path) -> Path:
    """The image's static files, in `folder`. The image itself is not started."""
    program = "docker" if programs.is_dry else container_program()
    programs.do(program, "pull", "--quiet", image)
    container = programs.ask(program, "create", image, pretended="<container>")
    try:
        programs.do(program, "cp", f"{container}:{IN_IMAGE}", str(folder))
    finally:
        programs.do(program, "rm", container)
    return folder / Path(IN_IMAGE).name


def hashed_files(folder: Path) -> list[str]:
    """The names that pages use, from Django's own list. Raises Failed if the folder has none."""
    try:
        return sorted(set(json.loads((folder / "staticfiles.json").read_text())["paths"].values()))
    except (OSError, ValueError, KeyError):
        raise Failed(f"{folder} has no list of static files.", "Build the image again: --from image.") from None


def upload(aws: Aws, place: Place, folder: Path) -> int:
    """How many were new. What is there already has the same content, because it has the same name."""
    there = _names_in(aws, place.static_bucket)
    new = [name for name in hashed_files(folder) if f"static/{name}" not in there]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda name: _put(aws, place.static_bucket, folder, name), new))
    return len(new)


def _names_in(aws: Aws, bucket: str) -> set[str]:
    found: set[str] = set()
    token: dict[str, str] = {}
    while True:
        page = aws.ask("s3", "list_objects_v2", Bucket=bucket, Prefix="static/", **token)
        found |= {entry["Key"] for entry in page.get("Contents", [])}
        if not page.get("IsTruncated"):
            return found
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _put(aws: Aws, bucket: str, folder: Path, name: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise Failed(f"The list of static files names {name}, which is not there.", "Build the image again.")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    aws.ask(
        "s3",
        "put_object",
        Bucket=bucket,
        Key=f"static/{name}",
        Body=path.read_bytes(),
        ContentType=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        CacheControl=CACHE_CONTROL,
    )


def publish(aws: Aws, programs: Programs, place: Place, image: str) -> None:
    with tempfile.TemporaryDirectory(prefix="static-") as folder:
        files = take_out(programs, image, Path(folder))
        if aws.is_dry:
            aws.say(f"+ aws s3 sync {files} s3://{place.static_bucket}/static --cache-control '{CACHE_CONTROL}'")
            return
        aws.say(f"  {upload(aws, place, files)} new files in s3://{place.static_bucket}/static/.")
