"""`python -m bench.journey [FILE]`: what single requests cost a task, and how much more they do while it is cold.

`deploy/simulate/pages.json` is its output; `python -m tests.rehearsal.capacity` measures what whole journeys cost.

One gunicorn, 2 processes of 4 threads, on the server that speaks DocumentDB's protocol, asked one kind of request
after the other. **Processor time per request** is what carries over to a task with half a processor: it depends
little on what else this machine does, and the database's own is not in it. About two minutes. Prints JSON, or writes
it to FILE.
"""

import datetime
import http.client
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.__main__ import Server, production
from bench.documentdb import look, prepare
from tests.documentdb_server import DocumentDBServer
from tests.servers import fetch, free_port, manage
from tests.source import ROOT

ENGINE = "8.0.2"
CONNECTIONS = 4
REQUESTS = int(os.environ.get("JOURNEY_REQUESTS", "300"))
COLD_REQUESTS = 40
COURSES = 100
# So that every report has something new in it and is written; the demonstration's videos last some seconds.
LONG_LECTURES = "from courses.models import Lecture; Lecture.objects.update(duration_seconds=36_000)"
# Names that deploy/simulate knows, by those of bench/school.py.
PAGES = {
    "catalogue_visitor": "catalogue, visitor",
    "catalogue_visitor_unchanged": "catalogue, visitor, unchanged (304)",
    "catalogue_student": "catalogue, student",
    "course_visitor": "course, visitor",
    "course_student": "course, student",
    "lecture_visitor": "lecture, visitor (preview)",
    "lecture_student": "lecture, student",
}

Request = dict[str, Any]


def page(row: dict[str, Any]) -> Request:
    headers = {"Accept-Encoding": "gzip"}
    headers |= {"Cookie": row["cookie"]} if row["cookie"] else {}
    headers |= {"If-None-Match": row["if_none_match"]} if row["if_none_match"] else {}
    return {"method": "GET", "path": row["path"], "headers": headers, "status": row["status"]}


def progress_report(site: str, row: dict[str, Any]) -> Request:
    """What the player sends every ten seconds; each time it has watched ten seconds more."""
    answer = fetch(site + row["path"], headers={"Cookie": row["cookie"]})
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text)
    cookie = re.search(r"((?:__Host-)?csrftoken=[^;]+)", answer.headers["Set-Cookie"] or "")
    if not token or not cookie:
        sys.exit(f"{row['path']} has no form to report progress with.")
    headers = {"Cookie": f"{row['cookie']}; {cookie[1]}", "X-CSRFToken": token[1], "Content-Type": "application/json"}
    return {"method": "POST", "path": f"{row['path']}/progress", "headers": headers, "status": 200}


def body_of(request: Request, number: int) -> str | None:
    if request["method"] == "GET":
        return None
    return json.dumps({"position": 10 * number, "ranges": [[10 * number, 10 * number + 10]]})


def ask(site: str, request: Request, numbers: Any, times: list[float]) -> None:
    parts = urlsplit(site)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    for number in numbers:
        began = time.perf_counter()
        connection.request(request["method"], request["path"], body_of(request, number), request["headers"])
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - began)
        if answer.status != request["status"]:
            raise SystemExit(f"{request['path']} answered {answer.status}, not {request['status']}.")
    connection.close()


def measure(server: Server, request: Request, requests: int, connections: int = CONNECTIONS) -> dict[str, float]:
    """Processor milliseconds a request, and how long requests took with so many at once."""
    times: list[float] = []
    before = server.cpu_seconds()
    shares = [range(first, requests, connections) for first in range(connections)]
    threads = [threading.Thread(target=ask, args=(server.url, request, share, times)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) < requests:
        sys.exit(f"{request['path']} answered {len(times)} of {requests} requests.")
    hundredths = statistics.quantiles(times, n=100)
    return {
        "cpu_ms": round(1000 * (server.cpu_seconds() - before) / len(times), 2),
        "p50_ms": round(1000 * hundredths[49], 1),
        "p99_ms": round(1000 * hundredths[98], 1),
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_mb(pid: int) -> float:
    """Proportional memory of gunicorn and its workers, in MB."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    rollups = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in [str(pid), *found.stdout.split()]]
    return round(sum(int(kb) for text in rollups for kb in re.findall(r"^Pss:\s+(\d+)", text, re.M)) / 1024, 1)


def requests_of(site: str, rows: dict[str, Any]) -> dict[str, Request]:
    found = {name: page(rows[title]) for name, title in PAGES.items()}
    return found | {"progress_report": progress_report(site, rows["lecture, student"])}


def run(stack: ExitStack, folder: Path) -> dict[str, Any]:
    database = DocumentDBServer(folder / "server")
    stack.callback(database.forget)
    port = free_port()
    environment = production(folder, port) | {"DATABASE_URL": database.url(ENGINE)}
    prepare(environment)
    rows = dict(look(COURSES, environment))
    manage("shell", "--command", LONG_LECTURES, environment=environment)
    began = time.monotonic()
    server = Server(stack, folder, "coursebundler.wsgi", environment, port)
    start_seconds = round(time.monotonic() - began, 1)
    cold = measure(server, page(rows["course, student"]), COLD_REQUESTS)
    warm = {name: measure(server, request, REQUESTS) for name, request in requests_of(server.url, rows).items()}
    return {
        "start_seconds": start_seconds,
        "memory_mb": memory_mb(server.process.pid),
        "cold": {"requests": COLD_REQUESTS, "factor": round(cold["cpu_ms"] / warm["course_student"]["cpu_ms"], 2)},
        "requests": warm,
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="coursebundler-journey-") as name, ExitStack() as stack:
        found = run(stack, Path(name))
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python -m bench.journey",
        "machine": f"{os.cpu_count()} × {processor()}, Python {platform.python_version()}",
        "load_average": os.getloadavg()[0],
        "server": f"gunicorn, 2 processes of 4 threads, a server that speaks DocumentDB's protocol at {ENGINE}",
    }
    text = json.dumps(about | found, indent=2, ensure_ascii=False) + "\n"
    if len(sys.argv) > 1:
        (ROOT / sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
