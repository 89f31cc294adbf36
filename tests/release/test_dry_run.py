"""`deploy/deploy` without AWS: what it prints with --dry-run, and what it refuses at once."""

import os
import subprocess
import sys

import pytest

from deploy.rollout.main import main
from deploy.rollout.steps import STEPS
from tests.ecs_server import ACCOUNT
from tests.source import ROOT

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["release", "nowhere"], "There is no environment “nowhere”"),
        (["release", "production"], "Which AWS account is meant?"),
        (["release", "production", "--account", "12"], "is not the number of an AWS account"),
        (["release", "production", "--account", ACCOUNT, "--region", "eu-west-1"], "The site is not in eu-west-1"),
        (["release", "production", "--dry-run", "--only", "roll", "--from", "push"], "--only goes with neither"),
        (["run", "production", "--dry-run"], "Which command?"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, sentence, capsys, monkeypatch):
    monkeypatch.delenv("DEPLOY_ACCOUNT", raising=False)
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["release", "production", "--from", "nothing"], ["fly"], ["status", "production", "--", "x"]]
)
def test_unknown_words_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def dry(*arguments: str) -> str:
    """As a process without any credentials, and with nothing to reach."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "deploy/deploy", *arguments, "--dry-run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dry_run_prints_every_command_and_reaches_nobody():
    told = dry("release", "production")
    written = [line[2:] for line in told.splitlines() if line.startswith("+ ")]
    order = [
        "docker build",
        "docker push",
        "terraform -chdir=deploy/terraform plan",
        "aws ecs run-task",
        "aws s3 sync",
        "aws ecs update-service",
        "aws scheduler update-schedule",
    ]
    places = [next(index for index, line in enumerate(written) if line.startswith(words)) for words in order]
    assert places == sorted(places)
    assert len([line for line in written if line.startswith("aws ecs update-service")]) == 3
    assert len([line for line in written if line.startswith("aws ecs register-task-definition")]) == 5
    assert "password-stdin" in told


def test_dry_runs_of_the_other_actions():
    assert dry("rollback", "staging").count("+ aws ecs update-service") == 3
    assert "coursebundler-staging" in dry("status", "staging")
    assert '"create_roles"' in dry("run", "staging", "create_roles")


def test_it_lists_its_steps(capsys):
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(STEPS)
    assert main([]) == 2
