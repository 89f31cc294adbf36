"""`make bench`: requests a second and response times of our pages, beside a bare Django view on the same database.

Seeds 1,000 courses into a folder of its own, starts the site and the bare view under gunicorn as in production, and
measures one after the other. BENCH_COURSES, BENCH_SECONDS and BENCH_CONNECTIONS change the size.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from scripts.lint import PRODUCTION
from tests.servers import clean_environment, free_port, manage, running
from tests.source import ROOT

COURSES = os.environ.get("BENCH_COURSES", "1000")
SECONDS = os.environ.get("BENCH_SECONDS", "5")
CONNECTIONS = os.environ.get("BENCH_CONNECTIONS", "8")
AIM_PERCENT = 80


def production(folder: Path, port: int) -> dict[str, str]:
    own = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "MEDIA_STORAGE_URL": f"file://{folder / 'media'}",
        "SITE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,testserver",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "coursebundler.settings",
    }
    return clean_environment(**PRODUCTION | own)


def prepare(environment: dict[str, str]) -> dict:
    print(f"Seeding {COURSES} courses …", flush=True)
    manage("migrate", environment=environment)
    subprocess.run(
        [sys.executable, "manage.py", "seed_demo", "--force", "--scale", COURSES], cwd=ROOT, env=environment, check=True
    )
    ignored = [f"--ignore={folder}" for folder in ("admin", "ninja", "django_htmx", "import_export")]
    manage("collectstatic", "--noinput", *ignored, environment=environment)
    found = subprocess.run(
        [sys.executable, "-m", "bench.school"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(found.stdout)


class Server:
    """An application under gunicorn, and what it costs."""

    def __init__(
        self, stack: ExitStack, folder: Path, application: str, environment: dict[str, str], port: int
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", application]
        environment = environment | {"HOST": "127.0.0.1", "PORT": str(port)}
        log, ready = folder / f"{port}.log", f"{self.url}/health/live"
        self.process = stack.enter_context(running(command, environment, log, ready))

    def cpu_seconds(self) -> float:
        """Of all its processes so far; 0 where there is no /proc."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12]) if int(fields[2]) == self.process.pid else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def load(self, path: str, status: int = 200, *headers: str) -> dict[str, float]:
        """What bench/load.py measured, and `cpu`: milliseconds of processor time a request."""
        for seconds in ("1", SECONDS):  # the first second only warms up
            command = [sys.executable, "-m", "bench.load", self.url + path, seconds, CONNECTIONS, str(status)]
            before = self.cpu_seconds()
            done = subprocess.run(
                [*command, *filter(None, headers)], cwd=ROOT, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
        measured = json.loads(done.stdout)
        return measured | {"cpu": 1000 * (self.cpu_seconds() - before) / measured["count"]}


HEAD = f"{'page':38} queries   KB | req/s  p50 ms  p99 ms  CPU ms |  bare: req/s  CPU ms | share: req/s   CPU"


def table(site: Server, bare: Server, rows: list) -> None:
    print(f"\n{HEAD}")
    one = bare.load("/1")
    print(
        f"{'bare Django view, 1 query':38} {1:7} {'':4} | {one['rate']:5.0f} {one['p50']:7.1f} {one['p99']:7.1f} "
        f"{one['cpu']:7.2f} |",
        flush=True,
    )
    for name, row in rows:
        same = bare.load(f"/{row['queries']}")
        cookie = row["cookie"] and f"Cookie: {row['cookie']}"
        condition = row["if_none_match"] and f"If-None-Match: {row['if_none_match']}"
        ours = site.load(row["path"], row["status"], "Accept-Encoding: gzip", cookie, condition)
        print(
            f"{name:38} {row['queries']:7} {row['bytes'] / 1024:4.1f} | {ours['rate']:5.0f} {ours['p50']:7.1f} "
            f"{ours['p99']:7.1f} {ours['cpu']:7.2f} | {same['rate']:12.0f} {same['cpu']:7.2f} | "
            f"{100 * ours['rate'] / same['rate']:11.0f}% {100 * same['cpu'] / (ours['cpu'] or 1):4.0f}%",
            flush=True,
        )


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="coursebundler-bench-") as name, ExitStack() as stack:
        folder, ports = Path(name), (free_port(), free_port())
        environment = production(folder, ports[0])
        found = prepare(environment)
        print(f"{CONNECTIONS} connections, {SECONDS} s each, 2 processes of 4 threads, {os.cpu_count()} cores.")
        site = Server(stack, folder, "coursebundler.wsgi", environment, ports[0])
        bare = Server(stack, folder, "bench.bare", environment | {"BENCH_COURSE": found["course"]}, ports[1])
        table(site, bare, found["rows"])
    print(
        f"\n“bare” is a view without middleware and templates that asks the same number of queries; the aim is "
        f"{AIM_PERCENT} % of it.\nProcessor time is what counts on a machine that does other things as well. Pages are "
        f"gzipped, as browsers ask for it. {time.monotonic() - began:.0f} s in all."
    )


if __name__ == "__main__":
    main()
