"""Sessions as rows, their data as JSON with UUIDs: allauth keeps primary keys in the session."""

import json
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.core.serializers.json import DjangoJSONEncoder

from coursebundler.db import is_unavailable


class UUIDSessionSerializer:
    def dumps(self, data: Any) -> bytes:
        return json.dumps(data, separators=(",", ":"), cls=DjangoJSONEncoder).encode("latin-1")

    def loads(self, data: bytes) -> Any:
        return json.loads(data.decode("latin-1"))


class SessionStore(db.SessionStore):
    def save(self, must_create: bool = False) -> None:
        """Django's takes every error for a session that somebody ended meanwhile, and answers with 400."""
        try:
            super().save(must_create=must_create)
        except UpdateError as error:
            cause = error.__context__
            if cause and is_unavailable(cause):
                raise cause from cause.__cause__
            raise
