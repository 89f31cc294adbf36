"""One kind of primary key for every table, on SQLite and on DocumentDB alike (docs/database.md)."""

import os
import time
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property


def uuid7() -> uuid.UUID:
    """A time-ordered UUID (RFC 9562, version 7): newer keys sort after older ones, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    octets = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    octets[6] = (octets[6] & 0x0F) | 0x70  # version 7
    octets[8] = (octets[8] & 0x3F) | 0x80  # RFC variant
    return uuid.UUID(bytes=bytes(octets))


class UUIDAutoField(models.AutoField):
    """The primary key of tables that are not ours: contrib apps, third-party apps, many-to-many tables.

    Django accepts only subclasses of AutoField as a default primary key, so this is one by name and a UUIDField in
    everything else. The value is made here and not by the database; the column is `_id`, which DocumentDB keys by.
    Our own models use `coursebundler.models.UUIDModel`.
    """

    db_returning = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", uuid7)
        kwargs["db_column"] = "_id"
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Hide what __init__ puts back, so that third-party migrations and ours agree."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("default", None)
        kwargs.pop("db_column", None)
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "UUIDField"

    def db_type(self, connection: Any) -> Any:
        return connection.data_types["UUIDField"]

    def rel_db_type(self, connection: Any) -> Any:
        return self.db_type(connection)

    def to_python(self, value: Any) -> uuid.UUID | None:
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            return uuid.UUID(int=value) if isinstance(value, int) else uuid.UUID(str(value))
        except ValueError as error:
            raise ValidationError("“%(value)s” is not a valid UUID.", "invalid", {"value": value}) from error

    def get_prep_value(self, value: Any) -> uuid.UUID | None:
        """Raises ValueError for what is no key, as AutoField does: Django's own views turn that into a 404."""
        try:
            return self.to_python(models.Field.get_prep_value(self, value))
        except ValidationError as error:
            raise ValueError(f"Field {self.name!r} expected a UUID but got {value!r}.") from error

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = self.to_python(value)
        return value if value is None or connection.features.has_native_uuid_field else value.hex

    @cached_property
    def validators(self) -> list[Any]:
        """Without AutoField's check of the integer range."""
        return [*self.default_validators, *self._validators]  # type: ignore[attr-defined]
