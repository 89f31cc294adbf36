"""The password of the application's user changes, and nobody notices (docs/decisions/0043-rotation-without-lambda.md).

Two users take turns, `app_a` and `app_b`: while one is in use the other one gets a new password. So the one that open
sockets and running tasks have stays good until the next rotation. The four steps are those of AWS's own rotations
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_turn-on-cli.html):

    create   a version of the secret, labelled AWSPENDING, with the other user and a new password
    set      that password (and the user, the first time) in the database, as the cluster's own user
    test     log in with it, read, and see that it is allowed no more than it should be
    finish   label that version AWSCURRENT; the one of before becomes AWSPREVIOUS

What has been done is read from the labels, never remembered here. Whatever moment a run dies at, the next one goes on
from there: as long as some version is AWSPENDING, that one is set, tested and finished again, which changes nothing
that was done already.
"""

import json
import logging
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from coursebundler.database_url import Secret
from coursebundler.documentdb.credentials import STAGES, Credentials, DatabaseSecret, UnreadableSecret
from coursebundler.documentdb.driver import Client
from coursebundler.documentdb.rewrite import Planner

USERS = ("app_a", "app_b")
# 48 bytes of randomness in letters, digits, - and _; DocumentDB takes 8 to 100 characters, none of / " @.
PASSWORD_BYTES = 48
USER_NOT_FOUND = 11
# A role for all databases would be more than the site needs.
TOO_MUCH = {
    "root",
    "clusterAdmin",
    "readWriteAnyDatabase",
    "readAnyDatabase",
    "dbAdminAnyDatabase",
    "userAdminAnyDatabase",
}


class RotationError(Exception):
    """It stopped, and the site goes on with the password that it has. The text holds no password."""


@dataclass
class Cluster:
    """How to reach the database: its settings without user and password, and the database's name."""

    host: str
    name: str
    level: str
    options: dict[str, Any]

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Cluster":
        """From Django's DATABASES["default"]."""
        options = dict(settings["OPTIONS"])
        level = options.pop("engine")
        for ours in ("secret_arn", "listings_from_secondaries"):
            options.pop(ours, None)
        return cls(settings["HOST"], settings["NAME"], level, options)

    @contextmanager
    def connected_as(self, credentials: Credentials) -> Iterator[Client]:
        login: dict[str, Any] = {"username": credentials.username, "password": credentials.password}
        client = Client(self.host, **self.options, **login, planner=Planner(self.level))
        try:
            yield client
        finally:
            client.close()


@dataclass
class Version:
    """One version of the secret."""

    id: str
    credentials: Credentials
    is_current: bool


class Rotation:
    """One secret of Secrets Manager and one cluster. `say` is told what is done."""

    def __init__(self, secret_arn: str, master_arn: str, cluster: Cluster, say: Callable[[str], None]) -> None:
        self.secret = DatabaseSecret(secret_arn)
        self.master = DatabaseSecret(master_arn)
        self.cluster = cluster
        self.say = say

    def run(self, *, create: bool = False) -> None:
        """All four steps. `create` is for the first time, when the secret has no user yet; later it does nothing new.

        Raises RotationError with what to do.
        """
        pending = self.pending() or self.create(first=create)
        if pending is None:
            self.say("The secret has a user already; nothing to create.")
            return
        self.set(pending)
        self.test(pending)
        self.finish(pending)

    # --- create ---
    def create(self, *, first: bool) -> Version | None:
        """The new version, or None if `first` and there is one already."""
        current = self.current()
        if first and current:
            return None
        if not first and not current:
            raise RotationError("The secret has no user yet. Run the command with --create, once.")
        username = other_user(current.credentials.username) if current else USERS[0]
        self.put(Credentials(username, Secret(secrets.token_urlsafe(PASSWORD_BYTES))))
        pending = self.pending()
        if pending is None:
            raise RotationError("The new version has lost its label: another rotation runs. Wait, and start again.")
        self.say(f"create: a new version for {pending.credentials.username} is pending.")
        return pending

    def put(self, credentials: Credentials) -> None:
        text = json.dumps({"username": credentials.username, "password": str(credentials.password)})
        self.ask(
            "put_secret_value", ClientRequestToken=str(uuid.uuid4()), SecretString=text, VersionStages=["AWSPENDING"]
        )

    # --- set ---
    def set(self, pending: Version) -> None:
        """The pending user has the pending password, and the roles it should have and no others."""
        user, password = pending.credentials
        command = {"pwd": str(password), "roles": roles(self.cluster.name)}
        with self.as_master() as client:
            try:
                client.admin.command("updateUser", user, **command)
                done = "has a new password"
            except OperationFailure as error:
                if error.code != USER_NOT_FOUND:
                    raise RotationError(f"The database did not change {user}: {words_of(error)}") from None
                self._create_user(client, user, command)
                done = "is new"
        self.say(f"set: {user} {done}, with readWrite on {self.cluster.name}.")

    def _create_user(self, client: Client, user: str, command: dict[str, Any]) -> None:
        try:
            client.admin.command("createUser", user, **command)
        except OperationFailure as error:
            raise RotationError(f"The database did not make {user}: {words_of(error)}") from None

    @contextmanager
    def as_master(self) -> Iterator[Client]:
        """Its secret rotates as well, by AWS's hand, so whatever version the database takes is the right one."""
        refused = ""
        for credentials in self._master_versions():
            with self.cluster.connected_as(credentials) as client:
                try:
                    client.admin.command("ping")
                    client.admin.command("usersInfo", credentials.username)
                except OperationFailure as error:
                    refused = words_of(error)
                    continue
                except PyMongoError as error:
                    raise RotationError(f"The database does not answer: {type(error).__name__}.") from None
                yield client
                return
        raise RotationError(f"The database refuses the cluster's own user. {refused}")

    def _master_versions(self) -> list[Credentials]:
        found = []
        for stage in STAGES:
            try:
                found.append(self.master._read(stage))
            except UnreadableSecret as error:
                if stage == "AWSCURRENT":
                    raise RotationError(f"The cluster's own user: {error}") from None
        return list(dict.fromkeys(found))

    # --- test ---
    def test(self, pending: Version) -> None:
        """It can log in and read the site's tables, and has no role beyond its one database."""
        user = pending.credentials.username
        try:
            with self.cluster.connected_as(pending.credentials) as client:
                client[self.cluster.name].command("ping")
                client[self.cluster.name]["users_user"].find_one({}, {"_id": 1})
                status = client.admin.command("connectionStatus")
        except PyMongoError as error:
            raise RotationError(
                f"{user} cannot use the database with its new password ({words_of(error)}). The site goes on with the"
                " old one; run the command again."
            ) from None
        granted = {role["role"] for role in status["authInfo"].get("authenticatedUserRoles", ())}
        if too_much := sorted(granted & TOO_MUCH):
            raise RotationError(f"{user} has more roles than it should: {', '.join(too_much)}. Take them away first.")
        self.say(f"test: {user} can log in and read.")

    # --- finish ---
    def finish(self, pending: Version) -> None:
        """The labels move: first AWSCURRENT, then AWSPENDING goes. In between, a repetition does both again."""
        still = self.pending()
        if still is None or still.id != pending.id:
            raise RotationError("Another rotation has begun meanwhile. Wait for its end, and start again.")
        if not still.is_current:
            labels = {"VersionStage": "AWSCURRENT", "MoveToVersionId": pending.id}
            if current := self.current():
                labels["RemoveFromVersionId"] = current.id
            self.ask("update_secret_version_stage", **labels)
        self.ask("update_secret_version_stage", VersionStage="AWSPENDING", RemoveFromVersionId=pending.id)
        self.say(f"finish: {pending.credentials.username} is current.")

    # --- the secret ---
    def current(self) -> Version | None:
        return self.labelled("AWSCURRENT")

    def pending(self) -> Version | None:
        return self.labelled("AWSPENDING")

    def labelled(self, stage: str) -> Version | None:
        """None if no version has the label, or if its content is none of ours (what Terraform put there first)."""
        stages_of = self.ask("describe_secret").get("VersionIdsToStages", {})
        found = [version for version, stages in stages_of.items() if stage in stages]
        if not found:
            return None
        answer = self.ask("get_secret_value", VersionId=found[0])
        try:
            content = json.loads(answer["SecretString"])
            credentials = Credentials(str(content["username"]), Secret(content["password"]))
        except (KeyError, TypeError, ValueError):
            return None
        return Version(found[0], credentials, "AWSCURRENT" in stages_of[found[0]])

    def ask(self, operation: str, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        # With LOG_LEVEL=DEBUG it logs what is sent, and with it the new password.
        logging.getLogger("botocore").setLevel(logging.INFO)
        try:
            return getattr(self.secret._client(), operation)(SecretId=self.secret.arn, **parameters)
        except ClientError as error:
            reason = error.response["Error"]["Code"]
        except BotoCoreError as error:
            reason = type(error).__name__
        raise RotationError(f"Secrets Manager refused {operation} of {self.secret.arn}: {reason}.") from None


def other_user(username: str) -> str:
    """From any other name too, so that a user that was made by hand is left behind with the first rotation."""
    return USERS[1] if username == USERS[0] else USERS[0]


def roles(database: str) -> list[dict[str, str]]:
    """What the site needs: rows of one database. Migrations need more and run as the cluster's own user."""
    return [{"role": "readWrite", "db": database}]


def words_of(error: PyMongoError) -> str:
    """What the server said, without the command, which has the password in it."""
    return str(error).partition(", full error")[0][:200]
