"""A task as ECS runs it: the site's processes behind a port, started as the container starts them."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.rehearsal.timing import Timing
from tests.servers import free_port
from tests.source import ROOT

GUNICORN = ["-m", "gunicorn", "--config", "gunicorn.conf.py", "coursebundler.wsgi"]
START = ["-m", "coursebundler.start"] if (ROOT / "coursebundler" / "start.py").is_file() else GUNICORN
START_SECONDS = 60
CHECK_SECONDS = 4  # coursebundler/healthcheck.py


class Task:
    def __init__(self, name: str, role: str, folder: Path, environment: dict[str, str], timing: Timing) -> None:
        self.name, self.role, self.timing, self.port = name, role, timing, free_port()
        self.log = folder / f"{name}.log"
        temporary = folder / f"{name}.tmp"
        temporary.mkdir()
        self.environment = environment | {
            "SERVICE_ROLE": role,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DRAIN_SECONDS": str(timing.drain),
            "TMPDIR": str(temporary),  # a container has its own
        }
        self.began = time.monotonic()
        self.killed_at = 0.0
        self.start_seconds = 0.0
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *START],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_until_live(self) -> None:
        deadline = self.began + START_SECONDS
        while not self.is_live():
            assert self.is_running, f"{self.name} stopped at once:\n{self.log.read_text(errors='replace')}"
            assert time.monotonic() < deadline, f"{self.name} does not answer; see {self.log}"
            time.sleep(0.05)
        self.start_seconds = time.monotonic() - self.began

    def is_live(self) -> bool:
        """As the container's own check asks."""
        return self.status("/health/live") == 200

    def status(self, path: str) -> int:
        """0 if it does not answer within the container check's time-out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CHECK_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to every process of it at once, as when its host dies; returns when all of them are dead."""
        pids = self.processes()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._wait_until_dead(pids)

    def terminate(self) -> None:
        """SIGTERM to its first process, as ECS sends it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself within so many seconds."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill_a_worker(self) -> None:
        """SIGKILL to one of gunicorn's workers, as the kernel does when memory runs out."""
        workers = [pid for pid in self.processes() if pid != self.process.pid]
        os.kill(workers[0], signal.SIGKILL)
        self._wait_until_dead(workers[:1])

    def _wait_until_dead(self, pids: list[int]) -> None:
        """On a busy machine that takes a moment, in which they go on."""
        while any(is_alive(pid) for pid in pids):
            time.sleep(0.002)
        self.killed_at = time.monotonic()

    def processes(self) -> list[int]:
        """The ids of all its processes (they share its session)."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                found += [int(stat.parent.name)] if int(fields[3]) == self.process.pid else []
        return found

    def cpu_seconds(self) -> float:
        """Of its living processes so far, and of those that they have waited for."""
        ticks = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """What its processes have to themselves and their share of the rest (PSS); 0 where the kernel does not say."""
        kilobytes = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kilobytes / 1024


def is_alive(pid: int) -> bool:
    """Neither gone nor a zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False
