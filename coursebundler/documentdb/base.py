"""The connection: Django's DatabaseWrapper for ENGINE "coursebundler.documentdb"."""

import os
import threading
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django_mongodb_backend import base
from django_mongodb_backend.utils import OperationDebugWrapper
from pymongo.errors import PyMongoError

from coursebundler.documentdb import credentials
from coursebundler.documentdb.driver import Client, Collection
from coursebundler.documentdb.errors import as_django_error
from coursebundler.documentdb.features import DatabaseFeatures
from coursebundler.documentdb.indexes import partial_filters
from coursebundler.documentdb.operations import DatabaseOperations
from coursebundler.documentdb.rewrite import Planner
from coursebundler.documentdb.schema import DatabaseSchemaEditor
from coursebundler.documentdb.support import LEVELS
from coursebundler.documentdb.transactions import TransactionMixin

OLD_CLIENT_SECONDS = 60
_renewing = threading.Lock()


class DatabaseWrapper(TransactionMixin, base.DatabaseWrapper):
    """One thread's connection. The threads of a process share a pymongo client, which is the pool.

    OPTIONS["engine"] is the engine level; the other options are pymongo's.
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
        if secret := params.pop("secret", None):
            params |= credentials.read(secret)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Client:
        """The process's client; it connects when it is first used."""
        if self.alias not in self._connection_pools:
            planner = Planner(self.level, partial_filters(self))
            client = Client(**conn_params, driver=self._driver_info(), planner=planner, renew=self.renew_client)
            if self._connection_pools.setdefault(self.alias, client) is not client:
                client.close()
        return self._connection_pools[self.alias]

    def renew_client(self, refused: Client) -> Client | None:
        """A client with the secret as it is now; None if there is no secret, or if it is as it was."""
        secret = self.settings_dict["OPTIONS"].get("secret")
        if secret is None:
            return None
        with _renewing:
            current = self._connection_pools.get(self.alias)
            if current is refused:
                before = credentials.read(secret)
                if credentials.read(secret, is_fresh=True) == before:
                    return None
                del self._connection_pools[self.alias]
                current = self.get_new_connection(self.get_connection_params())
                # Other threads may still be reading through it.
                closing = threading.Timer(OLD_CLIENT_SECONDS, refused.close)
                closing.daemon = True
                closing.start()
            return current

    def check_database_version_supported(self) -> None:
        """Not asked at each thread's start: the level is configured, `manage.py check_database` compares it."""

    def forget_client(self) -> None:
        """The next use takes the pool's present client."""
        self.connection = None
        self.__dict__.pop("database", None)

    def connect(self) -> None:
        try:
            super().connect()
        except PyMongoError as error:
            self.connection = None
            raise as_django_error(error) from error

    def get_collection(self, name: str, **kwargs: Any) -> Any:
        if self.session is None and self.connection is not self._connection_pools.get(self.alias, self.connection):
            self.forget_client()
        collection = Collection(self.database, name, **kwargs)
        return OperationDebugWrapper(self, collection) if self.queries_logged else collection


def forget_clients() -> None:
    """In a child process: the parent's sockets are not ours, the first query makes a client of our own."""
    DatabaseWrapper._connection_pools.clear()
    for connection in connections.all(initialized_only=True):
        if isinstance(connection, DatabaseWrapper):
            connection.session = None
            connection.forget_client()


os.register_at_fork(after_in_child=forget_clients)
