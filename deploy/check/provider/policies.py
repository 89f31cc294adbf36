"""The data source aws_iam_policy_document, rendered as the real provider renders it."""

import json
from collections.abc import Iterable
from typing import Any

Statement = dict[str, Any]
LISTS = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}
PRINCIPALS = {"principals": "Principal", "not_principals": "NotPrincipal"}


def _variables(text: str) -> str:
    """`&{aws:username}` stands for `${aws:username}`, which Terraform would take for its own."""
    return text.replace("&{", "${")


def _one_or_many(values: Iterable[str]) -> str | list[str]:
    texts = sorted(map(_variables, values))
    return texts[0] if len(texts) == 1 else texts


def _principals(blocks: list[dict[str, Any]]) -> str | dict[str, Any]:
    gathered: dict[str, list[str]] = {}
    for block in blocks:
        gathered.setdefault(block["type"], []).extend(block["identifiers"])
    if gathered == {"*": ["*"]}:
        return "*"
    return {kind: _one_or_many(names) for kind, names in gathered.items()}


def _conditions(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    gathered: dict[str, dict[str, Any]] = {}
    for block in blocks:
        gathered.setdefault(block["test"], {})[block["variable"]] = _one_or_many(block["values"])
    return gathered


def _statement(block: dict[str, Any]) -> Statement:
    rendered: Statement = {"Sid": block["sid"]} if block.get("sid") else {}
    rendered["Effect"] = block.get("effect") or "Allow"
    rendered |= {key: _one_or_many(block[name]) for name, key in LISTS.items() if block.get(name)}
    rendered |= {key: _principals(block[name]) for name, key in PRINCIPALS.items() if block.get(name)}
    return rendered | ({"Condition": _conditions(block["condition"])} if block.get("condition") else {})


def _merged(statements: list[Statement], documents: list[str] | None) -> list[Statement]:
    """The statements after those of other documents; one with the same Sid replaces the earlier one."""
    for document in documents or []:
        added = json.loads(document)["Statement"] if document else []
        added = added if isinstance(added, list) else [added]
        sids = {statement.get("Sid") for statement in added} - {None}
        statements = [statement for statement in statements if statement.get("Sid") not in sids] + added
    return statements


def document(config: dict[str, Any]) -> str:
    """The JSON that `data.aws_iam_policy_document.x.json` has for this configuration."""
    own = json.dumps({"Statement": [_statement(block) for block in config.get("statement") or []]})
    statements = _merged([], [*(config.get("source_policy_documents") or []), own])
    statements = _merged(statements, config.get("override_policy_documents"))
    version = config.get("version") or "2012-10-17"
    identified = {"Id": config["policy_id"]} if config.get("policy_id") else {}
    return json.dumps({"Version": version, **identified, "Statement": statements}, indent=2)
