"""What a request costs: `python -m tests.rehearsal.capacity` writes deploy/simulate/capacity.json.

One task (two processes of four threads) on each database, asked by people without a pause between two requests. The
processor's time is that of the task alone, from /proc: the load, the database, the gateway and S3 run in other
processes and are not in it. On half a vCPU a task has 0.5 s of it a second; that a vCPU of Fargate is as fast as a core
of this machine is an assumption.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.rehearsal.people import JOURNEYS, Crowd, Fate, Site
from tests.rehearsal.report import insert
from tests.rehearsal.task import Task
from tests.rehearsal.timing import Timing
from tests.rehearsal.world import ENGINES, World
from tests.servers import free_port
from tests.source import ROOT

RESULT = ROOT / "deploy" / "simulate" / "capacity.json"
PEOPLE = 32
BUSY = 8  # as many as a task has threads
TASK_CPUS = 0.5
# Which journey's requests are measured together, by the name under which they are written down.
KINDS = {
    "catalogue": {"look": 1},
    "learning": {"study": 1},
    "checkout": {"buy": 1},
    "api": {"call": 1},
    "admin": {"administer": 1},
}


def main() -> None:
    options = _options()
    if not options.document:
        found = {engine: measure(engine, options.seconds) for engine in options.engines.split(",")}
        options.write.write_text(json.dumps(summary(found), indent=1, ensure_ascii=False) + "\n")
    written = json.loads(options.write.read_text())
    sys.stdout.write(table(written))
    if options.write == RESULT:
        document(written)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal.capacity", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6, help="for each kind of page")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--write", type=Path, default=RESULT)
    parser.add_argument("--document", action="store_true", help="measure nothing, only renew the page from the file")
    return parser.parse_args()


def measure(engine: str, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="coursebundler-capacity-", ignore_cleanup_errors=True) as name:
        world = World(Path(name), engine, free_port())
        with world.open(PEOPLE):
            task = Task("measured", "frontend", world.folder, world.environment, Timing())
            try:
                task.wait_until_live()
                site = Site(task.port, world.school, world.pay, is_direct=True)
                return measured(task, site, seconds)
            finally:
                task.kill()


def measured(task: Task, site: Site, seconds: float) -> dict[str, Any]:
    """Processor's time, pace and times of the mixed journeys and of each kind."""
    burst(task, site, JOURNEYS, BUSY, 3, seed=900)  # everything is loaded, every connection open
    kinds = {"mixed": burst(task, site, JOURNEYS, BUSY, 2 * seconds, seed=0)}
    for n, (kind, journeys) in enumerate(KINDS.items(), start=1):
        kinds[kind] = burst(task, site, journeys, BUSY, seconds, seed=100 * n)
    alone = burst(task, site, JOURNEYS, 1, seconds, seed=700)
    return {"kinds": kinds, "alone": alone, "memory_mb": task.memory_mb(), "start_seconds": task.start_seconds}


def burst(
    task: Task, site: Site, journeys: dict[str, int], people: int, seconds: float, *, seed: int
) -> dict[str, Any]:
    began, cpu = time.monotonic(), task.cpu_seconds()
    with Crowd(site, people, think_seconds=0, journeys=journeys, seed=seed) as crowd:
        time.sleep(seconds)
    elapsed, cpu = time.monotonic() - began, task.cpu_seconds() - cpu
    bad = [asked for asked in crowd.asked if asked.fate is not Fate.OK]
    if bad:
        sys.exit(f"{len(bad)} requests were not answered as they should, the first of them: {bad[0]}")
    times = sorted(asked.seconds for asked in crowd.asked)
    by_kind = defaultdict(list)
    for asked in crowd.asked:
        by_kind[asked.kind].append(asked.seconds)
    return {
        "requests": len(times),
        "per_second": len(times) / elapsed,
        "cpu_seconds": cpu / len(times),
        "p50_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * times[int(len(times) * 0.99)],
        "by_kind_ms": {kind: 1000 * statistics.median(each) for kind, each in sorted(by_kind.items())},
    }


def summary(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What deploy/simulate reads: on DocumentDB's look-alike if it was measured, since that is the site's database."""
    first = found.get("documentdb") or next(iter(found.values()))
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python -m tests.rehearsal.capacity",
        "machine": machine(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "cpu_seconds_per_request": _cpu(first),
        "latency_ms_unloaded": round(first["alone"]["p50_ms"], 1),
        "latency_ms_unloaded_p99": round(first["alone"]["p99_ms"], 1),
        "memory_mb_per_task": round(first["memory_mb"]),
        "start_seconds": round(first["start_seconds"], 1),
        "task": {"workers": 2, "threads": 4},
        "mix_of_journeys": JOURNEYS,
        "engines": {
            engine: {
                "cpu_seconds_per_request": _cpu(each),
                "requests_per_second": {kind: round(row["per_second"], 1) for kind, row in each["kinds"].items()},
                "latency_ms_unloaded": round(each["alone"]["p50_ms"], 1),
                "latency_ms_unloaded_by_page": {kind: round(ms, 1) for kind, ms in each["alone"]["by_kind_ms"].items()},
            }
            for engine, each in found.items()
        },
    }


def _cpu(each: dict[str, Any]) -> dict[str, float]:
    return {kind: round(row["cpu_seconds"], 5) for kind, row in each["kinds"].items()}


def machine() -> str:
    """The processor's name as the kernel tells it, where it does."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, Python {platform.python_version()}"


def table(written: dict[str, Any]) -> str:
    heads = ("engine", "pages", "requests/s here", "CPU ms a request", f"requests/s on {TASK_CPUS} vCPU")
    rows = ["| " + " | ".join(heads) + " |", "|---|---|--:|--:|--:|"]
    for engine, each in written["engines"].items():
        for kind, cpu in each["cpu_seconds_per_request"].items():
            rate = f"{each['requests_per_second'][kind]:.0f}"
            cells = (engine, kind, rate, f"{1000 * cpu:.1f}", f"{TASK_CPUS / cpu:.0f}")
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def document(written: dict[str, Any]) -> None:
    """The table in docs/failure-tests.md is what the file says."""
    about = f"`{written['command']}`, {written['measured_at']}, {written['machine']}, {written['cores']} cores"
    more = f"{written['memory_mb_per_task']} MB a task, {written['start_seconds']} s until it answers"
    insert("capacity", f"{about}, load average {written['load_average']}: {more}.\n\n{table(written)}")


if __name__ == "__main__":
    main()
