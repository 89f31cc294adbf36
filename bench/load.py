"""The load, in a process of its own: `python -m bench.load URL SECONDS CONNECTIONS STATUS [HEADER…]` prints JSON.

Plain sockets that are kept open, so that the client costs little beside the server. It stops by itself, after SECONDS
or MOST requests, and talks to this machine only.
"""

import json
import socket
import statistics
import sys
import threading
import time
from urllib.parse import urlsplit

MOST = 50_000


def read_answer(stream: socket.SocketIO) -> tuple[int, int]:
    """Status and size of one answer, which must say how long it is."""
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = stream.read(length) if length else b""
    return status, len(body)


def ask(url: str, headers: list[str], expected: int, until: float, times: list[float], problems: list[str]) -> None:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""]).encode()
    with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as stream:
            while time.perf_counter() < until and len(times) < MOST and not problems:
                began = time.perf_counter()
                connection.sendall(request)
                status, _ = read_answer(stream)  # type: ignore[arg-type]
                times.append(time.perf_counter() - began)
                if status != expected:
                    problems.append(f"{url} answered {status}, not {expected}")


def measure(url: str, seconds: float, connections: int, expected: int, headers: list[str]) -> dict[str, object]:
    """Requests, requests a second, and how long half and 99 % of them took at most, in milliseconds."""
    if urlsplit(url).hostname != "127.0.0.1":
        raise SystemExit("The load goes to this machine only.")
    times: list[float] = []
    problems: list[str] = []
    began = time.perf_counter()
    arguments = (url, headers, expected, began + seconds, times, problems)
    threads = [threading.Thread(target=ask, args=arguments) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if problems or len(times) < 2:
        raise SystemExit(problems[0] if problems else f"{url} did not answer")
    hundredths = statistics.quantiles(times, n=100)
    return {
        "count": len(times),
        "rate": len(times) / elapsed,
        "p50": hundredths[49] * 1000,
        "p99": hundredths[98] * 1000,
    }


if __name__ == "__main__":
    url, seconds, connections, expected, *headers = sys.argv[1:]
    print(json.dumps(measure(url, float(seconds), int(connections), int(expected), headers)))
