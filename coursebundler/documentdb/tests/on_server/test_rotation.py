"""`manage.py rotate_database_password`: a server with users, Secrets Manager over HTTP (moto), a site that writes."""

import json
import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import boto3
import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from pymongo.errors import OperationFailure

from coursebundler import database_url
from coursebundler.documentdb import rotation as rotation_module
from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner
from coursebundler.documentdb.rotation import Cluster, Rotation, RotationError
from tests import servers
from tests.documentdb_server import DocumentDBServer

pytestmark = pytest.mark.slow

SECRET, MASTER = "coursebundler/test/database", "rds!cluster-1"
MASTER_PASSWORD = "m4ster-p4ss"


class Died(Exception):
    """The process was killed here."""


class Server:
    """With the cluster's own user, and nobody else."""

    def __init__(self, folder) -> None:
        self.server = DocumentDBServer(folder)
        with self.connect() as client:
            client.admin.command("createUser", "master", pwd=MASTER_PASSWORD, roles=["root"])
        self.server.stop()
        self.server.options = ("--auth",)
        self.server.start()

    def connect(self, **login):
        return Client("127.0.0.1", self.server.port, directConnection=True, planner=Planner("8.0.2"), **login)

    def as_master(self):
        return self.connect(username="master", password=MASTER_PASSWORD)

    def forget_users(self) -> None:
        with self.as_master() as client:
            for user in ("app_a", "app_b", "by_hand"):
                try:
                    client.admin.command("dropUser", user)
                except OperationFailure:
                    continue

    def settings(self) -> dict[str, Any]:
        return database_url.databases(self.server.url("8.0.2"), secret_arn=SECRET)["default"]

    def roles_of(self, user) -> list[dict[str, str]]:
        with self.as_master() as client:
            return client.admin.command("usersInfo", user)["users"][0]["roles"]


@pytest.fixture(scope="module")
def server_with_users(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("cluster"))
    yield server
    server.server.forget()


@pytest.fixture(scope="module")
def address():
    with servers.moto() as address:
        yield address


@pytest.fixture
def manager(monkeypatch, address):
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("secretsmanager")
    # As Terraform makes it: without a value.
    client.create_secret(Name=SECRET)
    client.create_secret(Name=MASTER, SecretString=json.dumps({"username": "master", "password": MASTER_PASSWORD}))
    yield client
    for name in (SECRET, MASTER):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.close()


@pytest.fixture
def server(server_with_users, manager):
    server_with_users.forget_users()
    return server_with_users


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def rotation(server, said):
    return Rotation(SECRET, MASTER, Cluster.of(server.settings()), said.append)


@pytest.fixture
def created(rotation):
    rotation.run(create=True)
    return rotation


def login(manager, stage="AWSCURRENT") -> dict[str, str]:
    return json.loads(manager.get_secret_value(SecretId=SECRET, VersionStage=stage)["SecretString"])


def labels(manager) -> list[str]:
    stages = manager.describe_secret(SecretId=SECRET).get("VersionIdsToStages", {}).values()
    return sorted(stage for version in stages for stage in version)


def can_log_in(server, login) -> bool:
    with server.connect(**login) as client:
        try:
            client.coursebundler.users_user.find_one({})
        except OperationFailure:
            return False
        return True


def test_create_makes_a_user_for_one_database(rotation, server, manager, said):
    rotation.run(create=True)
    assert login(manager)["username"] == "app_a"
    assert labels(manager) == ["AWSCURRENT"]
    assert server.roles_of("app_a") == [{"role": "readWrite", "db": "coursebundler"}]
    with server.connect(**login(manager)) as client:
        client.coursebundler.rows.insert_one({"_id": 1})
        client.coursebundler.rows.delete_one({"_id": 1})
        with pytest.raises(OperationFailure):
            client.other.rows.insert_one({"_id": 1})
        with pytest.raises(OperationFailure):
            client.admin.command("createUser", "mine", pwd="another-p4ss", roles=[])
    assert [line.partition(":")[0] for line in said] == ["create", "set", "test", "finish"]


def test_create_again_changes_nothing(created, manager, said):
    before = login(manager)
    created.run(create=True)
    assert login(manager) == before
    assert "nothing to create" in said[-1]


def test_two_users_take_turns_and_the_last_one_stays_good(created, server, manager):
    logins = [login(manager)]
    for _ in range(3):
        created.run()
        logins.append(login(manager))
        assert can_log_in(server, logins[-1])
        assert can_log_in(server, logins[-2]), "open tasks may still log in with it"
        assert login(manager, "AWSPREVIOUS") == logins[-2]
    assert [entry["username"] for entry in logins] == ["app_a", "app_b", "app_a", "app_b"]
    assert len({entry["password"] for entry in logins}) == 4
    assert not can_log_in(server, logins[0]), "a password ends with the rotation after the next"
    assert labels(manager) == ["AWSCURRENT", "AWSPREVIOUS"]


def test_a_user_made_by_hand_is_left_behind(server, manager, rotation):
    with server.as_master() as client:
        client.admin.command("createUser", "by_hand", pwd="by-h4nd-p4ss", roles=["root"])
    manager.put_secret_value(
        SecretId=SECRET, SecretString=json.dumps({"username": "by_hand", "password": "by-h4nd-p4ss"})
    )
    rotation.run()
    assert login(manager)["username"] == "app_a"


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    ("first", "step"),
    [
        # The first version of a secret is current at once, by Secrets Manager's own hand.
        *((True, step) for step in ("put_secret_value", "set", "test", "pending")),
        *((False, step) for step in ("put_secret_value", "set", "test", "current", "pending")),
    ],
)
def test_whatever_moment_it_dies_at_the_next_run_ends_it(
    rotation, server, manager, monkeypatch, step, is_before, first
):
    """Before and after each write: the next run ends with one current user who can log in, and no pending version."""
    if not first:
        rotation.run(create=True)
    before = None if first else login(manager)
    die_at(rotation, monkeypatch, step, is_before)
    with pytest.raises(Died):
        rotation.run(create=first)
    if before:
        assert can_log_in(server, before), "the site goes on meanwhile"
    monkeypatch.undo()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    Rotation(SECRET, MASTER, rotation.cluster, lambda line: None).run(create=first)
    assert can_log_in(server, login(manager))
    assert "AWSPENDING" not in labels(manager)
    was_finished = step == "pending" and not is_before
    if before and not was_finished:
        assert can_log_in(server, before)


ENVIRONMENT: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _remember_environment(manager):
    import os

    ENVIRONMENT.update({name: value for name, value in os.environ.items() if name.startswith("AWS_")})


def die_at(rotation, monkeypatch, step, is_before) -> None:
    """Raise Died before or after the step."""
    if step in ("set", "test"):
        real = getattr(rotation, step)
        monkeypatch.setattr(rotation, step, dying(real, is_before))
        return
    ask = rotation.ask

    def asking(operation, **parameters):
        is_it = operation == step or (
            operation == "update_secret_version_stage" and parameters["VersionStage"] == f"AWS{step.upper()}"
        )
        return dying(ask, is_before)(operation, **parameters) if is_it else ask(operation, **parameters)

    monkeypatch.setattr(rotation, "ask", asking)


def dying(real, is_before):
    def wrapper(*args, **kwargs):
        if not is_before:
            real(*args, **kwargs)
        raise Died

    return wrapper


def test_the_master_secret_may_be_rotating_too(created, manager):
    manager.put_secret_value(
        SecretId=MASTER,
        SecretString=json.dumps({"username": "master", "password": "n0t-yet"}),
        VersionStages=["AWSCURRENT"],
    )
    created.run()
    assert login(manager)["username"] == "app_b"


def test_a_master_that_the_database_refuses_changes_nothing(created, server, manager):
    before = login(manager)
    manager.delete_secret(SecretId=MASTER, ForceDeleteWithoutRecovery=True)
    manager.create_secret(Name=MASTER, SecretString=json.dumps({"username": "master", "password": "wr0ng"}))
    with pytest.raises(RotationError, match="refuses the cluster's own user") as caught:
        created.run()
    assert "wr0ng" not in str(caught.value)
    assert login(manager) == before
    assert can_log_in(server, before)


def test_a_password_that_was_not_set_is_never_made_current(created, server, manager, monkeypatch):
    """The test step is what stands between a wrong password and the site."""
    before = login(manager)
    monkeypatch.setattr(created, "set", lambda pending: None)
    with pytest.raises(RotationError, match="The site goes on with the old one"):
        created.run()
    assert login(manager) == before


def test_a_user_with_too_many_roles_is_never_made_current(created, server, manager, monkeypatch):
    before = login(manager)
    too_much = [{"role": "readWriteAnyDatabase", "db": "admin"}, {"role": "readWrite", "db": "coursebundler"}]
    monkeypatch.setattr(rotation_module, "roles", lambda database: too_much)
    with pytest.raises(RotationError, match="more roles than it should: readWriteAnyDatabase"):
        created.run()
    assert login(manager) == before


def test_another_rotation_meanwhile_is_noticed(created, manager, monkeypatch):
    before = login(manager)
    test = created.test

    def overtaken(pending):
        test(pending)
        other = json.dumps({"username": "app_b", "password": "0ther"})
        manager.put_secret_value(SecretId=SECRET, SecretString=other, VersionStages=["AWSPENDING"])

    monkeypatch.setattr(created, "test", overtaken)
    with pytest.raises(RotationError, match="Another rotation has begun"):
        created.run()
    assert login(manager) == before


def test_without_a_first_user_it_says_what_to_do(rotation):
    with pytest.raises(RotationError, match="--create"):
        rotation.run()


def test_no_password_is_said_or_logged(created, manager, said, caplog):
    caplog.set_level(logging.DEBUG)
    created.run()
    told = caplog.text + " ".join(said)
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        assert login(manager, stage)["password"] not in told
    assert MASTER_PASSWORD not in told


def test_a_site_that_writes_does_not_notice(created, server, monkeypatch, django_db_blocker):
    """The site's own kind of connection, three rotations, each socket opened anew."""
    database = connections.configure_settings({"default": {}, "rotated": server.settings()})["rotated"]
    monkeypatch.setitem(connections.settings, "rotated", database)
    with django_db_blocker.unblock():
        for number in range(4):
            Session.objects.using("rotated").create(
                session_key=f"{number}", session_data="", expire_date=timezone.now() + timedelta(1)
            )
            created.run()
            for topology in connections["rotated"].connection._topology._servers.values():
                topology.pool.reset_without_pause()
        assert Session.objects.using("rotated").count() == 4
        Session.objects.using("rotated").all().delete()
        connections["rotated"].close_pool()
    del connections["rotated"]


# --- The command ---


@pytest.fixture
def configured(server, settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES, "default", server.settings())
    settings.DATABASE_MASTER_SECRET_ARN = MASTER


def run(**options) -> str:
    out = StringIO()
    call_command("rotate_database_password", stdout=out, **options)
    return out.getvalue()


def test_the_command_says_each_step(configured, manager):
    assert "Would create, set, test and finish a new password for app_a." in run(create=True, dry_run=True)
    assert labels(manager) == []
    assert "finish: app_a is current." in run(create=True)
    assert "for app_b" in run(dry_run=True)
    assert labels(manager) == ["AWSCURRENT"]
    assert "finish: app_b is current." in run()


def test_the_command_says_what_is_missing(configured, settings, monkeypatch):
    with pytest.raises(CommandError, match="--create"):
        run()
    settings.DATABASE_MASTER_SECRET_ARN = ""
    with pytest.raises(CommandError, match="DATABASE_MASTER_SECRET_ARN"):
        run()
    monkeypatch.setitem(settings.DATABASES, "default", {"ENGINE": "django.db.backends.sqlite3"})
    with pytest.raises(CommandError, match="An SQLite database has no password"):
        run()
