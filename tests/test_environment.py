"""The rules that the tests themselves live under."""

import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.environment import OutsideConnectionError
from tests.source import ROOT


@pytest.mark.parametrize("address", [("93.184.215.14", 80), ("10.0.0.1", 443), ("example.org", 80)])
def test_it_refuses_connections_to_other_machines(address):
    with socket.socket() as sock, pytest.raises(OutsideConnectionError, match="this machine only"):
        sock.connect(address)


def test_it_refuses_what_libraries_open():
    with pytest.raises(OutsideConnectionError):
        urllib.request.urlopen("http://203.0.113.1/", timeout=1)


def test_it_allows_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "expected"), [("true", "1 failed"), ("", "1 skipped")])
def test_a_skipped_test_fails_in_ci(tmp_path, ci, expected):
    (tmp_path / "test_it.py").write_text("import pytest\n\ndef test_it():\n    pytest.skip('no reason')\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.environment",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}", str(tmp_path)],
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "DATABASES['default'] = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}",
        "DATABASES['default']['OPTIONS']['engine'] = '8.0.2'",
    ],
)
def test_a_run_on_another_engine_than_asked_for_fails(tmp_path, change):
    (tmp_path / "elsewhere.py").write_text(f"from tests.settings import *\n\n{change}\n")
    test = "tests/test_environment.py::test_it_allows_this_machine"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "--no-cov", "--ds=elsewhere", test],
        env=os.environ | {"TEST_DATABASE": "documentdb-5.0", "PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 error" in done.stdout, done.stdout + done.stderr
    assert "used == TEST_DATABASE" in done.stdout
