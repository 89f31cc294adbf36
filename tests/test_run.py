"""`make run`: what a newcomer meets first, and what they read when something is in the way."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.servers import clean_environment, fetch
from tests.source import ROOT

pytestmark = pytest.mark.slow  # Each starts a process.

SECOND_START_SECONDS = 3


@pytest.mark.slow
def test_it_seeds_once_starts_quickly_again_and_leaves_nothing_running(run):
    with run.running():
        assert "Seeding the demonstration school" in run.output
        assert fetch(f"{run.url}/health/ready").status == 200
        assert fetch(f"{run.url}/courses").text.count('class="card"') >= 12
        assert fetch(f"{run.url}/static/css/base.css").status == 200
        assert fetch(f"{run.url}/dev/mail").status == 200
        assert run.answers(run.sandbox_port)
    assert "Stopped." in run.output
    assert "Traceback" not in run.output
    assert not run.answers(run.port)
    assert not run.answers(run.sandbox_port)

    run.output = ""
    times, loads = [], []
    for _ in range(3):
        loads.append(seconds_to_load_the_site())
        began = time.monotonic()
        with run.running():
            times.append(time.monotonic() - began)
    assert "Seeding" not in run.output
    # On a busy machine everything takes longer, but the site is still loaded only once.
    assert min(times) < max(SECOND_START_SECONDS, 3 * min(loads))


def test_it_stops_where_a_shell_has_it_ignore_the_signal(run):
    """As what is started with “&” in a script does, and everything that is started from there."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with run.running():
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Stopped." in run.output


def seconds_to_load_the_site() -> float:
    began = time.monotonic()
    environment = clean_environment(DEBUG="true")
    subprocess.run([sys.executable, "-c", "import coursebundler.wsgi"], cwd=ROOT, env=environment, check=True)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["payments.sandbox", "gunicorn"])
def test_when_one_part_dies_the_other_is_stopped(run, victim):
    with run.running() as process:
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        rows = [line.split(maxsplit=2) for line in listed]
        (pid,) = (int(pid) for pid, parent, args in rows if int(parent) == process.pid and victim in args)
        os.kill(pid, signal.SIGKILL)
        assert process.wait(20) == 1
    assert "stopped by itself" in run.output
    assert "Traceback" not in run.output
    assert not run.answers(run.port)
    assert not run.answers(run.sandbox_port)


def refused(run, **variables: str) -> str:
    process = run.start(**variables)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "Traceback" not in output
    return output


def test_it_says_that_a_port_is_busy(run):
    with socket.create_server(("127.0.0.1", run.port)):
        assert f"Port {run.port} is in use by another program. Choose another: `PORT=" in refused(run)
    with socket.create_server(("127.0.0.1", run.sandbox_port)):
        assert f"Port {run.sandbox_port} is in use by another program. Choose another: `SANDBOX_PORT=" in refused(run)


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "²"])
def test_it_says_what_a_port_is(run, port):
    assert f"PORT={port} is not a port" in refused(run, PORT=port)


def test_it_says_which_databases_it_can_use(run):
    assert "DATABASE_URL must begin with sqlite:///" in refused(run, DATABASE_URL="mysql://x")


def test_it_says_that_the_database_cannot_be_opened(run):
    assert "unable to open database file" in refused(run, DATABASE_URL="sqlite:////nonexistent/db.sqlite3")


# --- The virtual environment ---
def environment(*, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "scripts/python.sh", "scripts/environment.py", "base"],
        cwd=ROOT,
        env=clean_environment(**variables) | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_says_that_python_is_missing(tmp_path):
    (tmp_path / "cat").symlink_to("/bin/cat")
    done = environment(path=str(tmp_path), VENV=str(tmp_path / "venv"), PYTHON="/nonexistent")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_it_says_that_the_venv_module_is_missing(tmp_path):
    """Debian ships Python without ensurepip; here a stub in front of the real module plays that."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'ensurepip' else real(name, *a)\n"
    )
    done = environment(
        path=os.environ["PATH"], VENV=str(tmp_path / "venv"), PYTHON=sys.executable, PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_it_says_that_there_is_no_network(tmp_path):
    nowhere = "http://127.0.0.1:9"
    done = environment(
        path=os.environ["PATH"],
        VENV=str(tmp_path / "venv"),
        PYTHON=sys.executable,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=f"{nowhere}/simple",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        HTTPS_PROXY=nowhere,
    )
    assert done.returncode == 1
    assert "The package index could not be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "WARNING" not in done.stderr
