"""`make rehearse`: the site under load while parts of it fail, measured against what the design promises.

    python -m tests.rehearsal [--short] [--only NAME …] [--engine documentdb|sqlite] [--write]

Ends with 1 if a promise is not held.
"""

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.rehearsal import incidents
from tests.rehearsal.capacity import machine
from tests.rehearsal.report import insert, on_screen, renewed, say, section
from tests.rehearsal.stage import Findings, Stage, staged
from tests.rehearsal.timing import SHORT_FACTOR, Timing

INCIDENTS = {
    each.__name__: each
    for each in (
        incidents.kill_a_worker,
        incidents.kill_a_task,
        incidents.kill_a_task_unseen,
        incidents.kill_a_task_in_turn,
        incidents.kill_a_task_next_target,
        incidents.deploy,
        incidents.deploy_signal_first,
        incidents.spot,
        incidents.kill_while_draining,
        incidents.kill_the_database,
        incidents.kill_the_database_for_long,
        incidents.step_down,
        incidents.fall_silent,
        incidents.stop_s3,
        incidents.slow_gateway,
        incidents.gateway_down,
    )
}


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and everything that was started ends as well
    timing = Timing().faster(SHORT_FACTOR) if options.short else Timing()
    timing = replace(timing, drain=options.drain) if options.drain is not None else timing
    with staged(options.engine, timing, options.keep) as stage:
        found = [run(stage, name) for name in options.only or INCIDENTS]
    if options.write:
        sections = {each.name: section(each, machine()) for each in found}
        insert("rehearsal", renewed(sections, list(INCIDENTS)))
    broken = [f"{each.name}: {what}" for each in found for what in each.broken]
    if broken:
        sys.exit("Not held:\n" + "\n".join(broken))
    say("Every promise is held.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal")
    parser.add_argument(
        "--short", action="store_true", help=f"every clock of the deployment {SHORT_FACTOR} times faster"
    )
    parser.add_argument("--only", nargs="+", choices=list(INCIDENTS), metavar="NAME")
    parser.add_argument("--engine", choices=["documentdb", "sqlite"], default="documentdb")
    parser.add_argument("--write", action="store_true", help="renew these sections of docs/failure-tests.md")
    parser.add_argument("--drain", type=int, metavar="SECONDS", help="another DRAIN_SECONDS")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a new folder in which logs and data stay")
    return parser.parse_args()


def run(stage: Stage, name: str) -> Findings:
    stage.settle()
    incident = INCIDENTS[name]
    found = Findings(name, (incident.__doc__ or "").strip())
    say(f"\n== {name}: {found.what}")
    began = time.monotonic()
    incident(stage, found)
    found.seconds = time.monotonic() - began
    say(on_screen(found))
    return found


if __name__ == "__main__":
    main()
