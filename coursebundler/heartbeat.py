"""The file that says that the worker is alive: `manage.py work` writes it, coursebundler/healthcheck.py looks at it."""

import os
import time
from pathlib import Path

FILE = Path(os.environ.get("HEARTBEAT_FILE") or "/tmp/coursebundler-worker-alive")  # noqa: S108  a container's own
# Longer than any one row takes, with a gateway, a mail server and a database that all let us wait.
DEAD_AFTER_SECONDS = 180


def beat() -> None:
    FILE.touch()


def is_beating() -> bool:
    try:
        return time.time() - FILE.stat().st_mtime < DEAD_AFTER_SECONDS
    except OSError:
        return False
