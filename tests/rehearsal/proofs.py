"""That each promise of the rehearsal can be broken: `python -m tests.rehearsal.proofs` breaks them, one after another.

Each proof runs an incident on a stage of its own, with one thing spoilt, and wants to see a certain promise broken.
Ends with 1 if one is held all the same.
"""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.rehearsal import incidents
from tests.rehearsal.report import on_screen, say
from tests.rehearsal.stage import IN_FLIGHT, Findings, Stage, staged
from tests.rehearsal.timing import SHORT_FACTOR, Timing

SHORT = Timing().faster(SHORT_FACTOR)


@dataclass(frozen=True)
class Proof:
    name: str
    incident: Callable[[Stage, Findings], None]
    breaks: str  # the beginning of the promise
    timing: Timing = SHORT
    environment: dict[str, str] = field(default_factory=dict)
    forgets: bool = False
    engine: str = "sqlite"  # it starts sooner, and balancer, drain and threads do not know the database


def kill_both(stage: Stage, found: Findings) -> None:
    """SIGKILL to every task of a service: there is nobody left to take over."""
    tasks = stage.cluster.of("frontend")
    with stage.crowd() as crowd:
        time.sleep(2)
        for task in tasks:
            task.kill()
        time.sleep(3)
    incidents.nothing_failed(stage, found, crowd, killed=tasks[0], but=(IN_FLIGHT,))


PROOFS = [
    Proof("no drain", incidents.deploy_signal_first, "no request fails", replace(SHORT, drain=0)),
    Proof("a drain shorter than two checks", incidents.spot, "no request fails", replace(SHORT, drain=1)),
    Proof("every task of a service killed", kill_both, "no request fails"),
    Proof(
        "all threads may wait for the gateway",
        incidents.slow_gateway,
        "no other page takes as long",
        environment={"REHEARSAL_BREAKS": "bulkhead"},
    ),
    Proof(
        "readiness says yes without a database",
        incidents.kill_the_database,
        "liveness says 200",
        environment={"REHEARSAL_BREAKS": "readiness"},
        engine="documentdb",
    ),
    Proof("an order vanishes", incidents.step_down, "no acknowledged write", forgets=True, engine="documentdb"),
]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and everything that was started ends as well
    chosen = [proof for proof in PROOFS if not sys.argv[1:] or proof.name in sys.argv[1:]]
    unnoticed = [proof.name for proof in chosen if not is_noticed(proof)]
    if unnoticed or not chosen:
        sys.exit(f"Not noticed: {', '.join(unnoticed) or 'there is no such proof'}")
    say("Each of them was noticed.")


def is_noticed(proof: Proof) -> bool:
    found, began = Findings(proof.name), time.monotonic()
    with staged(proof.engine, proof.timing, **proof.environment) as stage:
        stage.settle()
        stage.forgets = proof.forgets
        proof.incident(stage, found)
    found.seconds = time.monotonic() - began
    say(f"\n== {proof.name}\n{on_screen(found)}")
    return any(what.startswith(proof.breaks) for what in found.broken)


if __name__ == "__main__":
    main()
