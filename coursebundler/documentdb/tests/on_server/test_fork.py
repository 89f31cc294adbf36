"""Processes that come from one another do not share a client: two would read each other's answers from one socket."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.documentdb_server import DocumentDBServer
from tests.servers import clean_environment, fetch, free_port, gunicorn, manage
from tests.source import ROOT

pytestmark = pytest.mark.slow

# pymongo's own word about a client that was taken along.
NO_WARNING = "error:MongoClient opened before fork:UserWarning"
PROGRAM = """
import os, sys, django
django.setup()
from django.db import connection
from users.models import User

def ports():
    "Our ends of the sockets that commands go through."
    User.objects.exists()
    servers = connection.connection._topology._servers.values()
    return {conn.conn.sock.getsockname()[1] for server in servers for conn in server.pool.conns}

before, client = ports(), connection.connection
child = os.fork()
if child == 0:
    mine = ports()
    os._exit(0 if mine and not mine & before and connection.connection is not client else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, "the child uses its parent's client"
assert ports() == before, "the parent goes on with its own"
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fork")
    (folder / "static").mkdir()
    server = DocumentDBServer(folder)
    environment = clean_environment(
        DEBUG="true",
        STATIC_UNHASHED="true",
        DATA_DIR=str(folder),
        DATABASE_URL=server.url("8.0.2"),
        DJANGO_SETTINGS_MODULE="tests.settings_in_production",
    )
    manage("migrate", environment=environment)
    yield environment | {"PYTHONWARNINGS": NO_WARNING}
    server.forget()


def test_a_forked_process_has_a_client_of_its_own(environment):
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_worker_of_gunicorn_has_one(environment, tmp_path):
    """Also if the process that loads the site for them (preload_app) has asked the database already."""
    environment |= {"WEB_CONCURRENCY": "2", "WEB_THREADS": "4"}
    with (
        gunicorn(tmp_path, environment, free_port(), application="tests.asks_before_fork") as url,
        ThreadPoolExecutor(16) as pool,
    ):
        answers = list(pool.map(lambda n: fetch(f"{url}/courses?q={n}").status, range(64)))
    log = (tmp_path / "site.log").read_text()
    assert answers == [200] * 64, log
    made, served = (re.findall(rf"^{what} (\d+)$", log, re.M) for what in ("client", "request"))
    assert len(set(served)) == 2, "both workers had something to do"
    assert len(set(made)) == 3, "the first process has one, and each worker"
    assert set(made) > set(served)
