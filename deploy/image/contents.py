"""What is in the image, file by file and setting by setting: nothing secret, and nothing that only developers need."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Ours is in /app and what was installed in /venv; the rest is the base image's.
UNWANTED = {
    "a test": r"(app/.+|venv/lib/python[^/]+/site-packages/[^/]+)/tests/.+",
    "documentation, deployment or a script": r"app/(docs|deploy|scripts|bench|\.github|\.ci)/.+",
    "the repository": r"(.*/)?\.git/.+",
    "data of a developer": r"app/(var|node_modules)/.+",
    "a settings file": r"(app|data|root|home/[^/]+)/(.*/)?\.env[^/]*",
    "the payment sandbox or the demonstration school": r"app/payments/(sandbox|demo)/.+",
    "pip": r"(venv/bin/pip.*|.*/site-packages/pip/__main__\.py|usr/(local/)?bin/pip.*)",
    "a compiler": r"usr/(local/)?bin/(gcc|cc|g\+\+|clang|make|ld|as)(-[\d.]+)?",
    "a private key": r"(app|data|root)/.*\.(key|p12|pfx)",
}
SECRET_NAMES = re.compile(r"SECRET|PASSWORD|TOKEN|PRIVATE|CREDENTIAL|_KEY\b")
# Looked for in our own files and in every layer's description.
SECRET_SHAPES = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}|\bAKIA[0-9A-Z]{16}\b|\brzp_live_[A-Za-z0-9]{8,}"
    rb"|://[^/\s:@\"'{}<>]+:(?!password@|\*+@)[^/\s:@\"'{}<>]{8,}@"
)
LARGEST_TEXT = 2_000_000


def unwanted_files(archive: Path) -> Iterator[str]:
    """Sentences about files of the exported file system that must not be in it."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isfile() or member.issym():
                yield from (f"{kind}: /{name}" for kind, shape in UNWANTED.items() if re.fullmatch(shape, name))


def secrets_in_files(archive: Path, values: list[bytes]) -> Iterator[str]:
    """Our files that hold one of the `values`, or what looks like a secret."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            is_ours = name.startswith(("app/", "data/", "root/", "home/", "etc/", "tmp/"))
            if is_ours and member.isfile() and member.size < LARGEST_TEXT and (file := tar.extractfile(member)):
                text = file.read()
                if SECRET_SHAPES.search(text) or any(value in text for value in values):
                    yield f"a secret: /{name}"


def secrets_in_description(described: dict[str, Any], history: str, values: list[bytes]) -> Iterator[str]:
    """Variables and layers that give a secret away."""
    for variable in described["Config"].get("Env") or []:
        name, _, value = variable.partition("=")
        if value and SECRET_NAMES.search(name) and name != "GPG_KEY":  # of those who sign Python's releases
            yield f"the variable {name}"
    text = history.encode()
    if SECRET_SHAPES.search(text) or any(value in text for value in values):
        yield "a layer's description"


def secrets_nearby(env_file: Path) -> list[bytes]:
    """The values of this folder's own .env, which must never get in. Short and plain ones are no secrets."""
    if not env_file.is_file():
        return []
    pairs = re.findall(r"^(\w+)=[\"']?(.+?)[\"']?\s*$", env_file.read_text(), re.M)
    return [value.encode() for name, value in pairs if SECRET_NAMES.search(name) and len(value) >= 8]
