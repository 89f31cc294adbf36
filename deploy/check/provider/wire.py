"""Values as Terraform sends them: MessagePack, where an extension is a value that is not known yet."""

import json
from collections.abc import Callable
from typing import Any

import msgpack
from tfplugin_proto import tfplugin5_5_pb2 as pb

from deploy.check.provider.schema import Block

UNKNOWN = msgpack.ExtType(0, b"\0")
# Given an attribute's name, its schema and its value, its new value.
Change = Callable[[str, dict[str, Any], Any], Any]


def read(dynamic: Any) -> Any:
    """A DynamicValue as Python; None for null."""
    if dynamic.msgpack:
        return msgpack.unpackb(dynamic.msgpack, raw=False, strict_map_key=False)
    return json.loads(dynamic.json) if dynamic.json else None


def write(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value, use_bin_type=True))


def is_unknown(value: Any) -> bool:
    return isinstance(value, msgpack.ExtType)


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    return any(map(has_unknown, value)) if isinstance(value, list) else is_unknown(value)


def change_attributes(block: Block, value: Any, change: Change) -> Any:
    """Apply `change` to every attribute of a value, also in nested blocks; the value itself is changed."""
    if not isinstance(value, dict):
        return value
    for name, attribute in block.get("attributes", {}).items():
        value[name] = change(name, attribute, value.get(name))
    for name, nested in block.get("block_types", {}).items():
        inner = value.get(name)
        for one in inner if isinstance(inner, list) else [inner]:
            change_attributes(nested["block"], one, change)
    return value
