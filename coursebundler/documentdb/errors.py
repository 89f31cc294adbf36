"""pymongo's exceptions as Django's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import DatabaseError, IntegrityError, OperationalError
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

DUPLICATE_KEY = 11000
FAILED_VALIDATION = 121
AUTHENTICATION_FAILED = 18


def is_integrity_error(error: PyMongoError) -> bool:
    """A unique index or a check constraint refused the row."""
    codes = [error.code] if isinstance(error, OperationFailure) else []
    if isinstance(error, BulkWriteError):
        codes = [item.get("code") for item in error.details.get("writeErrors", ())]
    return any(code in (DUPLICATE_KEY, FAILED_VALIDATION) for code in codes)


def as_django_error(error: PyMongoError) -> DatabaseError:
    """The same in Django's words. What the server said comes along, and holds no password."""
    if is_integrity_error(error):
        return IntegrityError(_first_line(error))
    if isinstance(error, ConnectionFailure):
        return OperationalError("The database does not answer.")
    if isinstance(error, OperationFailure) and error.code == AUTHENTICATION_FAILED:
        return OperationalError("The database refuses the user or the password.")
    return DatabaseError(_first_line(error))


def _first_line(error: PyMongoError) -> str:
    return str(error).partition(", full error")[0][:500]


def with_django_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except PyMongoError as error:
            raise as_django_error(error) from error

    return wrapper
