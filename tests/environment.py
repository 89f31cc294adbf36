"""The environment of the tests, set before the settings are read (tests/settings.py imports this first).

Also keeps tests honest: no connection leaves this machine, and in CI a skipped test fails.
"""

import atexit
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import environ
import pytest
from pymongo import monitoring

from tests.documentdb_commands import CommandLog
from tests.documentdb_server import DocumentDBServer

# A developer's own .env must not decide a result.
environ.Env.read_env = lambda *args, **kwargs: None

data_dir = tempfile.mkdtemp(prefix="coursebundler-tests-")
(Path(data_dir) / "static").mkdir()  # WhiteNoise warns about a missing folder
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)

for name in list(os.environ):
    if name.startswith(
        ("RAZORPAY_", "AWS_", "MEDIA_", "EMAIL_", "DATABASE_", "CLOUDFRONT_", "SELLER_", "GST_", "SAC_")
    ):
        del os.environ[name]
for name in (
    "SECRET_KEY",
    "SITE_URL",
    "ALLOWED_HOSTS",
    "PROXY_COUNT",
    "LOG_LEVEL",
    "STATIC_ROOT",
    "HOST",
    "SERVICE_ROLE",
):
    os.environ.pop(name, None)
os.environ.update(DEBUG="true", DATA_DIR=data_dir, PORT="8000", SANDBOX_PORT="9", STATIC_UNHASHED="true")
# Tests ask from up to 25 threads of one process, where a real one has four (coursebundler/bulkhead.py counts them).
os.environ["WEB_THREADS"] = "64"

# sqlite, documentdb-5.0, documentdb-8.0.2, or the address of another server (docs/database.md).
command_log = CommandLog()
server: DocumentDBServer | None = None
TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
if TEST_DATABASE.startswith("documentdb-"):
    # conftest.py starts it: the process that only hands out the tests needs none.
    server = DocumentDBServer(Path(data_dir) / "documentdb", starts_later=True)
    os.environ["DATABASE_URL"] = server.url(engine=TEST_DATABASE.removeprefix("documentdb-"))
    # Before there is any client: those made later are all watched.
    monitoring.register(command_log)
elif TEST_DATABASE != "sqlite":
    os.environ["DATABASE_URL"] = TEST_DATABASE

IS_CI = os.environ.get("CI", "").lower() in {"true", "1"}
real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex


class OutsideConnectionError(AssertionError):
    """A test tried to reach another machine."""


def require_loopback(sock: socket.socket, address: Any) -> None:
    """Refuse every internet address but this machine's own. Names are refused too, except localhost."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0]
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        sock.close()
        raise OutsideConnectionError(
            f"A test tried to connect to {host}:{address[1]}. Tests reach this machine only: "
            "start a server on 127.0.0.1 that answers as the outside service does."
        )


def connect(self: socket.socket, address: Any) -> None:
    require_loopback(self, address)
    return real_connect(self, address)


def connect_ex(self: socket.socket, address: Any) -> int:
    require_loopback(self, address)
    return real_connect_ex(self, address)


socket.socket.connect = connect
socket.socket.connect_ex = connect_ex


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Generator[None, Any, Any]:
    report = yield
    if IS_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI nothing may be left out: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    if IS_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and in CI nothing may be left out: {report.longrepr}"
    return report
