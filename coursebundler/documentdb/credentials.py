"""User and password from AWS Secrets Manager, followed while the site runs (setting DATABASE_SECRET_ARN).

A password is wrong only at the moment at which a socket is opened: DocumentDB leaves open ones alone. So that is where
a refusal is met. `FollowingPool` reads the secret again and opens the socket with the new password; no command had been
sent yet, so whoever asked for the socket (a read, a write, the middle of a transaction) never notices.

A rotation is not one instant: AWS's own first changes the database and then the secret, a person may do it the other
way round. So after a refusal all three versions are tried that Secrets Manager keeps: current, pending and previous.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html
"""

import copy
import json
import logging
import threading
import time
from functools import partial
from typing import Any, NamedTuple

from django.db import OperationalError
from pymongo.errors import OperationFailure
from pymongo.pool_options import PoolOptions
from pymongo.synchronous.pool import Connection, Pool

from coursebundler.database_url import Secret

logger = logging.getLogger(__name__)

AUTHENTICATION_FAILED = 18
CACHE_SECONDS = 60
# Somebody waits for a page meanwhile.
TIMEOUT_SECONDS = 2
STAGES = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS")


class Credentials(NamedTuple):
    username: str
    password: Secret


class UnreadableSecret(Exception):
    """Secrets Manager did not give a user name and a password. The text holds nothing of the secret."""


class DatabaseSecret:
    """The secret of one process, shared by its threads. `arn` is the secret's ARN, or its name in the own region."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._lock = threading.Lock()
        self._manager: Any = None
        self._current: Credentials | None = None
        self._read_at = 0.0
        self._versions: list[Credentials] = []
        self._versions_read_at = 0.0

    def current(self) -> Credentials:
        """What to log in with; at most CACHE_SECONDS old while Secrets Manager answers. Else OperationalError."""
        with self._lock:
            if self._current is None or time.monotonic() - self._read_at > CACHE_SECONDS:
                self._current, self._read_at = self._read_current(self._current), time.monotonic()
            return self._current

    def _read_current(self, before: Credentials | None) -> Credentials:
        try:
            return self._read("AWSCURRENT")
        except UnreadableSecret as error:
            if before is None:
                raise OperationalError(f"The database's password is not to be had. {error}") from None
            logger.warning("The database's password could not be read again. %s", error)
            return before

    def others(self, refused: Credentials, *, since: float) -> list[Credentials]:
        """What else to try, likeliest first. Threads that were refused together share one reading.

        `since` is when (time.monotonic) the attempt began that was refused: a reading from later still holds.
        """
        with self._lock:
            if self._versions_read_at < since:
                self._read_versions()
            known = [self._current, *self._versions]
            return list(dict.fromkeys(version for version in known if version not in (None, refused)))

    def _read_versions(self) -> None:
        found = []
        for stage in STAGES:
            try:
                found.append(self._read(stage))
            except UnreadableSecret as error:
                # Most of the time there is no pending version, and with a new secret no previous one.
                logger.log(logging.WARNING if stage == "AWSCURRENT" else logging.DEBUG, "%s", error)
        self._versions, self._versions_read_at = found, time.monotonic()
        if found:
            self._current, self._read_at = found[0], self._versions_read_at

    def accepted(self, credentials: Credentials) -> None:
        """The server took these: the next one begins with them."""
        with self._lock:
            self._current = credentials

    def _read(self, stage: str) -> Credentials:
        # "from None": the original errors quote what was read.
        try:
            answer = self._client().get_secret_value(SecretId=self.arn, VersionStage=stage)
        except Exception as error:
            raise UnreadableSecret(f"Secrets Manager did not give {stage} of {self.arn}: {_name_of(error)}.") from None
        try:
            secret = json.loads(answer["SecretString"])
            return Credentials(str(secret["username"]), Secret(secret["password"]))
        except (KeyError, TypeError, ValueError):
            raise UnreadableSecret(f"{stage} of {self.arn} is not JSON with a username and a password.") from None

    def _client(self) -> Any:
        if self._manager is None:
            # Here, because a site without such a secret has no use for it.
            import boto3
            from botocore.config import Config

            # With LOG_LEVEL=DEBUG it logs the answers, and with them the password.
            logging.getLogger("botocore.parsers").setLevel(logging.INFO)
            config = Config(
                connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 2}
            )
            self._manager = boto3.client("secretsmanager", region_name=_region_of(self.arn), config=config)
        return self._manager


def _region_of(arn: str) -> str | None:
    """arn:aws:secretsmanager:ap-south-1:123456789012:secret:… → ap-south-1; None for a name: boto3 knows its own."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else None


def _name_of(error: Exception) -> str:
    """AWS's name of an error, "ResourceNotFoundException"; else the class's."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


class FollowingPool(Pool):
    """pymongo's pool, which logs in with what the secret says when a socket is opened.

    pymongo takes the credentials from the pool's options; here each thread has options of its own while it connects,
    so that two threads with two passwords are not in each other's way.
    """

    def __init__(self, *args: Any, secret: DatabaseSecret, **kwargs: Any) -> None:
        self._mine = threading.local()
        self._secret = secret
        self._in_use: Credentials | None = None
        super().__init__(*args, **kwargs)

    @property
    def opts(self) -> PoolOptions:
        return getattr(self._mine, "opts", None) or self._opts

    @opts.setter
    def opts(self, options: PoolOptions) -> None:
        self._opts = options

    def connect(self, handler: Any = None) -> Connection:
        if self.is_sdam:  # The one that only watches the server does not log in.
            return super().connect(handler)
        began, credentials = time.monotonic(), self._secret.current()
        try:
            return self._connect_as(credentials, handler)
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            for other in self._secret.others(credentials, since=began):
                if connection := self._try(other, handler):
                    return connection
            raise

    def _try(self, credentials: Credentials, handler: Any) -> Connection | None:
        try:
            return self._connect_as(credentials, handler)
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            return None

    def _connect_as(self, credentials: Credentials, handler: Any) -> Connection:
        self._mine.opts = with_credentials(self._opts, credentials)
        try:
            connection = super().connect(handler)
        finally:
            del self._mine.opts
        self._secret.accepted(credentials)
        self._give_up_others(credentials)
        return connection

    def _give_up_others(self, credentials: Credentials) -> None:
        """After a change, once: sockets of the old password are closed as they come free."""
        with self.lock:
            before, self._in_use = self._in_use, credentials
        if before not in (None, credentials):
            logger.info("The database's password has changed; sockets with the old one are being closed.")
            self.reset_without_pause()


def with_credentials(options: PoolOptions, credentials: Credentials) -> PoolOptions:
    """A copy of pymongo's options. There is no public way: tests/test_credentials.py fails if this one goes."""
    changed = copy.copy(options)
    before = options._credentials
    after = before._replace(cache=type(before.cache)(), **credentials._asdict())  # type: ignore[union-attr]
    changed._PoolOptions__credentials = after  # type: ignore[attr-defined]
    return changed


def following(secret_arn: str) -> dict[str, Any]:
    """What to give a MongoClient so that it logs in with the secret. OperationalError if the secret cannot be read."""
    secret = DatabaseSecret(secret_arn)
    return {**secret.current()._asdict(), "_pool_class": partial(FollowingPool, secret=secret)}
