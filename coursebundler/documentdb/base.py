"""The connection: Django's DatabaseWrapper for ENGINE "coursebundler.documentdb"."""

import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django_mongodb_backend import base
from django_mongodb_backend.utils import OperationDebugWrapper
from pymongo import ReadPreference
from pymongo.errors import PyMongoError

from coursebundler.documentdb.checks import row_checks
from coursebundler.documentdb.driver import Client, Collection
from coursebundler.documentdb.errors import as_django_error
from coursebundler.documentdb.features import DatabaseFeatures
from coursebundler.documentdb.indexes import partial_filters
from coursebundler.documentdb.operations import DatabaseOperations
from coursebundler.documentdb.rewrite import Planner
from coursebundler.documentdb.schema import DatabaseSchemaEditor
from coursebundler.documentdb.support import LEVELS
from coursebundler.documentdb.transactions import TransactionMixin


class DatabaseWrapper(TransactionMixin, base.DatabaseWrapper):
    """One thread's connection. The threads of a process share a pymongo client, which is the pool.

    OPTIONS["engine"] is the engine level, OPTIONS["secret_arn"] where user and password are if not in the settings,
    OPTIONS["listings_from_secondaries"] whether rows that may lag are read there; the other options are pymongo's.
    """

    display_name = "Amazon DocumentDB"
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    _connection_pools: dict[str, Client] = {}

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self.level: str = settings_dict["OPTIONS"].get("engine", "")
        if self.level not in LEVELS:
            raise ImproperlyConfigured(f"The DocumentDB engine is one of {', '.join(LEVELS)}, not {self.level!r}.")

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        del params["engine"]
        for ours in ("secret_arn", "listings_from_secondaries"):
            params.pop(ours, None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Client:
        """The process's client; it connects when it is first used."""
        if self.alias not in self._connection_pools:
            planner = Planner(self.level, partial_filters(self))
            conn_params = conn_params | self._credentials_from_secret()
            client = Client(**conn_params, driver=self._driver_info(), planner=planner, row_checks=row_checks(self))
            if self._connection_pools.setdefault(self.alias, client) is not client:
                client.close()
        return self._connection_pools[self.alias]

    def _credentials_from_secret(self) -> dict[str, Any]:
        """Nothing, unless OPTIONS["secret_arn"] says that user and password are in AWS Secrets Manager."""
        if not (secret_arn := self.settings_dict["OPTIONS"].get("secret_arn")):
            return {}
        from coursebundler.documentdb.credentials import following

        return following(secret_arn)

    def check_database_version_supported(self) -> None:
        """Not asked at each thread's start: the level is configured, `manage.py check_database` compares it."""

    def connect(self) -> None:
        try:
            super().connect()
        except PyMongoError as error:
            self.connection = None
            raise as_django_error(error) from error

    def get_listing(self, name: str) -> Any:
        """A collection for rows that may lag, if the settings let them; pymongo keeps transactions on the primary."""
        may_lag = self.settings_dict["OPTIONS"].get("listings_from_secondaries")
        preference = ReadPreference.SECONDARY_PREFERRED if may_lag else ReadPreference.PRIMARY
        return self.get_collection(name, read_preference=preference)

    def get_collection(self, name: str, **kwargs: Any) -> Any:
        collection = Collection(self.database, name, **kwargs)
        self.database.client.refuse_while_away()
        return OperationDebugWrapper(self, collection) if self.queries_logged else collection


def forget_clients() -> None:
    """In a child process: the parent's sockets are not ours, the first query makes a client of our own."""
    DatabaseWrapper._connection_pools.clear()
    for connection in connections.all(initialized_only=True):
        if isinstance(connection, DatabaseWrapper):
            connection.connection = None
            connection.session = None
            connection.__dict__.pop("database", None)


os.register_at_fork(after_in_child=forget_clients)
