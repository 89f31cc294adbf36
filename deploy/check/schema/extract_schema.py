"""Makes aws-6.69.1.json.gz from the Python package cdktn-provider-aws, which was generated from the provider's schema.

    pip download --no-deps cdktn-provider-aws==25.8.1 && unzip -q cdktn_provider_aws-*.whl
    tar -xzf cdktn_provider_aws/_jsii/provider-aws@25.8.1.jsii.tgz
    python deploy/check/schema/extract_schema.py package/lib

Only the types of types.txt are kept, all of it in the form of `terraform providers schema -json`. The package has a
folder for each type with generated JavaScript (index.js) and its types (index.d.ts). What is read from them:

* `// name - computed: …, optional: …, required: …` in the classes: the flags of each argument;
* the tables of `synthesizeHclAttributes()` and `…ToHclTerraform()`: the kind and type of each argument and block;
* `name block` in the comments of the interfaces: which of them are blocks.
"""

import gzip
import json
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VERSION = "6.69.1"
FLAGS = re.compile(r"    // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$")
CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{", re.M)
TO_HCL = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{", re.M)
ROW = re.compile(
    r'^ {8,12}(\w+|"[^"]+"): \{\n\s+value: .*,\n\s+isBlock: (?:true|false),\n\s+type: "(\w+)",\n'
    r'\s+storageClassType: "(\w+)",',
    re.M,
)
INTERFACE = re.compile(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.M | re.S)
MEMBER = re.compile(r"#(\w+) \w+#\1\}\n(?:    \*.*\n)*?    \*/\n    readonly \w+(\?)?:")
SUFFIX = "OutputReference"
SCALARS = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
# How a computed attribute is read in the generated code, and its type. The first that occurs counts.
GETTERS: list[tuple[str, Any]] = [
    ("Fn.tolist(this.getListAttribute", ["set", "string"]),
    ("Fn.tolist(this.getNumberListAttribute", ["set", "number"]),
    ("getStringMapAttribute", ["map", "string"]),
    ("getNumberMapAttribute", ["map", "number"]),
    ("getBooleanMapAttribute", ["map", "bool"]),
    ("getNumberListAttribute", ["list", "number"]),
    ("getListAttribute", ["list", "string"]),
    ("getStringAttribute", "string"),
    ("getNumberAttribute", "number"),
    ("getBooleanAttribute", "bool"),
    ("interpolationForAttribute", "dynamic"),
]
MAPS: dict[str, Any] = {"StringMap": "string", "BooleanMap": "bool", "NumberMap": "number", "AnyMap": "dynamic"}
LISTS: dict[str, Any] = {
    "StringMapList": ["map", "string"],
    "NumberMapList": ["map", "number"],
    "StringListList": ["list", "string"],
    "AnyListList": ["list", "dynamic"],
}
# A block that contains itself is followed so often.
DEEPEST = 2

Flags = dict[str, Any]
Rows = dict[str, tuple[str, str]]


def uncapitalised(name: str) -> str:
    return name[0].lower() + name[1:]


def rows(body: str) -> Rows:
    """Name to (kind, type) of the arguments in a table."""
    return {found[1].strip('"'): (found[2], found[3]) for found in ROW.finditer(body)}


def flags(body: str) -> dict[str, Flags]:
    """Name to its flags, and to the code below them (`source`)."""
    found: dict[str, Flags] = {}
    name = ""
    for line in body.split("\n"):
        match = FLAGS.match(line)
        if match:
            name = match[1]
            found[name] = {flag: match[at] == "true" for at, flag in enumerate(("computed", "optional", "required"), 2)}
            found[name]["source"] = ""
        elif name and not line.startswith("    // ="):
            found[name]["source"] += line + "\n"
    return found


def scalar_type(kind: str, text: str) -> Any:
    """`stringMapList` of kind set is a set of maps of strings."""
    scalar = next(name for name in SCALARS if text.startswith(name))
    found: Any = SCALARS[scalar]
    parts = re.findall("List|Map", text.removeprefix(scalar))
    for number, part in enumerate(parts, 1):
        outermost = number == len(parts) and kind in ("list", "set", "map")
        found = [kind if outermost else part.lower(), found]
    return found


class Module:
    """The folder of one type."""

    def __init__(self, folder: Path) -> None:
        files = [folder / "index.js", *sorted(folder.glob("index-structs/*.js"))]
        self.code = "".join(path.read_text().split("//# sourceMappingURL")[0] for path in files)
        files = [folder / "index.d.ts", *sorted(folder.glob("index-structs/*.d.ts"))]
        self.types = "".join(path.read_text() for path in files)

    def _body(self, start: int) -> str:
        return self.code[start : self.code.find("\n}\n", start)]

    @cached_property
    def classes(self) -> dict[str, tuple[str, str]]:
        """Name to (what it extends, its code)."""
        return {found[1]: (found[2], self._body(found.start())) for found in CLASS.finditer(self.code)}

    @cached_property
    def tables(self) -> dict[str, Rows]:
        return {found[1]: rows(self._body(found.start())) for found in TO_HCL.finditer(self.code)}

    @cached_property
    def blocks(self) -> dict[str, set[str]]:
        """Interface to the names of those of its members that are blocks."""
        found = INTERFACE.finditer(self.types)
        return {item[1]: set(re.findall(r"^    \* (\w+) block$", item[2], re.M)) for item in found}

    # --- Types of attributes ---

    def attribute_type(self, name: str, source: str, table: Rows) -> Any:
        if name not in table:
            return self._computed_type(name, source)
        kind, text = table[name]
        if text[0].islower():
            return scalar_type(kind, text)
        inner = self._object_type(self._struct(kind, text))
        return inner if kind == "struct" else [kind, inner]

    def _struct(self, kind: str, text: str) -> str:
        suffix = {"list": "List", "set": "List", "map": "Map"}.get(kind, "")
        short = text.removesuffix(suffix) if suffix else text
        is_known = f"{short}{SUFFIX}" in self.classes or uncapitalised(short) in self.tables
        return short if is_known else text

    def _object_type(self, struct: str) -> Any:
        table = self.tables.get(uncapitalised(struct), {})
        known = flags(self.classes[f"{struct}{SUFFIX}"][1])
        names = [*known, *(name for name in table if name not in known)]
        sources = {name: known.get(name, {}).get("source", "") for name in names}
        return ["object", {name: self.attribute_type(name, sources[name], table) for name in names}]

    def _computed_type(self, name: str, source: str) -> Any:
        own = re.search(r'= new (\w+)\(this, "\w+"(?:, (true|false))?\)', source)
        if own:
            return self._own_class(own[1], "set" if own[2] == "true" else "list")
        shared = re.search(r'new cdktn\.(\w+)\(this, "\w+"(?:, (true|false))?\)', source)
        if shared and shared[1] in MAPS:
            return ["map", MAPS[shared[1]]]
        if shared:
            return ["set" if shared[2] == "true" else "list", LISTS[shared[1]]]
        for getter, found in GETTERS:
            if getter in source:
                return found
        raise ValueError(f"{name} has no type: {source[:200]}")

    def _own_class(self, name: str, kind: str) -> Any:
        if name.endswith(SUFFIX):
            return self._object_type(name.removesuffix(SUFFIX))
        if name.endswith("List"):
            return [kind, self._object_type(name.removesuffix("List"))]
        return ["map", self._object_type(name.removesuffix("Map"))]

    # --- Blocks ---

    def block(self, interface: str, known: dict[str, Flags], table: Rows, above: tuple[str, ...] = ()) -> dict:
        if above.count(interface) >= DEEPEST:
            return {}
        found: dict[str, dict] = {"attributes": {}, "block_types": {}}
        for name, item in known.items():
            if name in self.blocks.get(interface, ()):
                nested = self._nested(name, item, table, (*above, interface))
                found["block_types"] |= {name: nested} if nested else {}
            else:
                stated = {flag: True for flag in ("computed", "optional", "required") if item[flag]}
                found["attributes"][name] = stated | {"type": self.attribute_type(name, item["source"], table)}
        return {part: value for part, value in found.items() if value}

    def _nested(self, name: str, item: Flags, table: Rows, above: tuple[str, ...]) -> dict | None:
        kind, text = table[name]
        struct = self._struct(kind, text)
        known = self._members(struct)
        if known is None:  # A block that the generator hides behind “any”.
            return None
        inner = self.block(struct, known, self.tables.get(uncapitalised(struct), {}), above)
        nested: dict[str, Any] = {"nesting_mode": "single" if kind == "struct" else kind, "block": inner}
        if kind != "struct":
            nested |= {"min_items": 1} if item["required"] else {}
            is_one = re.search(rf'new \w+{SUFFIX}\(this, "{name}"', item["source"])
            nested |= {"max_items": 1} if is_one else {}
        return nested

    def _members(self, struct: str) -> dict[str, Flags] | None:
        """The arguments of a block; the provider's own blocks have no class, only an interface."""
        if f"{struct}{SUFFIX}" in self.classes:
            return flags(self.classes[f"{struct}{SUFFIX}"][1])
        interface = {found[1]: found[2] for found in INTERFACE.finditer(self.types)}.get(struct)
        if interface is None:
            return None
        plain = {"computed": False, "source": ""}
        return {
            name: plain | {"optional": bool(mark), "required": not mark} for name, mark in MEMBER.findall(interface)
        }

    def schema(self) -> tuple[str, str, dict]:
        """What it is (TerraformResource, …), its name, and its schema."""
        for name, (extends, body) in self.classes.items():
            found = re.search(r'static tfResourceType = "(\w+)"', body)
            if found:
                head, _, table = body.partition("synthesizeHclAttributes()")
                block = self.block(f"{name}Config", flags(head), rows(table))
                return extends, found[1], {"version": 0, "block": block}
        raise ValueError("no type of Terraform")


# --- The firewall's statements, which contain themselves ---

# Three levels of and, or and not: webACLRootStatementSchemaLevel of the provider's internal/service/wafv2/web_acl.go.
LEVELS = 3
LOGICAL = ("and_statement", "or_statement", "not_statement")
ONLY_AT_THE_TOP = ("managed_rule_group_statement", "rate_based_statement", "rule_group_reference_statement")
# Below the top only these: each level has them three times, and Terraform takes a second for a thousand of them.
BELOW = (
    "asn_match_statement",
    "byte_match_statement",
    "geo_match_statement",
    "ip_set_reference_statement",
    "label_match_statement",
    "regex_match_statement",
)


def _one(blocks: dict, **limits: int) -> dict:
    return {"nesting_mode": "list", **limits, "block": {"block_types": blocks}}


def logical_statement(leaves: dict, level: int) -> dict:
    inner = {name: leaves[name] for name in BELOW}
    if level > 1:
        inner |= {name: logical_statement(leaves, level - 1) for name in LOGICAL}
    return _one({"statement": _one(inner, min_items=1)}, max_items=1)


def _narrowing(leaves: dict) -> dict:
    """`scope_down_statement`, with one level."""
    return _one(leaves | {name: logical_statement(leaves, 1) for name in LOGICAL}, max_items=1)


def web_acl_statement(of_rule: dict) -> dict:
    """The block `statement` of a web ACL's rule, from that of aws_wafv2_web_acl_rule, which the package has in full."""
    blocks = {name: value | {"nesting_mode": "list", "max_items": 1} for name, value in of_rule.items()}
    leaves = {name: value for name, value in of_rule.items() if name not in (*LOGICAL, *ONLY_AT_THE_TOP)}
    blocks |= {name: logical_statement(leaves, LEVELS) for name in LOGICAL}
    for name in ONLY_AT_THE_TOP:
        inner = blocks[name]["block"].get("block_types", {})
        if "scope_down_statement" in inner:
            inner["scope_down_statement"] = _narrowing(leaves)
    return _one(blocks, min_items=1, max_items=1)


def add_statements(resources: dict[str, Any], library: Path) -> None:
    """The generator hides the recursive `statement` of aws_wafv2_web_acl."""
    rule = Module(library / "wafv2-web-acl-rule").schema()[2]["block"]["block_types"]["statement"]["block"]
    acl = resources["aws_wafv2_web_acl"]["block"]["block_types"]["rule"]["block"]["block_types"]
    acl["statement"] = web_acl_statement(rule["block_types"])


# --- All of it ---


def folder_of(type_name: str) -> str:
    """aws_s3_bucket is in s3-bucket, data.aws_region in data-aws-region."""
    return type_name.replace("data.aws_", "data-aws-").removeprefix("aws_").replace("_", "-")


def extract(library: Path, names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"resource_schemas": {}, "data_source_schemas": {}}
    found["provider"] = Module(library / "provider").schema()[2]
    folders = {re.sub("[^a-z0-9]", "", path.name): path for path in library.iterdir()}
    for name in names:
        folder = folders.get(re.sub("[^a-z0-9]", "", folder_of(name)))
        if not folder:
            sys.exit(f"{VERSION} of the provider has no {name} (types.txt).")
        kind, type_name, schema = Module(folder).schema()
        part = "data_source_schemas" if kind == "TerraformDataSource" else "resource_schemas"
        found[part][type_name] = schema
    add_statements(found["resource_schemas"], library)
    return found


def main(library: Path) -> None:
    names = (HERE / "types.txt").read_text().split()
    text = json.dumps(extract(library, names), sort_keys=True, separators=(",", ":"))
    file = HERE / f"aws-{VERSION}.json.gz"
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{file.name}: {len(names)} types, {file.stat().st_size // 1024} KB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
