"""A release that is disturbed: by another one, by Ctrl-C, by a machine or an account that lacks something."""

import errno
import os
import signal
import subprocess
import sys
import time

import boto3
import pytest

from deploy.rollout import services, static
from deploy.rollout.images import digest_of
from deploy.rollout.main import main
from deploy.rollout.steps import STEPS
from tests.ecs_server import ACCOUNT, Refused
from tests.release.account import HERE, OLD_IMAGE, PREFIX, REPOSITORY, REVISION, aws, called, in_use, place
from tests.source import ROOT

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


@pytest.fixture
def pushed(ecs, programs) -> str:
    """The image of this commit, which is in the registry and runs nowhere."""
    assert main(["release", *HERE, "--only", "push"]) == 0
    return f"{REPOSITORY}@{digest_of(aws(), place(), REVISION[:12])}"


def deploy_another(ecs) -> None:
    """Somebody else's version is on its way."""
    for name, service in ecs.services.items():
        content = ecs.definitions[f"{PREFIX}-{name}"][0]
        app = content["containerDefinitions"][0] | {"image": OLD_IMAGE.replace("1" * 64, "3" * 64)}
        answer = ecs.RegisterTaskDefinition(content | {"containerDefinitions": [app]})
        service |= {"now": answer["taskDefinition"]["taskDefinitionArn"], "states": [], "end": "IN_PROGRESS"}


@pytest.mark.parametrize("step", ["check", "roll"])
def test_two_releases_at_once_are_refused(ecs, pushed, step, capsys):
    deploy_another(ecs)
    assert main(["release", *HERE, "--only", step]) == 1
    assert "Another deployment runs: " in capsys.readouterr().err
    assert not ecs.asked("UpdateService")


def test_a_deployment_that_hangs_can_be_taken_back(ecs, programs):
    deploy_another(ecs)
    assert main(["rollback", *HERE]) == 0
    assert set(in_use(ecs).values()) == {OLD_IMAGE}


def test_a_release_that_runs_is_waited_for_when_it_is_said_again(ecs, pushed, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "wait", lambda *args, **kwargs: None)
        assert main(["release", *HERE, "--only", "roll"]) == 0
    for service in ecs.services.values():
        service["states"] = ["IN_PROGRESS"] * 5
    assert main(["release", *HERE, "--only", "roll"]) == 0
    assert len(ecs.asked("UpdateService")) == 3


def test_migrations_of_two_versions_do_not_run_at_once(ecs, pushed, capsys):
    ecs.runs_forever = True
    ecs.RunTask({"startedBy": "migrate-another", "taskDefinition": f"x/{PREFIX}-migrate:1"})
    assert main(["release", *HERE, "--only", "migrate"]) == 1
    assert "another version run: migrate-another" in capsys.readouterr().err
    assert not ecs.asked("RunTask")


def test_a_task_that_never_becomes_healthy_is_given_up(ecs, pushed, monkeypatch, capsys):
    ecs.stays_unhealthy.add(pushed)
    monkeypatch.setattr(services.roll, "__kwdefaults__", {"seconds": 0.3})
    assert main(["release", *HERE, "--only", "roll"]) == 1
    told = capsys.readouterr().err
    assert "Not stable after 0 s: backend, frontend, worker." in told
    assert "Every service is back at what it ran before." in told
    assert set(in_use(ecs).values()) == {OLD_IMAGE}


def test_a_way_back_that_fails_too_says_what_to_do(ecs, pushed, monkeypatch, capsys):
    ecs.stays_unhealthy |= {pushed, OLD_IMAGE}
    monkeypatch.setattr(services.roll, "__kwdefaults__", {"seconds": 0.1})
    assert main(["release", *HERE, "--only", "roll"]) == 1
    told = capsys.readouterr().err
    assert "And the way back failed: Not stable" in told
    assert "deploy/deploy status production" in told


def test_what_was_stopped_half_way_can_be_taken_back(ecs, pushed, monkeypatch, capsys):
    """Ctrl-C when one of three services had been moved."""
    real = ecs.UpdateService

    def stop(body):
        monkeypatch.setattr(ecs, "UpdateService", real)
        answer = real(body)
        os.kill(os.getpid(), signal.SIGINT)
        return answer

    monkeypatch.setattr(ecs, "UpdateService", stop)
    assert main(["release", *HERE, "--only", "roll"]) == 1
    told = capsys.readouterr().err
    assert "Stopped." in told
    assert "deploy/deploy rollback production" in told
    assert set(in_use(ecs).values()) == {OLD_IMAGE, pushed}
    assert main(["rollback", *HERE]) == 0
    assert set(in_use(ecs).values()) == {OLD_IMAGE}


def test_sigterm_is_ctrl_c(ecs, programs, monkeypatch, capsys):
    def stop(release):
        """Somebody stops it."""
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setitem(STEPS, "check", stop)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["release", *HERE, "--only", "check"]) == 1
    assert "Stopped." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_date_is_another_task(ecs, programs):
    ecs.runs_forever = True
    ecs.RunTask({"startedBy": "run-compare_books", "taskDefinition": "x/y:1"})
    ecs.runs_forever = False
    for date in ("2026-11-21", "2026-11-22"):
        assert main(["run", *HERE, "--", "compare_books", "--date", date]) == 0
    labels = {body["startedBy"] for body in ecs.asked("RunTask")}
    assert len(labels) == 2
    assert all(len(label) <= 128 for label in labels)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("git", ["release", *HERE, "--only", "check"]),
        ("terraform", ["release", *HERE, "--only", "plan"]),
        ("docker", ["release", *HERE, "--only", "static"]),
    ],
)
def test_a_program_that_is_missing_is_named(ecs, programs, pushed, program, arguments, monkeypatch, capsys):
    (programs / program).unlink()
    monkeypatch.setenv("PATH", str(programs))
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert program in told
    assert "nstall" in told


def test_without_credentials_it_says_how_to_log_in(ecs, programs, monkeypatch, tmp_path, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert main(["status", *HERE]) == 1
    assert "aws sso login" in capsys.readouterr().err
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert main(["status", *HERE]) == 1
    assert "nobody" in capsys.readouterr().err


def test_credentials_that_end_in_the_middle_are_said(ecs, pushed, monkeypatch, capsys):
    def expired(body):
        raise Refused("ExpiredTokenException", "The security token included in the request is expired")

    monkeypatch.setattr(ecs, "UpdateService", expired)
    assert main(["release", *HERE, "--only", "roll"]) == 1
    told = capsys.readouterr().err
    assert "ExpiredTokenException" in told
    assert set(in_use(ecs).values()) == {OLD_IMAGE}


def test_a_full_disk_is_a_sentence(ecs, pushed, monkeypatch, capsys):
    def full(**kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(static.tempfile, "TemporaryDirectory", full)
    assert main(["release", *HERE, "--only", "static"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_no_answer_is_no_yes(ecs, programs, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for said in ("", "y", EOFError()):
        monkeypatch.setattr("builtins.input", lambda text, said=said: said if isinstance(said, str) else throw(said))
        assert main(["release", "production", "--account", ACCOUNT, "--only", "roll"]) == 1
        assert "Nothing was changed" in capsys.readouterr().err
    assert not ecs.asked("UpdateService")


def throw(error: Exception) -> str:
    raise error


@pytest.mark.parametrize("step", STEPS)
def test_a_dry_run_of_a_step_changes_nothing(ecs, programs, step, capsys):
    assert main(["release", *HERE, "--only", step, "--dry-run"]) == 0
    assert not ecs.calls
    assert not called(programs, "docker")
    assert not called(programs, "terraform")
    assert {call[0] for call in called(programs, "git")} == {"rev-parse"}


def test_a_reader_that_goes_away_is_no_traceback():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} deploy/deploy release production --dry-run | head -n 1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "== check\n"
    assert not done.stderr
