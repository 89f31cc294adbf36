"""The promises of the image, each shown with its figure; a check that does not hold ends `make image` with 1."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.image import contents
from deploy.image.build import IMAGE, ROOT
from deploy.image.container import Container, Place, running
from deploy.image.engine import CPUS, MEMORY_MB, Engine
from deploy.image.load import Count, stop_under_load

OURS_MB = 220  # on top of the base image
START_SECONDS = 30
WORKER_STOP_SECONDS = 10
DRAIN_SECONDS = 6
MEMORY_MOST_MB = 700


@dataclass(frozen=True)
class Result:
    name: str
    is_good: bool
    figure: str


def image(engine: Engine, base: str) -> Iterator[Result]:
    """What can be said without running it."""
    described = engine.inspect("image", IMAGE)
    whole, below = described["Size"] / 1e6, engine.inspect("image", base)["Size"] / 1e6
    yield Result("size", whole - below < OURS_MB, f"{whole:.0f} MB, {whole - below:.0f} MB of it on top of the base")
    # Podman tells of the health check in another place than Docker.
    yield from configuration({"Healthcheck": described.get("Healthcheck")} | described["Config"])
    values = contents.secrets_nearby(ROOT / ".env")
    history = engine("history", "--no-trunc", IMAGE)
    told = list(contents.secrets_in_description(described, history, values))
    yield Result("no secret in its settings and layers", not told, "; ".join(told) or "none found")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        export(engine, archive)
        unwanted = list(contents.unwanted_files(archive))
        found = list(contents.secrets_in_files(archive, values))
    yield Result("nothing of a developer's in it", not unwanted, "; ".join(unwanted[:5]) or "no tests, pip, compiler …")
    yield Result("no secret in its files", not found, "; ".join(found[:5]) or "none found")


def configuration(config: dict[str, object]) -> Iterator[Result]:
    wanted = {"User": "10001:10001", "StopSignal": "SIGTERM", "WorkingDir": "/app"}
    wrong = [f"{name} is {config.get(name)}" for name, value in wanted.items() if config.get(name) != value]
    wrong += [name for name in ("Healthcheck", "Cmd", "Labels") if not config.get(name)]
    yield Result("user, signal, health check, labels", not wrong, "; ".join(wrong) or "10001:10001, SIGTERM, all there")


def export(engine: Engine, archive: Path) -> None:
    name = engine("create", IMAGE)
    try:
        engine("export", f"--output={archive}", name)
    finally:
        engine.ask("rm", "--force", "--volumes", name)


# --- The site ---
def site(place: Place) -> Iterator[Result]:
    migrated = place.once("python", "manage.py", "migrate", "--no-input")
    yield Result("migrations as a task of their own", migrated.status == 0, last_line(migrated.output, migrated.errors))
    with running(place, "frontend", DRAIN_SECONDS=str(DRAIN_SECONDS)) as container:
        seconds = container.seconds_until_ready()
        yield Result("ready", seconds < START_SECONDS, f"{seconds:.1f} s after its start, on {CPUS} CPU")
        yield from pages(container)
        yield from hardening(container)
        yield health_check(container)
        yield memory(container)
        count = stop_under_load(container)
        yield drained(count)
        yield from lines(container.logs())
    yield from without_drain(place)


def pages(container: Container) -> Iterator[Result]:
    home = container.get("/")
    yield Result("page /", home.status == 200 and "</html>" in home.text, f"{home.status}, {len(home.body)} bytes")
    sheet = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', home.text)
    if sheet is None:
        yield Result("a static file", False, "the page names no style sheet")
    else:
        file = container.get(sheet[1], {"Accept-Encoding": "br"})
        is_good = file.status == 200 and file.headers["Content-Encoding"] == "br"
        yield Result("a static file", is_good, f"{sheet[1]}: {file.status}, brotli, {file.headers['Cache-Control']}")
    for path in ("/health/live", "/health/ready"):
        answer = container.get(path, {"Host": "10.0.3.7"})
        yield Result(f"page {path}", answer.status == 200, f"{answer.status} {answer.text}")
    yield admin(container)


def admin(container: Container) -> Result:
    """It sends strangers to the login page, which is there."""
    answer = container.get("/admin/")
    for _ in range(3):
        if answer.status in (301, 302):
            answer = container.get(answer.headers["Location"].removeprefix("https://courses.example.org"))
    is_good = answer.status == 200 and 'type="password"' in answer.text
    return Result("login of the admin", is_good, f"{answer.status}, {len(answer.body)} bytes")


INSIDE = """
import json, os, pathlib, shutil
def can_write(path):
    try: pathlib.Path(path).write_text("x"); return True
    except OSError as error: return error.strerror
def first(*paths):
    return next((pathlib.Path(p).read_text().strip() for p in paths if pathlib.Path(p).exists()), "")
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
group = "/sys/fs/cgroup/"
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "status": status,
    "app": can_write("/app/x"), "venv": can_write("/venv/x"), "root": can_write("/x"), "tmp": can_write("/tmp/x"),
    "tools": [t for t in ("pip", "gcc", "cc", "make", "curl", "git") if shutil.which(t)],
    "cpu": first(group + "cpu.max", group + "cpu/cpu.cfs_quota_us"),
    "memory": first(group + "memory.max", group + "memory/memory.limit_in_bytes"),
}))
"""


def hardening(container: Container) -> Iterator[Result]:
    told = json.loads(container.execute("python", "-c", INSIDE).output)
    status = {name: value.strip() for name, value in told["status"].items()}
    yield Result("its user", (told["uid"], told["gid"]) == (10001, 10001), f"uid {told['uid']}, gid {told['gid']}")
    writes = {path: told[path] for path in ("app", "venv", "root")}
    is_good = True not in writes.values() and told["tmp"] is True
    yield Result("read-only root", is_good, f"a write to /app: “{told['app']}”; /tmp can be written to")
    capabilities = {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    yield Result("no capabilities", capabilities == {"0" * 16}, ", ".join(sorted(capabilities)))
    yield Result("no new privileges", status["NoNewPrivs"] == "1", f"NoNewPrivs {status['NoNewPrivs']}")
    yield Result("no tools to install or to fetch", not told["tools"], ", ".join(told["tools"]) or "none")
    yield limits(container.engine, told)


def limits(engine: Engine, told: dict[str, str]) -> Result:
    """Whether they are in force is read inside; where they cannot be set, that is said and nothing is claimed."""
    if not engine.can_limit:
        return Result("limits", True, "NOT APPLIED: no cgroup can be made on this machine; times are without a limit")
    is_cpu_right = told["cpu"].split()[0] == "50000"
    is_good = is_cpu_right and told["memory"] == str(MEMORY_MB * 1024 * 1024)
    return Result("limits", is_good, f"{CPUS} CPU (cgroup: {told['cpu']}), {MEMORY_MB} MB (cgroup: {told['memory']})")


def health_check(container: Container) -> Result:
    began = time.monotonic()
    done = container.execute("python", "-m", "coursebundler.healthcheck")
    return Result("its health check", done.status == 0, f"status {done.status} in {time.monotonic() - began:.2f} s")


MEMORY_INSIDE = """
import pathlib, re
def kilobytes(process):
    try: return int(re.search(r"^Pss: +([0-9]+)", (process / "smaps_rollup").read_text(), re.M)[1])
    except (OSError, TypeError): return 0
print(sum(map(kilobytes, pathlib.Path("/proc").glob("[0-9]*"))) // 1024)
"""


def memory(container: Container) -> Result:
    """Of all its processes together after some pages, what they share counted once."""
    for path in ("/", "/courses", "/about", "/login") * 15:
        container.get(path)
    used_mb = int(container.execute("python", "-c", MEMORY_INSIDE).output)
    return Result("memory", 20 < used_mb < MEMORY_MOST_MB, f"{used_mb} MB of {MEMORY_MB} MB after 60 pages")


# --- Stopping ---
def drained(count: Count) -> Result:
    is_good = count.refused == 0 and count.after > 0 and count.before > 0 and count.exit_status == 0
    is_good &= DRAIN_SECONDS <= count.ended_after_seconds < DRAIN_SECONDS + 10
    return Result(f"no request lost over SIGTERM (DRAIN_SECONDS={DRAIN_SECONDS})", is_good, in_words(count))


def in_words(count: Count) -> str:
    reasons = f" ({', '.join(sorted(count.reasons))})" if count.reasons else ""
    return (
        f"{count.before} requests before, {count.after} after, {count.refused} lost{reasons}; out of service after "
        f"{count.out_after_seconds:.1f} s, ended after {count.ended_after_seconds:.1f} s with {count.exit_status}"
    )


def without_drain(place: Place) -> Iterator[Result]:
    """The same with nothing held back must lose some, or the check above would prove nothing."""
    with running(place, "backend", DRAIN_SECONDS="0") as container:
        container.seconds_until_ready()
        count = stop_under_load(container)
    yield Result("requests are lost without it (DRAIN_SECONDS=0)", count.refused > 0, in_words(count))


# --- Lines, worker, mistakes ---
def lines(logs: str) -> Iterator[Result]:
    """Everything on standard output is one JSON object a line."""
    broken = [line for line in logs.splitlines() if not is_object(line)]
    entries = [json.loads(line) for line in logs.splitlines() if is_object(line)]
    metrics = [entry for entry in entries if "_aws" in entry]
    counted = sum(entry.get("Requests", 0) for entry in metrics)
    figure = f"{len(entries)} lines, {len(metrics)} of them metrics that count {counted} requests"
    yield Result("JSON logs and metrics", bool(metrics) and not broken, broken[0][:100] if broken else figure)


def is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def worker(place: Place) -> Iterator[Result]:
    with running(place, "worker") as container:
        is_healthy = wait_until(lambda: container.execute("python", "-m", "coursebundler.healthcheck").status == 0)
        yield Result("worker: its heartbeat", is_healthy, "young" if is_healthy else container.logs()[-300:])
        began = time.monotonic()
        container.signal("TERM")
        status, seconds = container.wait(), time.monotonic() - began
        yield Result(
            "worker: ends at SIGTERM", status == 0 and seconds < WORKER_STOP_SECONDS, f"{status} after {seconds:.1f} s"
        )


def wait_until(condition: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def mistakes(place: Place) -> Iterator[Result]:
    for name, value in (("SERVICE_ROLE", "cook"), ("SECRET_KEY", ""), ("DRAIN_SECONDS", "an hour")):
        done = place.once(**{"SERVICE_ROLE": "frontend"} | {name: value})
        said = done.errors.strip()
        sentence = json.loads(said)["message"] if is_object(said) else f"no sentence but {said}"
        is_good = done.status == 2 and name in sentence and "Traceback" not in said
        yield Result(f"a wrong {name}", is_good, f"{done.status}: {sentence[:90]}")


def last_line(*texts: str) -> str:
    told = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return told[-1] if told else ""
