"""`python -m bench.documentdb`: the site on DocumentDB, by way of the test server. About ten minutes.

1. What rewriting and guarding costs: each query on our backend and on the stock one, on the same server, in turn.
2. The catalogue, a course and a lecture on DocumentDB and on SQLite, on 10 courses and on 10,000: requests a second,
   response times and commands.

The test server is not DocumentDB: ratios and numbers of commands carry over, milliseconds do not. BENCH_ENGINE is the
engine level, BENCH_ROUNDS how often each query is asked; BENCH_SECONDS and BENCH_CONNECTIONS are those of `make bench`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.__main__ import CONNECTIONS, SECONDS, Server, production
from tests.documentdb_server import DocumentDBServer
from tests.servers import free_port, manage
from tests.source import ROOT

ENGINE = os.environ.get("BENCH_ENGINE", "8.0.2")
ROUNDS = os.environ.get("BENCH_ROUNDS", "300")
IGNORED = [f"--ignore={app}" for app in ("admin", "ninja", "django_htmx", "import_export")]
FEW, MANY = 10, 10_000
MOST_COMMANDS = 8
HIGHEST_RATIO = 1.15

Measured = dict[str, dict[str, float]]


def run(module: str, *arguments: str, environment: dict[str, str]) -> str:
    """What `python -m module` prints, in the site's environment."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def prepare(environment: dict[str, str]) -> None:
    """The demonstration school: fifteen courses."""
    manage("migrate", environment=environment)
    manage("seed_demo", "--force", environment=environment)
    manage("collectstatic", "--noinput", *IGNORED, environment=environment)


def look(courses: int, environment: dict[str, str]) -> list[Any]:
    """The rows of bench/school.py, with that many courses, which stay."""
    run("bench.grow", str(courses), environment=environment)
    return json.loads(run("bench.school", environment=environment))["rows"]


def print_overhead(environment: dict[str, str]) -> float:
    """The geometric mean of the ratios."""
    print(f"\n1. Ours beside stock, {ROUNDS} times each; “Python” is the processor's time without server and waiting.")
    print(f"{'query':34} stock ms  ours ms  ratio  Python, stock ms  ours ms  ratio")
    product = 1.0
    found = json.loads(run("bench.overhead", ROUNDS, environment=environment))
    for name, row in found.items():
        ratio, processor = row["ours"] / row["stock"], row["ours_processor"] / row["stock_processor"]
        product *= ratio
        print(
            f"{name:34} {row['stock'] * 1000:8.2f} {row['ours'] * 1000:8.2f} {ratio:6.2f} "
            f"{row['stock_processor'] * 1000:17.2f} {row['ours_processor'] * 1000:8.2f} {processor:6.2f}"
        )
    mean = product ** (1 / len(found))
    print(f"{'geometric mean':34} {'':17} {mean:6.2f}   the aim is {HIGHEST_RATIO} at most", flush=True)
    return mean


def measure(folder: Path, environment: dict[str, str], rows: list[Any]) -> Measured:
    """Requests a second and response times by page, of the site in this environment."""
    port = int(environment["SITE_URL"].rpartition(":")[2])
    with ExitStack() as stack:
        site = Server(stack, folder, "coursebundler.wsgi", environment, port)
        return {name: site.load(row["path"], row["status"], *headers_of(row)) for name, row in rows}


def headers_of(row: dict[str, Any]) -> list[str]:
    headers = ["Accept-Encoding: gzip"]
    headers += [f"Cookie: {row['cookie']}"] if row["cookie"] else []
    return headers + ([f"If-None-Match: {row['if_none_match']}"] if row["if_none_match"] else [])


def print_pages(courses: int, commands: dict[str, int], measured: dict[str, Measured]) -> None:
    heads = f"{'DocumentDB':>24} {'SQLite':>24}"
    print(f"\n2. Pages on {courses:,} courses\n{'':34}{heads}")
    print(f"{'page':34}" + f"{'req/s  p50 ms  p99 ms':>24} " * 2 + " share  commands")
    for name, count in commands.items():
        ours, sqlite = measured["documentdb"][name], measured["sqlite"][name]
        figures = " ".join(f"{each['rate']:8.0f} {each['p50']:7.1f} {each['p99']:7.1f}" for each in (ours, sqlite))
        print(f"{name:34}{figures} {100 * ours['rate'] / sqlite['rate']:5.0f}% {count:9}", flush=True)


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="coursebundler-bench-") as name:
        folder = Path(name)
        server = DocumentDBServer(folder / "server")
        environments, commands = {}, {}
        for engine in ("documentdb", "sqlite"):
            own = folder / engine
            own.mkdir()
            environments[engine] = production(own, free_port())
        environments["documentdb"]["DATABASE_URL"] = server.url(ENGINE)
        for environment in environments.values():
            prepare(environment)
        ratio = print_overhead(environments["documentdb"])
        print(f"\n{CONNECTIONS} connections, {SECONDS} s each, engine {ENGINE}, {os.cpu_count()} cores.")
        for courses in (FEW, MANY):
            rows = {engine: look(courses, environment) for engine, environment in environments.items()}
            measured = {engine: measure(folder / engine, environments[engine], rows[engine]) for engine in rows}
            commands[courses] = {name: row["queries"] for name, row in rows["documentdb"]}
            print_pages(courses, commands[courses], measured)
        server.forget()
    print(f"\n{time.monotonic() - began:.0f} s in all.")
    if commands[FEW] != commands[MANY] or max(commands[MANY].values()) > MOST_COMMANDS or ratio > HIGHEST_RATIO:
        sys.exit(f"Missed: at most {MOST_COMMANDS} commands, as many on {MANY:,} courses, ratio {HIGHEST_RATIO}.")


if __name__ == "__main__":
    main()
