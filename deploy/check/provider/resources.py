"""Planning and applying a resource: what stays unknown until it is applied, and what is invented then."""

from typing import Any

from deploy.check.provider import schema, wire
from deploy.check.provider.inventions import REFERRED_TO, Inventor, digest

Config = dict[str, Any]
Tags = dict[str, str]


def _all_tags(tags: Any, default_tags: Tags) -> Any:
    return wire.UNKNOWN if wire.has_unknown(tags) else default_tags | (tags or {})


def _validation_options(config: Config) -> Any:
    """The real provider knows the names of a certificate at plan time, so that `for_each` can go over them."""
    names = [config.get("domain_name"), *(config.get("subject_alternative_names") or [])]
    if wire.has_unknown(names):
        return wire.UNKNOWN
    keys = ("resource_record_name", "resource_record_type", "resource_record_value")
    return [{"domain_name": name} | dict.fromkeys(keys, wire.UNKNOWN) for name in sorted(set(names) - {None})]


def plan(type_name: str, proposed: Config, prior: Config | None, region: str, default_tags: Tags) -> Config:
    """The planned state: a new resource's computed attributes are unknown, those of an existing one stay."""
    known: dict[str, Any] = {"region": region, "tags_all": _all_tags(proposed.get("tags"), default_tags)}
    if type_name == "aws_acm_certificate":
        known["domain_validation_options"] = _validation_options(proposed)
    of_resource = schema.resource_block(type_name).get("attributes", {})

    def settle(name: str, attribute: dict[str, Any], value: Any) -> Any:
        if schema.is_write_only(name):
            return None
        if prior is None and attribute.get("computed") and value is None:
            return known[name] if name in known and of_resource.get(name) is attribute else wire.UNKNOWN
        return value

    planned = wire.change_attributes(schema.resource_block(type_name), proposed, settle)
    if prior is not None and "tags_all" in of_resource:
        planned["tags_all"] = known["tags_all"]
    return planned


def _fill_in(value: Any, of_type: Any, path: str, inventor: Inventor) -> Any:
    """Invent what is unknown inside a collection."""
    if wire.is_unknown(value):
        return inventor.value(path, of_type)
    if isinstance(value, list):
        return [_fill_in(one, of_type[1], f"{path}[{number}]", inventor) for number, one in enumerate(value)]
    if isinstance(value, dict) and isinstance(of_type, list):
        inner = of_type[1] if of_type[0] == "object" else dict.fromkeys(value, of_type[1])
        return {key: _fill_in(one, inner[key], f"{path}.{key}", inventor) for key, one in value.items()}
    return value


def apply(type_name: str, planned: Config, region: str, serial: int) -> Config:
    """The new state: inventions for what is computed; null for the defaults that are AWS's to choose.

    Args:
        serial: differs between resources that are planned alike.
    """
    seed = digest(repr(planned), serial)
    known = {name: value for name, value in planned.items() if not wire.has_unknown(value)}
    inventor = Inventor(type_name, known, known.get("region") or region, seed)

    def invent(name: str, attribute: dict[str, Any], value: Any) -> Any:
        if wire.is_unknown(value) and attribute.get("optional") and name not in REFERRED_TO:
            return None
        invented = _fill_in(value, attribute["type"], name, inventor) if wire.has_unknown(value) else value
        if name in ("name", "bucket", "identifier", "cluster_identifier"):
            known.setdefault(name, invented)
        return invented

    return wire.change_attributes(schema.resource_block(type_name), planned, invent)
