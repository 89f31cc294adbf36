"""`make check-deploy` runs every step; `python -m deploy.check terraform plan …` runs Terraform with the stand-in."""

import argparse
import logging
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from deploy.check import terraform
from deploy.check.rules import Problem

WORKERS = 2


def _report(name: str, seconds: float, findings: list[Problem]) -> bool:
    """One line for the step, and what it found, by rule; whether it found anything."""
    print(f"{'FAILED' if findings else 'ok':6} {name} ({seconds:.1f} s)", flush=True)
    for rule, message in dict.fromkeys((found.rule, found.message) for found in findings):
        print(f"  {rule}: {message}")
        for found in findings:
            if (found.rule, found.message) == (rule, message):
                print(f"    {found.address}: {found.detail}", flush=True)
    return bool(findings)


def _timed(name: str, step: Callable[[Any], list[Problem]], checks: Any) -> tuple[str, float, list[Problem]]:
    began = time.monotonic()
    try:
        findings = step(checks)
    except Exception as error:
        findings = [Problem("broken", "The check itself failed.", name, f"{type(error).__name__}: {error}")]
    return name, time.monotonic() - began, findings


def check(folder: Path, only: str) -> int:
    """Run the steps; 0 if nothing was found, else 1."""
    from deploy.check.steps import FIRST, THEN, Checks

    began = time.monotonic()
    checks = Checks(folder)
    for name, step in FIRST:
        if _report(*_timed(name, step, checks)):
            print("The other steps were left out: they would only repeat it.")
            return 1
    chosen = [(name, step) for name, step in THEN if only in name]
    with ThreadPoolExecutor(WORKERS) as pool:
        running = [pool.submit(_timed, name, step, checks) for name, step in chosen]
        failed = [_report(*done.result()) for done in as_completed(running)]
    verdict = f"{sum(failed)} of {len(chosen)} steps failed" if any(failed) else "Nothing was found"
    print(f"{verdict} ({time.monotonic() - began:.0f} s). What this does not show: deploy/check/README.md")
    return 1 if any(failed) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.check", description=__doc__)
    parser.add_argument("--folder", type=Path, help="work there and leave it (default: a new one, removed afterwards)")
    parser.add_argument("--only", default="", help="of the later steps only those whose name has this in it")
    commands = parser.add_subparsers(dest="command")
    by_hand = commands.add_parser("terraform", help="run Terraform with the stand-in provider on a copy of deploy/")
    by_hand.add_argument("arguments", nargs=argparse.REMAINDER)
    defects = commands.add_parser("defects", help="show that each check catches what it is for")
    defects.add_argument("names", nargs="*", help="only these")
    return parser


def run(options: argparse.Namespace, folder: Path) -> int:
    if options.command == "terraform":
        return terraform.run_by_hand(options.arguments, folder)
    version = terraform.require_terraform()
    print(f"Terraform {version}, hashicorp/aws {terraform.VERSION} (a stand-in), nothing from the network.", flush=True)
    if options.command == "defects":
        from deploy.check import defects

        return defects.main(folder, options.names)
    return check(folder, options.only)


def main() -> None:
    options = _parser().parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that the folder is removed then as well
    try:
        with tempfile.TemporaryDirectory(prefix="check-deploy-") as temporary:
            sys.exit(run(options, options.folder.resolve() if options.folder else Path(temporary)))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main()
