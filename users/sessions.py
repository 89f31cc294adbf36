"""Session data as JSON, with UUIDs: allauth keeps primary keys in the session."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


class UUIDSessionSerializer:
    def dumps(self, data: Any) -> bytes:
        return json.dumps(data, separators=(",", ":"), cls=DjangoJSONEncoder).encode("latin-1")

    def loads(self, data: bytes) -> Any:
        return json.loads(data.decode("latin-1"))
