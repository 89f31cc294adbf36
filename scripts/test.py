"""Every test that can run on this machine, with coverage: `make test`.

With CI=true nothing may be left out: what is missing is installed or the run fails (and a skipped test fails, see
tests/environment.py).
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IS_CI = os.environ.get("CI", "").lower() in {"true", "1"}
# Money, access and progress: what must not break is tested nearly line by line.
HELD = ["payments/*", "courses/access.py", "courses/progress.py"]
HELD_PERCENT = 95

NO_CHROMIUM = """the browser tests, because there is no Chromium. To have them:
  Debian or Ubuntu:  sudo apt install chromium
  macOS:             brew install --cask chromium
  elsewhere:         CHROMIUM=/path/to/chromium make test"""
CHROMIUM_PLACES = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else CHROMIUM_PLACES)), None)


def install_chromium() -> None:
    """With Debian's packages, which needs root. Only in CI: a person's machine is theirs."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("CI must run the browser tests, and there is no Chromium and no way to install it (root and apt-get).")
    print("Installing Debian's Chromium …", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ("update", "install -y --no-install-recommends chromium"):
        subprocess.run(["apt-get", "-qq", *command.split()], check=True, stdout=subprocess.DEVNULL, env=environment)


def pytest(title: str, selection: str, *options: str, database: str = "sqlite") -> bool:
    """Whether that part of the tests passed; a part in which no test was found has not."""
    print(f"\n== {title}", flush=True)
    arguments = ["-m", "pytest", "-q", "-m", selection, "--cov", "--cov-report=", "--durations=5", *options]
    environment = os.environ | {"TEST_DATABASE": database}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=False).returncode == 0


def coverage(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode == 0


def on_documentdb() -> None:
    """The suite again, on a server that speaks DocumentDB's protocol, at both levels: `make test-documentdb`."""
    results = {}
    for level in ("5.0", "8.0.2"):
        title = f"The default tests on DocumentDB {level}"
        results[title] = pytest(title, "not browser and not slow", database=f"documentdb-{level}")
    title = "Lost connections, killed servers, new passwords on DocumentDB 8.0.2"
    results[title] = pytest(title, "slow and not browser", "coursebundler/documentdb", database="documentdb-8.0.2")
    if failed := [title for title, passed in results.items() if not passed]:
        sys.exit(f"Failed: {'; '.join(failed)}.")
    print("Everything passed.")


def main() -> None:
    began = time.monotonic()
    chromium = find_chromium()
    if not chromium and IS_CI:
        install_chromium()
        chromium = find_chromium()
    if chromium:
        os.environ["CHROMIUM"] = chromium
    rest = "browser or slow" if chromium else "slow and not browser"
    coverage("erase")
    results = {
        "the default tests": pytest("The default tests", "not browser and not slow"),
        "the slow and browser tests": pytest("Several processes, much data, a browser", rest, "--cov-append"),
    }
    print("\n== Coverage, with branches", flush=True)
    coverage("report")
    held = ",".join(HELD)
    results[f"coverage of {held}"] = coverage("report", f"--include={held}", f"--fail-under={HELD_PERCENT}")

    print(f"\n{time.monotonic() - began:.0f} s in all.")
    if not chromium:
        print(f"Left out: {NO_CHROMIUM}")
    print("Not part of this: the suite on DocumentDB, which takes longer than all of it. It is `make test-documentdb`.")
    failed = [name for name, passed in results.items() if not passed]
    if failed:
        sys.exit(f"Failed: {'; '.join(failed)}.")
    print("Everything passed." if chromium else "Everything else passed.")


if __name__ == "__main__":
    on_documentdb() if "documentdb" in sys.argv[1:] else main()
