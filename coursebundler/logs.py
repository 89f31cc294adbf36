"""Logs as one JSON object a line, which CloudWatch Logs can filter by field."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

events = logging.getLogger("coursebundler.events")


def log_event(name: str, **fields: Any) -> None:
    """Record something that happened in the business, e.g. `log_event("course_created", course=course.pk)`.

    Fields are ids and numbers, never secrets or personal data. Whole numbers stay numbers, so that a metric filter of
    CloudWatch can take its value from one.
    """
    readable = {key: value if type(value) is int else str(value) for key, value in fields.items()}
    events.info(name, extra={"fields": readable})


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
