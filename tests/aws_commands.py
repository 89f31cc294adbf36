"""The `aws` commands of a page, and what is wrong with them: by botocore's models, which the AWS CLI is made from.

What no model knows is written here: the few commands and options that the program has of its own.
"""

import json
import re
import shlex
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

SERVICES = {"s3api": "s3"}
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html and …/reference/s3/cp.html, read 2026-11-22
OWN_COMMANDS = {
    ("logs", "tail"): {"since", "filter-pattern", "follow", "format", "log-stream-names"},
    ("s3", "cp"): {"recursive", "sse", "quiet"},
}
GLOBAL = {"query", "output", "region", "profile", "no-cli-pager", "endpoint-url", "no-paginate", "max-items"}
# The program's own short form of --metric-data (https://docs.aws.amazon.com/cli/latest/reference/cloudwatch/put-metric-data.html).
SHORT_FORMS = {("cloudwatch", "put-metric-data"): ({"metric-name", "value", "dimensions", "unit"}, "metric-data")}
BEGINNING = re.compile(r"(?:^|[|;&(`\n]|\b(?:do|then|until|while|if)\b|\$\()\s*(aws (?=[a-z]))")
# Something that is filled in when the command runs: nothing can be said of it.
OPEN = re.compile(r"[$…]|PLACE")


def commands_in(text: str) -> list[list[str]]:
    """The words of each `aws` command in a shell's text, those within $(…) as well."""
    text = re.sub(r"<[a-z][^<>\n]*>", "PLACE", text.replace("\\\n", " "), flags=re.I)
    found = []
    for match in BEGINNING.finditer(text):
        found.append(shlex.split(one_command(text[match.start(1) :]), comments=True))
    return found


def one_command(text: str) -> str:
    """Up to its end: `|`, `;`, `&`, `>`, a closing bracket or the line's end, outside of quotes. $(…) becomes $()."""
    taken, quote, depth = [], "", 0
    for place, sign in enumerate(text):
        if depth or (sign == "(" and text[place - 1] == "$" and quote != "'"):
            depth += (sign == "(") - (sign == ")")
            taken += sign if (depth == 1 and sign == "(") or not depth else ""
            continue
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "|;&>)`\n":
            break
        taken.append(sign)
    return "".join(taken)


@cache
def session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def operations(service: str) -> dict[str, OperationModel]:
    model = session().get_service_model(SERVICES.get(service, service))
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


@cache
def waiters(service: str) -> dict[str, OperationModel]:
    model = session().get_waiter_model(SERVICES.get(service, service))
    known = {operation.name: operation for operation in operations(service).values()}
    return {xform_name(name, "-"): known[model.get_waiter(name).operation] for name in model.waiter_names}


def problems(words: list[str]) -> list[str]:
    """What is wrong with a command, as sentences."""
    service, name = words[1:3]
    if (service, name) in OWN_COMMANDS:
        unknown = {option for option, _ in options_of(words[3:])} - OWN_COMMANDS[service, name] - GLOBAL
        return [f"no option --{option}" for option in sorted(unknown)]
    if SERVICES.get(service, service) not in session().get_available_services():
        return [f"no service {service}"]
    known, rest = operations(service), words[3:]
    if name == "wait":
        known, name, rest = waiters(service), words[3], words[4:]
    if name not in known:
        return [f"no command {name}"]
    return list(wrong_options(service, known[name], rest))


def options_of(words: list[str]) -> list[tuple[str, list[str]]]:
    """Each option with the words after it."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            found.append((word[2:], []))
        elif found:
            found[-1][1].append(word)
    return found


def wrong_options(service: str, operation: OperationModel, words: list[str]) -> Iterator[str]:
    shape = operation.input_shape
    members = {xform_name(name, "-"): (name, member) for name, member in (shape.members if shape else {}).items()}
    short, stands_for = SHORT_FORMS.get((service, xform_name(operation.name, "-")), (set(), ""))
    given: dict[str, Any] = {}
    covered = set()
    for option, values in options_of(words):
        plain = option.removeprefix("no-")
        if option == "query":
            yield from wrong_query(values, operation.output_shape)
        elif option in short:
            covered.add(stands_for)
        elif option == "cli-input-json":
            covered |= members.keys()
        elif option in members:
            name, member = members[option]
            try:
                given[name] = value_of(member, values)
            except ValueError as error:
                yield f"--{option}: {error}"
        elif option not in GLOBAL and not (plain in members and members[plain][1].type_name == "boolean"):
            yield f"no option --{option}"
    required = {option for option, (name, member) in members.items() if is_required(shape, name, member)}
    there = {xform_name(name, "-") for name in given} | covered
    yield from (f"--{option} is missing" for option in sorted(required - there))
    yield from wrong_values(shape, {name: value for name, value in given.items() if value is not None})


def is_required(shape: StructureShape, name: str, member: Shape) -> bool:
    """A token against repetition the program draws itself."""
    return name in shape.required_members and not member.metadata.get("idempotencyToken")


def wrong_values(shape: StructureShape | None, given: dict[str, Any]) -> Iterator[str]:
    if not shape:
        return
    report = ParamValidator().validate(given, shape)
    for line in report.generate_report().splitlines():
        if not line.startswith("Missing required parameter in input"):
            yield line


def value_of(shape: Shape, values: list[str]) -> Any:
    """As botocore takes it; None for what is filled in when it runs. Raises ValueError with a sentence."""
    if any(OPEN.search(value) or value.startswith("file://") for value in values):
        return None
    if shape.type_name == "boolean":
        if values:
            raise ValueError("it takes no value")
        return True
    if not values:
        raise ValueError("its value is missing")
    if isinstance(shape, ListShape):
        if values[0].startswith("["):
            return json.loads(values[0])
        return [value_of(shape.member, [value]) for value in values]
    if len(values) > 1:
        raise ValueError(f"one value too many: {values[1]}")
    return single_value_of(shape, values[0])


def single_value_of(shape: Shape, value: str) -> Any:
    if isinstance(shape, StructureShape | MapShape):
        if value.startswith("{"):
            return json.loads(value)
        pairs = dict(part.partition("=")[::2] for part in value.split(","))
        members = shape.members if isinstance(shape, StructureShape) else {}
        return {name: value_of(members[name], [text]) if name in members else text for name, text in pairs.items()}
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "boolean" and value in ("true", "false"):
        return value == "true"
    if (known := getattr(shape, "enum", None)) and value not in known:
        raise ValueError(f"{value} is none of {', '.join(known)}")
    return value


def wrong_query(values: list[str], shape: Shape | None) -> Iterator[str]:
    """A question that finds nothing in an answer that has everything is about names that are not there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `text` instead of `"text"`: AWS's own examples have it.
            found = jmespath.search(values[0], sample(shape) if shape else {})
    except jmespath.exceptions.JMESPathError as error:
        yield f"--query {values[0]}: {error}"
        return
    if found in (None, [], {}) or holds_nothing(found):
        yield f"--query {values[0]} finds nothing in an answer of {shape.name if shape else 'nothing'}"


def kinds_of(shape: Shape) -> int:
    """As many entries as show each value of its enumerations."""
    members = shape.members.values() if isinstance(shape, StructureShape) else [shape]
    return max([len(getattr(member, "enum", ())) for member in members] + [1])


def holds_nothing(found: Any) -> bool:
    return found is None or (isinstance(found, list) and bool(found) and all(map(holds_nothing, found)))


def sample(shape: Shape, number: int = 0, above: tuple[str, ...] = ()) -> Any:
    """An answer of this shape with something everywhere; the entries of a list go through each enumeration."""
    if isinstance(shape, StructureShape):
        if shape.name in above:
            return {}
        return {name: sample(member, number, (*above, shape.name)) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [sample(shape.member, index, above) for index in range(kinds_of(shape.member))]
    if isinstance(shape, MapShape):
        return {"key": sample(shape.value, number, above)}
    if known := getattr(shape, "enum", None):
        return known[number % len(known)]
    return {"integer": 1, "long": 1, "double": 1.0, "float": 1.0, "boolean": True}.get(shape.type_name, "text")
