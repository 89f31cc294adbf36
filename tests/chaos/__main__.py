"""`make chaos`: purchases, refunds and renewals while everything breaks; afterwards the books must balance exactly.

    python -m tests.chaos [--engine sqlite|documentdb|both] [--purchases 300] [--students 16] [--seed N]

The seed decides every choice: who buys what and how it ends, which worker is killed after how long, what the gateway
does wrong. What the machine makes of it, it does not: which request a SIGKILL hits is a matter of its timing, so a seed
that found something may have to be run more than once. Ends with 1, and says the seed, if anything does not balance.
"""

import argparse
import json
import random
import re
import secrets
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.chaos.people import Staff, Student
from tests.chaos.world import Faults, World

INDIA = ZoneInfo("Asia/Kolkata")
DAYS = 32  # the gateway's clock, put forward: each month has a renewal
FLUSH_SECONDS = 20


def main() -> None:
    options = _options()
    engines = ["sqlite", "documentdb"] if options.engine == "both" else [options.engine]
    problems = [problem for engine in engines for problem in weather(engine, options)]
    if problems:
        sys.exit(f"The books do not balance. To see it again: make chaos {_replay(options)}")
    say("The books balance.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--engine", choices=["sqlite", "documentdb", "both"], default="both")
    parser.add_argument("--purchases", type=int, default=300)
    parser.add_argument("--students", type=int, default=12, help="as many at once")
    parser.add_argument("--minutes", type=int, default=10, help="of storm on each engine, at the most")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    options.seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    return options


def _replay(options: argparse.Namespace) -> str:
    return f"SEED={options.seed} ENGINE={options.engine} PURCHASES={options.purchases} STUDENTS={options.students}"


def weather(engine: str, options: argparse.Namespace) -> list[str]:
    """One storm, and what is wrong after it."""
    say(f"\n== {engine}, {_replay(options)}")
    with tempfile.TemporaryDirectory(prefix="coursebundler-chaos-", ignore_cleanup_errors=True) as name:
        world = World(Path(name), engine, options.seed, options.students)
        with world.open():
            began, day = time.monotonic(), datetime.now(INDIA).date()
            storm(world, options.purchases, began + 60 * options.minutes)
            world.seen["seconds of storm"] = round(time.monotonic() - began)
            told = settle(world)
            problems = [*told["problems"], *compare(world, day)]
            world.seen["seconds in all"] = round(time.monotonic() - began)
            problems += unhealthy(world)
        report(world, told["figures"], problems)
    return problems


def storm(world: World, purchases: int, ends_at: float) -> None:
    shares = [purchases // world.students + (n < purchases % world.students) for n in range(world.students)]
    students = [Student(world, n, share) for n, share in enumerate(shares)]
    stop = threading.Event()
    with Faults(world), ThreadPoolExecutor(world.students + 2) as pool:
        staff = [pool.submit(Staff(world, n).live, stop) for n in range(2)]
        living = [pool.submit(student.live, ends_at) for student in students]
        months = 0
        while not all(one.done() for one in living):
            left = sum(max(student.purchases, 0) for student in students)
            if left < purchases * (2 - months) // 3:
                months += 1
                world.gateway("POST", "/sandbox/time", {"days": DAYS})
            time.sleep(0.2)
        stop.set()
        for one in [*living, *staff]:
            one.result()
    world.seen["days put forward"] = months * DAYS


def settle(world: World) -> dict[str, Any]:
    """The faults are over: what is on its way arrives or is lost, and the reconciler does the rest."""
    flush(world)
    staff = Staff(world, 0), Staff(world, 1)
    approve(staff)
    for minutes in (15, 60):
        reconcile(world, minutes)
    staff[0].give_back_strays(books(world)["strays"])
    approve(staff)
    charge_back(world)
    months = world.seen["days put forward"] * 24 * 60
    for minutes in (90, months + 120, months + 150):
        reconcile(world, minutes)
    return books(world)


def flush(world: World) -> None:
    """What does not arrive soon gets lost."""
    deadline = time.monotonic() + FLUSH_SECONDS
    while world.webhooks_waiting() and time.monotonic() < deadline:
        time.sleep(0.2)
    world.seen["webhooks lost at the end"] += world.gateway("POST", "/sandbox/lose", {})["lost"]


def approve(staff: tuple[Staff, Staff]) -> None:
    """Each may decide about what the other asked for."""
    for one in staff:
        one.decide("approve")


def charge_back(world: World) -> None:
    """Banks take some payments back of which nothing has been refunded, and half of the events about it get lost.

    Not during the storm: money that a bank and a refund give back at the same time is for a person to sort out.
    """
    chance = random.Random(f"{world.seed} banks")
    world.switch(webhook_lost_percent=50)
    paid = [p for p in listed(world, "payments") if p["status"] == "captured" and not p["amount_refunded"]]
    for payment in chance.sample(paid, len(paid) // 20):
        dispute = world.gateway("POST", "/sandbox/disputes", {"payment_id": payment["id"]})
        how = chance.choice(["won", "lost", "lost"])
        world.gateway("POST", "/sandbox/disputes", {"dispute_id": dispute["id"], "how": how})
        world.seen[f"disputes {how}"] += 1
    flush(world)
    world.switch()


def listed(world: World, kind: str) -> list[dict[str, Any]]:
    """All of them, the oldest first."""
    found: list[dict[str, Any]] = []
    while page := world.gateway("GET", f"/v1/{kind}?count=100&skip={len(found)}")["items"]:
        found += page
    return found[::-1]


def reconcile(world: World, minutes: int) -> None:
    """Two beside each other, as if it were so many minutes later."""
    for status, output in world.run_in_parallel(
        2, "tests.chaos.later", str(minutes), "reconcile_payments", "--limit", "10000"
    ):
        world.seen["runs of the reconciler"] += 1
        world.seen["healed by it"] += sum(map(int, re.findall(r"(\d+) healed", output)))
        if status:
            world.seen["runs that left something to the next"] += 1
            say(output.strip()[-2000:])


def books(world: World) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(world.run("tests.chaos.books").splitlines()[-1])
    return told


def compare(world: World, first: Any) -> list[str]:
    """The site's own comparison must find the same: nothing."""
    days = {first, datetime.now(INDIA).date()}
    found = []
    for day in sorted(days):
        [(status, output)] = world.run_in_parallel(1, "manage", "compare_books", "--date", str(day))
        found += [f"compare_books {day}: {output.strip()}"] if status else []
    return found


def unhealthy(world: World) -> list[str]:
    return [] if world.site.poll() is None else ["The site is not running any more."]


def report(world: World, figures: dict[str, int], problems: list[str]) -> None:
    for name, value in {**figures, **dict(sorted(world.seen.items()))}.items():
        say(f"{value:8}  {name}")
    for problem in problems:
        say(f"WRONG: {problem}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
