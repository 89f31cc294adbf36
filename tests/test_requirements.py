"""Locks and the reasons for them."""

import re

import pytest

from tests.source import ROOT, tracked

pytestmark = pytest.mark.sqlite

FOLDER = ROOT / "requirements"


def direct(kind: str) -> set[str]:
    lines = (FOLDER / f"{kind}.in").read_text().splitlines()
    return {re.split(r"[\[=<>~;\s]", line)[0].lower() for line in lines if re.match(r"[A-Za-z]", line)}


def pins(kind: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", (FOLDER / f"{kind}.txt").read_text(), re.M | re.I))


def test_every_direct_dependency_has_its_line():
    rows = re.findall(r"^\| `([^`]+)` \|(.+)\|(.+)\|(.+)\|$", (ROOT / "docs" / "dependencies.md").read_text(), re.M)
    explained = {name.lower() for name, *cells in rows if all(cell.strip() for cell in cells)}
    wanted = direct("base") | direct("dev") | direct("deploy")
    assert explained == wanted, (
        "docs/dependencies.md says for each direct dependency what for, why this one and what else was considered: "
        f"missing {sorted(wanted - explained)}, not needed {sorted(explained - wanted)}"
    )


@pytest.mark.parametrize("kind", ["base", "dev", "deploy"])
def test_the_lock_has_every_direct_dependency_with_hashes(kind):
    assert direct(kind) <= {name.lower() for name in pins(kind)}
    blocks = re.split(r"^(?=\S)", (FOLDER / f"{kind}.txt").read_text(), flags=re.M)
    unhashed = [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
    assert not unhashed


def test_what_is_tested_is_what_runs():
    differing = {name: version for name, version in pins("base").items() if pins("dev").get(name) != version}
    assert not differing, f"requirements/dev.txt must hold base.txt's versions: {differing}"


@pytest.mark.parametrize("path", tracked("requirements/*", "package*.json", ".npmrc", "pip.conf"), ids=lambda p: p.name)
def test_no_file_names_a_registry(path):
    found = re.findall(
        r"--(?:extra-)?index-url.*|--find-links.*|@ https?://.*|\"resolved\": \"http.*|registry=.*", path.read_text()
    )
    assert not found, f"{path.name} names where packages come from; that is each machine's own setting: {found[:3]}"
