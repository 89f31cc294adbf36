"""The connection's part in transactions; application code uses `coursebundler.db`.

The stock backend leaves a session behind when a commit or a roll-back fails, and the thread's next transaction is then
none. Here the session ends whatever happens, and pymongo's exceptions become Django's.
https://docs.aws.amazon.com/documentdb/latest/devguide/transactions.html
"""

import logging
from typing import Any

from django_mongodb_backend import base
from pymongo.errors import PyMongoError

from coursebundler.documentdb.errors import as_django_error

logger = logging.getLogger(__name__)

COMMIT_ATTEMPTS = 3


class TransactionMixin(base.DatabaseWrapper):
    session: Any

    def commit_mongo(self) -> None:
        """Commit; then call what waits for it."""
        if self.session:
            try:
                self._commit_session()
            except PyMongoError as error:
                raise as_django_error(error) from error
            finally:
                self._end_session()
        self.run_and_clear_commit_hooks()

    def _commit_session(self) -> None:
        """A commit whose answer was lost is sent again: the server knows the transaction's number."""
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                self.session.commit_transaction()
                return
            except PyMongoError as error:
                is_unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not is_unknown or attempt == COMMIT_ATTEMPTS - 1:
                    raise

    def rollback_mongo(self) -> None:
        """Undo. A server that cannot be told forgets the transaction by itself within a minute."""
        self.run_on_commit: list[Any] = []
        if self.session:
            try:
                self.session.abort_transaction()
            except PyMongoError:
                logger.warning("A transaction could not be rolled back; the server will.", exc_info=True)
            finally:
                self._end_session()

    def run_and_clear_commit_hooks(self) -> None:
        """Django's own refuses inside `transaction.atomic`, which the admin wraps around each save and which is
        nothing here."""
        hooks, self.run_on_commit = self.run_on_commit, []
        for _, function, is_robust in hooks:
            self._run_hook(function, is_robust=is_robust)

    def _run_hook(self, function: Any, *, is_robust: bool) -> None:
        try:
            function()
        except Exception:
            if not is_robust:
                raise
            logger.exception("Error calling %s in on_commit().", getattr(function, "__qualname__", function))
