"""What a dump says of itself. It is written last: a dump without one is not finished, and nobody restores it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

NAME = "manifest.json"
FORMAT = 1


class DamagedDump(Exception):
    """A dump that is not what it says it is. The text names files and models, never what is in a row."""


@dataclass
class ModelDump:
    """One model's file. `sha256` is that of the file, the other two are those of its lines when unpacked."""

    model: str
    file: str
    fields: list[str]
    rows: int
    bytes: int
    sha256: str
    rows_sha256: str
    portable_sha256: str


@dataclass
class Manifest:
    name: str
    began_at: str
    ended_at: str
    version: str
    engine: str
    # "one moment", or "model by model" (snapshot.py).
    consistency: str
    migrations: list[str]
    models: list[ModelDump]
    left_out: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(model.rows for model in self.models)

    @property
    def size(self) -> int:
        """In bytes, without the manifest."""
        return sum(model.bytes for model in self.models)

    def to_json(self) -> bytes:
        content = asdict(self)
        return json.dumps(content | {"manifest_sha256": _digest(content)}, indent=1).encode() + b"\n"


def from_json(text: bytes) -> Manifest:
    """Raises DamagedDump if it was cut, changed, or made by a later version of this program."""
    try:
        content = json.loads(text)
        told = content.pop("manifest_sha256")
        if told != _digest(content):
            raise DamagedDump(f"{NAME} was changed after it was written.")
        if content["format"] != FORMAT:
            raise DamagedDump(f"{NAME} has format {content['format']}; this program reads format {FORMAT}.")
        made = Manifest(**content | {"models": [ModelDump(**model) for model in content["models"]]})
        # Whoever can write a manifest could else name any file of this machine.
        if wrong := [part.model for part in made.models if part.file != file_of(part.model)]:
            raise DamagedDump(f"{NAME} gives {', '.join(wrong)} the name of another file.")
        return made
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedDump(f"{NAME} is not whole: {type(error).__name__}.") from None


def file_of(model: str) -> str:
    return f"{model}.jsonl.gz"


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
