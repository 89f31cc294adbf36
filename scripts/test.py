"""Every test that can run on this machine, with coverage: `make test`. The part on DocumentDB alone: `make
test-documentdb`.

With CI=true nothing may be left out: what is missing is installed or the run fails (and a skipped test fails, see
tests/environment.py).
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.documentdb_report import PAGE, SEEN, page

ROOT = Path(__file__).resolve().parent.parent
IS_CI = os.environ.get("CI", "").lower() in {"true", "1"}
# Money, access and progress: what must not break is tested nearly line by line.
HELD = ["payments/*", "courses/access.py", "courses/progress.py"]
HELD_PERCENT = 95
DEFAULT = "not browser and not slow"

NO_CHROMIUM = """the browser tests, because there is no Chromium. To have them:
  Debian or Ubuntu:  sudo apt install chromium
  macOS:             brew install --cask chromium
  elsewhere:         CHROMIUM=/path/to/chromium make test"""
NO_AWS = "what the runbook's functions do (tests/test_runbook_played.py), because the AWS CLI or jq is not on the PATH."
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


def pytest(title: str, selection: str, *paths: str, database: str = "sqlite") -> bool:
    """Whether that part of the tests passed; a part in which no test was found has not."""
    print(f"\n== {title}", flush=True)
    # On DocumentDB the backend alone: the rest has been measured, and measuring takes as long as the tests.
    measured = "--cov" if database == "sqlite" else "--cov=coursebundler/documentdb"
    options = ["-q", measured, "--cov-append", "--cov-report=", "--durations=5"]
    command = [sys.executable, "-m", "pytest", *options, "-m", selection, *paths]
    environment = os.environ | {"TEST_DATABASE": database}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def coverage(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode == 0


def on_sqlite(*, is_chromium_there: bool) -> dict[str, bool]:
    """What passed and what did not, by the titles of the parts."""
    rest = "browser or slow" if is_chromium_there else "slow and not browser"
    parts = {"The default tests": DEFAULT, "Several processes, much data, a browser": rest}
    return {title: pytest(title, selection) for title, selection in parts.items()}


def on_documentdb() -> dict[str, bool]:
    """The suite again, on a server that speaks DocumentDB's protocol, at the lowest and at the highest level.

    Leaves in var/queries what the site asked for, unless something failed.
    """
    shutil.rmtree(SEEN, ignore_errors=True)
    os.environ["DOCUMENTDB_REPORT"] = str(SEEN)
    levels = {f"The default tests on DocumentDB {level}": f"documentdb-{level}" for level in ("5.0", "8.0.2")}
    results = {title: pytest(title, DEFAULT, database=database) for title, database in levels.items()}
    if not all(results.values()):
        shutil.rmtree(SEEN, ignore_errors=True)
    del os.environ["DOCUMENTDB_REPORT"]
    title = "Lost connections, killed servers, new passwords on DocumentDB 8.0.2"
    results[title] = pytest(title, "slow and not browser", "coursebundler/documentdb", database="documentdb-8.0.2")
    return results


def chromium_if_there() -> str | None:
    chromium = find_chromium()
    if not chromium and IS_CI:
        install_chromium()
        chromium = find_chromium()
    if chromium:
        os.environ["CHROMIUM"] = chromium
    return chromium


def everything() -> None:
    chromium = chromium_if_there()
    results = on_sqlite(is_chromium_there=bool(chromium)) | on_documentdb()
    print("\n== Coverage, with branches", flush=True)
    coverage("report")
    held = ",".join(HELD)
    results[f"Coverage of {held}"] = coverage("report", f"--include={held}", f"--fail-under={HELD_PERCENT}")
    if not chromium:
        print(f"\nLeft out: {NO_CHROMIUM}")
    if not (shutil.which("aws") and shutil.which("jq")):
        print(f"\nLeft out: {NO_AWS}")
    mention_new_queries()
    stop_if_any_failed(results)
    print("Everything passed." if chromium else "Everything else passed.")


def documentdb_alone() -> None:
    results = on_documentdb()
    mention_new_queries()
    stop_if_any_failed(results)
    print("Everything passed.")


def mention_new_queries() -> None:
    """No failure: the page may wait until the work is done."""
    if SEEN.exists() and page(SEEN) != PAGE.read_text(encoding="utf-8"):
        print(f"The site sends other queries than {PAGE.name} says. `make queries` brings it up to date.")


def stop_if_any_failed(results: dict[str, bool]) -> None:
    if failed := [title for title, passed in results.items() if not passed]:
        sys.exit(f"Failed: {'; '.join(failed)}.")


def main() -> None:
    began = time.monotonic()
    coverage("erase")
    try:
        documentdb_alone() if "documentdb" in sys.argv[1:] else everything()
    finally:
        print(f"{time.monotonic() - began:.0f} s in all.", flush=True)


if __name__ == "__main__":
    main()
