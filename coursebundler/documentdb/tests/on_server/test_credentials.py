"""A password that changes while the site runs: a server with users, and AWS Secrets Manager over HTTP (moto)."""

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, OperationalError, connections
from django.utils import timezone
from django_mongodb_backend.transaction import atomic

from coursebundler import database_url
from coursebundler.documentdb import credentials
from coursebundler.documentdb.credentials import DatabaseSecret
from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner
from tests import servers
from tests.documentdb_server import DocumentDBServer
from tests.servers import clean_environment

pytestmark = pytest.mark.slow

THREADS = 8
NAME = "coursebundler/database"


def as_aws_writes(password) -> str:
    return json.dumps({"username": "site", "password": password, "engine": "mongo", "host": "elsewhere", "port": 27017})


class Cluster:
    """A server that asks for a password, and AWS's Secrets Manager, in which the site's password is kept."""

    manager: Any

    def __init__(self, folder) -> None:
        self.server = DocumentDBServer(folder)
        with self._connect() as client:
            for name, password in (("root", "r00t"), ("site", "first-p4ss")):
                client.admin.command("createUser", name, pwd=password, roles=["root"])
        self.server.stop()
        self.server.options = ("--auth",)
        self.server.start()

    def _connect(self, **options):
        return Client("127.0.0.1", self.server.port, directConnection=True, planner=Planner("8.0.2"), **options)

    def change_password(self, password) -> None:
        """In the database alone."""
        with self._connect(username="root", password="r00t") as client:
            client.admin.command("updateUser", "site", pwd=password)

    def change_secret(self, password, stage="AWSCURRENT") -> None:
        self.manager.put_secret_value(SecretId=NAME, SecretString=as_aws_writes(password), VersionStages=[stage])

    def empty(self) -> None:
        with self._connect(username="root", password="r00t") as client:
            client.coursebundler.django_session.delete_many({})

    def database(self):
        url = self.server.url("8.0.2").replace("8.0.2", "8.0.2&maxPoolSize=20")
        return database_url.databases(url, secret_arn=NAME)["default"]


@pytest.fixture(scope="module")
def secrets_manager():
    with servers.moto() as address:
        yield address


@pytest.fixture
def aws(monkeypatch, secrets_manager):
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets_manager,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name=NAME, SecretString=as_aws_writes("first-p4ss"))
    yield manager
    manager.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
    manager.close()


@pytest.fixture(scope="module")
def server_with_users(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.server.forget()


@pytest.fixture
def cluster(server_with_users, aws):
    server_with_users.manager = aws
    server_with_users.change_password("first-p4ss")
    server_with_users.empty()
    return server_with_users


@pytest.fixture
def site(cluster, django_db_blocker, monkeypatch):
    """The alias "followed" is a connection of the site's own kind to that cluster."""
    database = connections.configure_settings({"default": {}, "followed": cluster.database()})["followed"]
    monkeypatch.setitem(connections.settings, "followed", database)
    with django_db_blocker.unblock():
        yield "followed"
        connections["followed"].close_pool()
    del connections["followed"]


@pytest.fixture
def readings(monkeypatch):
    """The stages that were read from Secrets Manager, in order."""
    read, found = DatabaseSecret._read, []

    def noting(self, stage):
        found.append(stage)
        return read(self, stage)

    monkeypatch.setattr(DatabaseSecret, "_read", noting)
    return found


def write(site, key) -> None:
    Session.objects.using(site).create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(1))


def count(site) -> int:
    return Session.objects.using(site).count()


def drop_sockets(site) -> None:
    """As if each had been idle for too long: the next command needs a new one, and logs in."""
    for server in connections[site].connection._topology._servers.values():
        server.pool.reset_without_pause()


def pools(site):
    return [server.pool for server in connections[site].connection._topology._servers.values()]


def test_it_logs_in_with_the_secret(site):
    write(site, "one")
    assert count(site) == 1


@pytest.mark.parametrize("is_secret_first", [True, False])
def test_it_follows_a_change(site, cluster, is_secret_first):
    write(site, "one")
    cluster.change_secret("second-p4ss") if is_secret_first else cluster.change_password("second-p4ss")
    cluster.change_password("second-p4ss") if is_secret_first else cluster.change_secret("second-p4ss")
    drop_sockets(site)
    write(site, "two")
    assert count(site) == 2


def test_it_follows_a_rotation_half_way(site, cluster):
    """AWS changes the database first; the new password is then pending in the secret, the current one is wrong."""
    write(site, "one")
    cluster.change_secret("second-p4ss", "AWSPENDING")
    cluster.change_password("second-p4ss")
    drop_sockets(site)
    write(site, "two")
    assert count(site) == 2


def test_it_follows_a_secret_that_is_ahead(site, cluster, monkeypatch):
    """The secret is new, the cluster has not applied the change yet: the previous password still holds."""
    write(site, "one")
    monkeypatch.setattr(credentials, "CACHE_SECONDS", -1)
    cluster.change_secret("second-p4ss")
    drop_sockets(site)
    write(site, "two")
    assert count(site) == 2


def test_a_transaction_does_not_notice(site, cluster):
    write(site, "one")
    with atomic(site):
        write(site, "two")
        cluster.change_password("second-p4ss")
        cluster.change_secret("second-p4ss")
        drop_sockets(site)
        write(site, "three")
    assert count(site) == 3


def test_no_request_fails_during_a_rotation(site, cluster, readings):
    """Eight threads write all the time, each with its own connection, while the password changes twice."""
    write(site, "begin")
    stop, sizes = threading.Event(), [0] * THREADS

    def work(number):
        while not stop.is_set():
            write(site, f"{number}-{sizes[number]}")
            sizes[number] += 1

    def wait_for_writes():
        seen = list(sizes)
        while any(now < before + 3 for before, now in zip(seen, sizes, strict=True)) and not any(map(_failed, jobs)):
            stop.wait(0.01)

    with ThreadPoolExecutor(THREADS) as threads:
        jobs = [threads.submit(work, number) for number in range(THREADS)]
        try:
            for password in ("second-p4ss", "third-p4ss"):
                wait_for_writes()
                readings.clear()
                cluster.change_secret(password, "AWSPENDING")
                cluster.change_password(password)
                drop_sockets(site)
                wait_for_writes()
                cluster.change_secret(password)
                drop_sockets(site)
                wait_for_writes()
        finally:
            stop.set()
        for job in jobs:
            job.result()
    assert count(site) == sum(sizes) + 1


def _failed(job) -> bool:
    return job.done() and job.exception() is not None


def test_threads_refused_together_read_once(site, cluster, readings):
    write(site, "begin")
    cluster.change_password("second-p4ss")
    cluster.change_secret("second-p4ss")
    drop_sockets(site)
    readings.clear()
    barrier = threading.Barrier(THREADS)

    def work(number):
        barrier.wait()
        write(site, str(number))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
    assert readings == ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"]
    assert count(site) == THREADS + 1


def test_sockets_of_the_old_password_are_closed(site, cluster):
    write(site, "one")
    [pool] = [pool for pool in pools(site) if not pool.is_sdam]
    generation = pool.gen.get_overall()
    drop_sockets(site)
    write(site, "two")
    assert pool.gen.get_overall() == generation + 1, "only a change of the password closes sockets"
    cluster.change_password("second-p4ss")
    cluster.change_secret("second-p4ss")
    drop_sockets(site)
    write(site, "three")
    assert pool.gen.get_overall() == generation + 3


def test_a_password_that_is_wrong_everywhere_is_an_error_without_it(site, cluster, caplog):
    write(site, "one")
    cluster.change_password("nobody-t0ld-us")
    drop_sockets(site)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DatabaseError) as caught:
        write(site, "two")
    assert_no_secret(caught.value, caplog)


def test_the_secret_is_read_from_time_to_time_only(aws, readings, monkeypatch):
    secret = DatabaseSecret(NAME)
    assert [secret.current() for _ in range(3)] == [("site", "first-p4ss")] * 3
    assert readings == ["AWSCURRENT"]
    monkeypatch.setattr(credentials, "CACHE_SECONDS", -1)
    secret.current()
    assert readings == ["AWSCURRENT"] * 2


def test_it_goes_on_when_secrets_manager_does_not_answer(aws, monkeypatch, caplog):
    secret = DatabaseSecret(NAME)
    before = secret.current()
    monkeypatch.setattr(credentials, "CACHE_SECONDS", -1)
    aws.delete_secret(SecretId=NAME)
    try:
        assert secret.current() == before
        assert "could not be read again" in caplog.text
        assert_no_secret(None, caplog)
    finally:
        aws.restore_secret(SecretId=NAME)


@pytest.mark.parametrize("text", ["first-p4ss", '["first-p4ss"]', '{"password": "first-p4ss"}', ""])
def test_a_secret_of_another_shape_says_so_without_it(aws, caplog, text):
    aws.put_secret_value(SecretId=NAME, SecretString=text or " ")
    with pytest.raises(OperationalError, match="is not JSON with a username and a password") as caught:
        DatabaseSecret(NAME).current()
    assert_no_secret(caught.value, caplog)


def test_a_secret_that_is_not_there_says_so(aws):
    with pytest.raises(OperationalError, match="ResourceNotFoundException"):
        DatabaseSecret("coursebundler/other").current()


def test_it_prints_as_stars(aws):
    secret = DatabaseSecret(NAME)
    options = credentials.following(NAME)
    assert "p4ss" not in repr(secret.current()) + repr(options) + repr(vars(secret))


def assert_no_secret(error, caplog) -> None:
    told = caplog.text
    while error is not None:
        told += repr(error) + str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not any(password in told for password in ("p4ss", "nobody-t0ld-us"))


def test_without_the_setting_boto3_is_not_imported():
    program = (
        "import sys, django; django.setup(); from django.db import connection; connection.get_new_connection("
        "connection.get_connection_params()); "
        "assert not {'boto3', 'coursebundler.documentdb.credentials'} & set(sys.modules)"
    )
    environment = clean_environment(
        DEBUG="true", DATABASE_URL="mongodb://127.0.0.1:9/x", DJANGO_SETTINGS_MODULE="coursebundler.settings"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
