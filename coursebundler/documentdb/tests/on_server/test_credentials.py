"""A password that changes while the site runs: no restart, and nobody sees an error."""

import json

import boto3
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from moto import mock_aws
from pymongo.errors import OperationFailure

from coursebundler import database_url
from coursebundler.documentdb import credentials
from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner
from tests.documentdb_server import DocumentDBServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class Secret:
    def __init__(self, name: str) -> None:
        self.name, self.client = name, boto3.client("secretsmanager")
        self.client.create_secret(Name=name, SecretString="{}")

    def put(self, password: str) -> None:
        content = {"username": "shop", "password": password, "engine": "mongo"}
        self.client.put_secret_value(SecretId=self.name, SecretString=json.dumps(content))


@pytest.fixture
def secret(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(credentials, "_kept", {})
    with mock_aws():
        yield Secret("shop/database")


@pytest.fixture
def server(tmp_path):
    """A server that asks for passwords, with one user."""
    server = DocumentDBServer(tmp_path)
    with Client(f"mongodb://127.0.0.1:{server.port}/?directConnection=true", planner=Planner("5.0")) as admin:
        roles = [{"role": "root", "db": "admin"}]
        admin.admin.command("createUser", "shop", pwd="first", roles=roles)
        admin.admin.command("createUser", "admin", pwd="admin", roles=roles)
    server.stop()
    server.options = ("--auth",)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(server):
    options = "engine=5.0&tls=false&replicaSet=secantus&secret=shop/database&maxPoolSize=2"
    config = database_url.databases(f"documentdb://127.0.0.1:{server.port}/shop?{options}")["default"]
    connection = ConnectionHandler({"default": config})["default"]
    connection.alias = "credentials"
    yield connection
    if connection.connection:
        connection.close_pool()


def change_password(server, password):
    url = f"mongodb://admin:admin@127.0.0.1:{server.port}/?directConnection=true"
    with Client(url, planner=Planner("5.0")) as admin:
        admin.admin.command("updateUser", "shop", pwd=password)


def restart(server):
    """The connections that are open stay good; only new ones need the password."""
    server.stop()
    server.start()


def test_a_new_password_is_fetched_and_the_request_goes_through(server, secret, connection):
    secret.put("first")
    rows = connection.get_collection("rows")
    rows.insert_one({"_id": 1})
    change_password(server, "second")
    secret.put("second")
    restart(server)
    assert connection.get_collection("rows").insert_one({"_id": 2}).inserted_id == 2
    assert connection.get_collection("rows").count_documents({}) == 2


def test_a_password_that_is_wrong_everywhere_is_an_error_and_no_loop(server, secret, connection):
    secret.put("never right")
    with pytest.raises(OperationFailure, match=r"(?i)authentication"):
        connection.get_collection("rows").insert_one({"_id": 1})


def test_an_unreadable_secret_is_an_error_without_the_secret(secret, connection):
    with pytest.raises(OperationalError, match="not JSON with username and password"):
        connection.get_collection("rows")


def test_the_secret_is_kept_for_a_while(secret):
    secret.put("first")
    assert credentials.read(secret.name)["password"] == "first"
    secret.put("second")
    assert credentials.read(secret.name)["password"] == "first"
    assert credentials.read(secret.name, is_fresh=True)["password"] == "second"
    assert credentials.read(secret.name)["password"] == "second"
