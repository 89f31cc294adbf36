"""What a container's health check runs: `python -m coursebundler.healthcheck`; exit status 0 or 1.

Runs every few seconds on half a processor, so it imports next to nothing: no Django, no HTTP client.
"""

import os
import socket
import sys

from coursebundler import heartbeat

TIMEOUT_SECONDS = 4
QUESTION = b"GET /health/live HTTP/1.0\r\n\r\n"


def is_serving() -> bool:
    """Whether /health/live answers 200 on this machine."""
    try:
        address = ("127.0.0.1", int(os.environ.get("PORT") or "8000"))
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.sendall(QUESTION)
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except (OSError, ValueError):
        return False


def main() -> None:
    is_worker = os.environ.get("SERVICE_ROLE") == "worker"
    if not (heartbeat.is_beating() if is_worker else is_serving()):
        sys.exit("The worker's heartbeat is old or missing." if is_worker else "/health/live does not answer 200.")


if __name__ == "__main__":
    main()
