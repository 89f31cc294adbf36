"""Every command that the runbook and docs/operations.md name exists and takes the options that they give it; every
alarm has its section. What an `aws` command takes and answers is asked of botocore (aws_commands.py)."""

import argparse
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from deploy.rollout.main import _split, parser
from tests.aws_commands import commands_in, problems
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

RUNBOOK = ROOT / "deploy" / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"
TERRAFORM = ROOT / "deploy" / "terraform"
PAGES = [RUNBOOK, OPERATIONS]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def code_in(path: Path) -> list[str]:
    """Each command line of the page: of its blocks, with continued lines in one, and what stands between backticks."""
    text = path.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    lines = [
        line.partition("   #")[0].strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()
    ]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return [line for line in lines if line and not line.startswith("#")] + re.findall(r"`([^`\n]+)`", prose)


def calls(path: Path, words: str) -> list[str]:
    """What follows `words` in the page's code, up to the end of that command."""
    found = [
        match for line in code_in(path) for match in re.findall(rf"(?<![\w/-]){re.escape(words)}((?: [^;&|)]+)?)", line)
    ]
    return sorted({match.strip() for match in found})


def deploy_calls() -> list[str]:
    of_pages = [call for page in PAGES for call in calls(page, "deploy/deploy")]
    of_workflows = [match for path in WORKFLOWS for match in re.findall(r"deploy/deploy (.+)$", path.read_text(), re.M)]
    return sorted({call for call in [*of_pages, *of_workflows] if call})


def check_command(words: list[str]) -> None:
    """Raises AssertionError if manage.py does not know it, or not with these options."""
    app = get_commands().get(words[0])
    assert app, f"there is no manage.py {words[0]}"
    try:
        load_command_class(app, words[0]).create_parser("manage.py", words[0]).parse_args(words[1:])
    except (CommandError, SystemExit) as error:
        pytest.fail(f"manage.py {' '.join(words)}: {error}")


def filled(call: str) -> list[str]:
    """Words of a command, with something in the place of what a person fills in."""
    for placeholder, value in {
        "$ENVIRONMENT": "production",
        "$BEGIN": "check",
        "<command>": "create_roles",
        "<host>": "host",
    }.items():
        call = call.replace(placeholder, value)
    call = re.sub(r"\$\{\{.*?\}\}", "production", call)
    return shlex.split(call, comments=True)


def test_there_is_something_to_check():
    assert len(deploy_calls()) > 25


@pytest.mark.parametrize("call", deploy_calls())
def test_every_call_of_deploy_is_understood(call, capsys):
    words = filled(call)
    if words[0].startswith("-"):
        return
    ours, command = _split(words)
    if len(ours) == 1:
        ours.append("production")  # “`deploy/deploy rollback`” in a sentence
    try:
        options = parser().parse_args(ours)
    except SystemExit:
        pytest.fail(f"deploy/deploy {call}: {capsys.readouterr().err}")
    assert options.environment in ("production", "staging")
    if options.action == "run":
        check_command(command or options.command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_management_command_exists(page):
    for call in calls(page, "manage.py"):
        words = [word for word in filled(call) if not word.startswith("<")]
        if words and re.fullmatch(r"[a-z_]+", words[0]):
            check_command(words)


@pytest.mark.parametrize("path", [*PAGES, *WORKFLOWS], ids=lambda path: path.name)
def test_every_make_target_exists(path):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = path.read_text()
    named = set(re.findall(r"`make ([\w-]+)", text)) | set(re.findall(r"run: make ([\w-]+)", text))
    assert named <= targets, f"{path.name} names {sorted(named - targets)}"


def blocks_in(path: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.S | re.M)


def aws_calls() -> list[list[str]]:
    """Of every page, in blocks and in sentences."""
    found = []
    for path in [*PAGES, *sorted((ROOT / "deploy").glob("*/README.md")), *sorted((ROOT / "docs").glob("*.md"))]:
        prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M).replace("\\|", "|")
        for code in [
            *blocks_in(path),
            *re.findall(r"`((?:for \w+ in \$\()?aws [a-z][^`]+)`", prose.replace("\n", " ")),
        ]:
            found += commands_in(code)
    return [words for index, words in enumerate(found) if words not in found[:index]]


def test_there_are_aws_commands_to_check():
    assert len(aws_calls()) > 60


@pytest.mark.parametrize("words", aws_calls(), ids=shlex.join)
def test_every_call_of_aws_is_understood(words):
    assert not problems(words)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws docdb restore-db-cluster-to-any-time --db-cluster-identifier x", "no command restore-db-cluster-to-any"),
        ("aws docdb failover-db-cluster --cluster x", "no option --cluster"),
        ("aws ecs stop-task --cluster x", "--task is missing"),
        ("aws ecs update-service --service x --desired-count two", "invalid literal"),
        ("aws ecs update-service --service x --force-new-deployment yes", "it takes no value"),
        ("aws docdb describe-events --source-type cluster", "cluster is none of"),
        ("aws ecs wait services-steady --services x", "no command services-steady"),
        ("aws s3api list-object-versions --bucket a b", "one value too many"),
        ("aws ecs describe-services --services x --query 'service[].events'", "finds nothing"),
        ("aws ecs describe-services --services x --query 'services[].events['", "Invalid"),
        ("aws ecs describe-services --services x --query 'services[?status==`x`]' --since 1h", "no option --since"),
        ("aws backup list-backup-jobs --query 'BackupJobs[?State==`DEAD`].ResourceArn'", "finds nothing"),
        ("aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id x"
         " --scalable-dimension ecs:service:DesiredCount --suspended-state DynamicScaling=true", "DynamicScaling"),
        ("aws cloudwatch put-metric-data --metric-name x --value 1", "--namespace is missing"),
        ("aws logs tail x --filter y", "no option --filter"),
        ("x=$(aws docdbs describe-events)", "no service docdbs"),
        ('echo "$(aws ecs list-task --cluster x)" | cat', "no command list-task"),
    ],
)  # fmt: skip
def test_a_wrong_call_of_aws_is_seen(command, problem):
    [words] = commands_in(command)
    assert problem in " ".join(problems(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_a_shells(page):
    for block in blocks_in(page):
        text = re.sub(r"<[a-z][^<>\n]*>", "x", block)
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{block}"


def declared(kind: str) -> set[str]:
    return {name for path in TERRAFORM.glob("*.tf") for name in re.findall(rf'^{kind} "(\w+)"', path.read_text(), re.M)}


def test_every_variable_and_output_of_terraform_exists():
    text = RUNBOOK.read_text()
    variables = set(re.findall(r"-var[= ](\w+)=", text)) | set(re.findall(r"`(\w+) = [^`]+`", text))
    variables |= set(re.findall(r"`((?:min|max)_tasks|task_\w+|database_\w+|alarm_\w+|cloudfront_\w+)`", text))
    known = declared("variable")
    assert {"image", "standby", "min_tasks"} <= variables
    assert variables <= known, f"no such variable: {sorted(variables - known)}"
    outputs = set(re.findall(r"terraform(?: -chdir=\S+)? output (?:-\w+ )?(\w+)", text))
    assert outputs <= declared("output"), f"no such output: {sorted(outputs - declared('output'))}"
    for target in re.findall(r"-target=(\w+)\.(\w+)", text):
        block = f'module "{target[1]}"' if target[0] == "module" else f'resource "{target[0]}" "{target[1]}"'
        assert block in "".join(path.read_text() for path in TERRAFORM.glob("*.tf"))


def alarms() -> set[str]:
    """Their sections' names: what descriptions link to, and the keys of the maps from which alarms are made."""
    linked, keys = set(), set()
    for path in [*TERRAFORM.glob("*.tf"), *(TERRAFORM / "region").glob("*.tf")]:
        text = path.read_text()
        linked |= set(re.findall(r"deploy/README\.md#alarm-([a-z-]+[a-z])", text))
        if path.name == "alarms.tf":
            keys |= set(re.findall(r'[ "]([a-z-]+?)(?:-\$\{\w+\})?"? +=>? +\{\n +(?:text|exists) ', text))
    # As region/alarms.tf does: one section for all roles.
    one_for_all = {re.sub(r"^(unhealthy|running|slow|full|nat-ports)-.*", r"\1", key) for key in linked | keys}
    # One that acts, and a mail that has no description to link from.
    return one_for_all | {"rollback", "command-failed"}


def headings(path: Path) -> set[str]:
    """Anchors, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_alarm_has_its_section():
    assert len(alarms()) > 30
    sections = {heading.removeprefix("alarm-") for heading in headings(RUNBOOK) if heading.startswith("alarm-")}
    assert not alarms() - sections, f"write a section ### alarm-… for {sorted(alarms() - sections)}"
    assert not sections - alarms(), f"there is no such alarm (any more): {sorted(sections - alarms())}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in headings(path), f"{page.name} links to {target}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_and_may_do_little(path):
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), f"{action}: name the commit, a tag can be moved"
        assert re.match(r" # v\d", comment), f"{action}: say its version beside it"
    assert re.search(r"^permissions:\n  contents: read\n", text, re.M)
    assert set(re.findall(r": write\b", text)) <= ({": write"} if "id-token: write" in text else set())
    assert text.count(": write") == text.count("id-token: write")
    for script in re.findall(r"run: (?:\|\n((?: {10,}.*\n)+)|(.*))", text):
        assert "${{" not in "".join(script), f"{path.name}: give it to the script through env"


def test_every_alarm_mail_and_every_step_has_its_line():
    text = RUNBOOK.read_text()
    from deploy.rollout.steps import STEPS

    for name in STEPS:
        assert f"| `{name}` |" in text, f"the table of steps misses {name}"
    assert isinstance(parser(), argparse.ArgumentParser)
