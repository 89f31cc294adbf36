"""The schema of hashicorp/aws in `terraform providers schema -json` form, and the same as protocol 5 wants it."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from tfplugin_proto import tfplugin5_5_pb2 as pb

VERSION = "6.69.1"
FILE = Path(__file__).resolve().parent.parent / "schema" / f"aws-{VERSION}.json.gz"
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
# Attribute.write_only, field 10 of protocol 5.8, as bytes on the wire: newer than the stubs.
WRITE_ONLY = b"\x50\x01"

Block = dict[str, Any]


@cache
def load() -> dict[str, Any]:
    """Keys: provider, resource_schemas, data_source_schemas."""
    return json.loads(gzip.decompress(FILE.read_bytes()))


def resource_block(type_name: str) -> Block:
    return load()["resource_schemas"][type_name]["block"]


def data_block(type_name: str) -> Block:
    return load()["data_source_schemas"][type_name]["block"]


def is_write_only(name: str) -> bool:
    """Write-only arguments (`secret_string_wo`) never reach the state."""
    return name.endswith("_wo")


def _add_attribute(block: Any, name: str, attribute: dict[str, Any]) -> None:
    flags = {flag: attribute.get(flag, False) for flag in ("required", "optional", "computed")}
    added = block.attributes.add(name=name, type=json.dumps(attribute["type"]).encode(), **flags)
    if is_write_only(name):
        added.MergeFromString(WRITE_ONLY)


def _as_message(block: Block) -> Any:
    message = pb.Schema.Block()
    for name, attribute in sorted(block.get("attributes", {}).items()):
        _add_attribute(message, name, attribute)
    for name, nested in sorted(block.get("block_types", {}).items()):
        limits = {limit: nested.get(limit, 0) for limit in ("min_items", "max_items")}
        added = message.block_types.add(type_name=name, nesting=NESTING[nested["nesting_mode"]], **limits)
        added.block.CopyFrom(_as_message(nested["block"]))
    return message


@cache
def response() -> Any:
    """What GetSchema answers."""
    whole = load()
    message = pb.GetProviderSchema.Response()
    message.provider.block.CopyFrom(_as_message(whole["provider"]["block"]))
    for source, target in (
        (whole["resource_schemas"], message.resource_schemas),
        (whole["data_source_schemas"], message.data_source_schemas),
    ):
        for type_name, schema in source.items():
            target[type_name].block.CopyFrom(_as_message(schema["block"]))
    return message
