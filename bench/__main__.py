"""`make bench`: requests a second and response times of our pages, beside a bare Django view on the same database.

Seeds 1,000 courses into a folder of its own, starts the site and the bare view under gunicorn as in production, and
measures one after the other. BENCH_COURSES, BENCH_SECONDS and BENCH_CONNECTIONS change the size.
"""

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


def gunicorn(stack: ExitStack, folder: Path, application: str, environment: dict[str, str], port: int) -> str:
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", application]
    environment = environment | {"HOST": "127.0.0.1", "PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    stack.enter_context(running(command, environment, folder / f"{port}.log", f"{url}/health/live"))
    return url


def load(url: str, status: int, *headers: str) -> dict[str, float]:
    for seconds in ("1", SECONDS):  # the first second only warms up
        command = [sys.executable, "-m", "bench.load", url, seconds, CONNECTIONS, str(status), *filter(None, headers)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
    return json.loads(done.stdout)


def table(site: str, bare: str, rows: list) -> None:
    print(f"\n{'page':38} queries    KB   req/s  p50 ms  p99 ms  bare req/s  share")
    one = load(f"{bare}/1", 200)
    print(
        f"{'bare Django view, 1 query':38} {1:7} {'':5} {one['rate']:7.0f} {one['p50']:7.1f} {one['p99']:7.1f}",
        flush=True,
    )
    for name, row in rows:
        same = load(f"{bare}/{row['queries']}", 200)
        headers = ["Accept-Encoding: gzip", row["cookie"] and f"Cookie: {row['cookie']}"]
        ours = load(
            site + row["path"],
            row["status"],
            *headers,
            row["if_none_match"] and f"If-None-Match: {row['if_none_match']}",
        )
        print(
            f"{name:38} {row['queries']:7} {row['bytes'] / 1024:5.1f} {ours['rate']:7.0f} {ours['p50']:7.1f} "
            f"{ours['p99']:7.1f} {same['rate']:11.0f} {100 * ours['rate'] / same['rate']:5.0f}%",
            flush=True,
        )


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="coursebundler-bench-") as name, ExitStack() as stack:
        folder, ports = Path(name), (free_port(), free_port())
        environment = production(folder, ports[0])
        found = prepare(environment)
        print(f"{CONNECTIONS} connections, {SECONDS} s each, 2 processes of 4 threads, {os.cpu_count()} cores.")
        site = gunicorn(stack, folder, "coursebundler.wsgi", environment, ports[0])
        bare = gunicorn(stack, folder, "bench.bare", environment | {"BENCH_COURSE": found["course"]}, ports[1])
        table(site, bare, found["rows"])
    print(
        f"\n“bare req/s” is a view without middleware and templates that asks the same number of queries; the aim is "
        f"{AIM_PERCENT} % of it. Pages are gzipped as browsers ask for it. {time.monotonic() - began:.0f} s in all."
    )


if __name__ == "__main__":
    main()
