"""What befalls the site, one after the other, and what the design promises about each.

An incident gets the stage and writes down what it found. It leaves the stage as it was.
"""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.rehearsal.people import Client, Crowd, Fate
from tests.rehearsal.stage import AFTERWARDS, CONFLICT, IN_FLIGHT, Findings, Stage
from tests.rehearsal.targets import State
from tests.rehearsal.task import Task
from tests.rehearsal.world import GATEWAY_TIMEOUT

ALL_FINE = {str(Fate.OK)}


def percentile(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def nothing_failed(
    stage: Stage, found: Findings, crowd: Crowd, *, killed: Task | None = None, but: tuple[str, ...] = ()
) -> None:
    """The promise that every request was answered, except what is named, and write conflicts that are in the logs."""
    counts = stage.counted(crowd.asked, killed)
    can_retry = sum(one.fate is Fate.SITE and one.status == 503 and one.can_retry for one in crowd.asked)
    if 0 < can_retry <= stage.conflicts():
        counts = counts - Counter({str(Fate.SITE): can_retry}) + Counter({CONFLICT: can_retry})
        but = (*but, CONFLICT)
    failed = {what: count for what, count in counts.items() if what not in ALL_FINE | set(but)}
    what = f"no request fails{', but those ' + ' or '.join(but) if but else ''}"
    found.promise(what, not failed, told(counts))


# --- Tasks ---
def kill_a_worker(stage: Stage, found: Findings) -> None:
    """SIGKILL to one process of a task, as when its memory runs out: gunicorn starts another."""
    task = stage.cluster.of("frontend")[0]
    with stage.crowd() as crowd:
        time.sleep(3)
        task.kill_a_worker()
        time.sleep(6)
    nothing_failed(stage, found, crowd, killed=task, but=(IN_FLIGHT,))
    found.promise("the task stays in service", stage.balancer.state(task.name) is State.HEALTHY, task.name)


def kill_a_task(stage: Stage, found: Findings) -> None:
    """SIGKILL to all of a task under load; the balancer answers 502 for an address that refuses, as documented."""
    _kill_a_task(stage, found)


def kill_a_task_unseen(stage: Stage, found: Findings) -> None:
    """The same if ECS says nothing: only the balancer's checks find out. SIGKILL comes right after a passed check."""
    stage.cluster.timing = replace(stage.timing, notice=2.5 * stage.timing.check_interval)
    try:
        _kill_a_task(stage, found, is_just_checked=True)
    finally:
        stage.cluster.timing = stage.timing


def kill_a_task_in_turn(stage: Stage, found: Findings) -> None:
    """The same as the first, but the balancer sends requests to its targets in turn (round robin)."""
    stage.balancer.algorithm, usual = "round_robin", stage.balancer.algorithm
    try:
        _kill_a_task(stage, found)
    finally:
        stage.balancer.algorithm = usual


def kill_a_task_next_target(stage: Stage, found: Findings) -> None:
    """The same with a balancer that tries another target where nothing was sent yet."""
    stage.balancer.tries_another = True
    try:
        _kill_a_task(stage, found, but=(IN_FLIGHT,))
    finally:
        stage.balancer.tries_another = False


def _kill_a_task(
    stage: Stage,
    found: Findings,
    *,
    but: tuple[str, ...] = (IN_FLIGHT, AFTERWARDS),
    is_just_checked: bool = False,
) -> None:
    task = stage.cluster.of("frontend")[0]
    with stage.crowd() as crowd:
        time.sleep(3)
        if is_just_checked:
            stage.just_checked(task)
        killed_at = time.monotonic()
        task.kill()
        seconds = stage.wait_for(lambda: stage.balancer.state(task.name) is not State.HEALTHY, 60)
        again = seconds + stage.wait_for(lambda: len(stage.balancer.healthy("frontend")) >= 2, 60)
        time.sleep(2)
    counts = stage.counted(crowd.asked, task)
    within = sum(killed_at <= one.began <= task.killed_at + seconds for one in crowd.asked)
    found.figure("requests until the balancer stopped sending there", within)
    found.figure(IN_FLIGHT, counts[IN_FLIGHT])
    found.figure(AFTERWARDS, counts[AFTERWARDS])
    found.figure("two healthy tasks again after", f"{again:.1f} s")
    nothing_failed(stage, found, crowd, killed=task, but=but)
    limit = stage.timing.failover
    found.promise(f"failover in less than {limit:.0f} s", seconds < limit, f"{seconds:.1f} s")


def deploy(stage: Stage, found: Findings) -> None:
    """Both services roll out under load, new tasks first; the old ones are deregistered, then told to stop."""
    _deploy(stage, found, signal_first=False)


def deploy_signal_first(stage: Stage, found: Findings) -> None:
    """The same, but SIGTERM comes first and nobody deregisters the old tasks while they serve on."""
    _deploy(stage, found, signal_first=True)


def _deploy(stage: Stage, found: Findings, *, signal_first: bool) -> None:
    old = list(stage.cluster.tasks)
    began = time.monotonic()
    with stage.crowd() as crowd:
        time.sleep(2)
        stage.cluster.deploy(signal_first=signal_first)
        seconds = time.monotonic() - began - 2
        time.sleep(2)
    found.figure("the roll-out took", f"{seconds:.0f} s")
    nothing_failed(stage, found, crowd)
    statuses = {task.name: task.process.returncode for task in old}
    found.promise("every old task ends by itself, with 0", not any(statuses.values()), statuses)


def spot(stage: Stage, found: Findings) -> None:
    """Spot takes a task back: SIGTERM without a word to the balancer, right after a passed check."""
    task = stage.cluster.of("frontend")[0]
    with stage.crowd() as crowd:
        time.sleep(1)
        stage.just_checked(task)
        began = time.monotonic()
        leaving = stage.cluster.stop(task, signal_first=True)
        replacement = stage.cluster.start("frontend")
        seconds = stage.wait_for(lambda: stage.balancer.state(task.name) is not State.HEALTHY, 60)
        leaving.join()
        ended = time.monotonic() - began
        stage.cluster.wait_until_healthy([replacement.name])
        time.sleep(2)
    found.figure("the balancer stopped sending after", f"{seconds:.1f} s; the task served {stage.timing.drain} s on")
    found.figure("the task ended after", f"{ended:.1f} s")
    nothing_failed(stage, found, crowd)
    found.promise("Spot's two minutes are enough", ended < 120, f"{ended:.1f} s")


def kill_while_draining(stage: Stage, found: Findings) -> None:
    """A task that drains, and that the balancer has let go, is killed: nobody may notice but who was still on it."""
    task = stage.cluster.of("frontend")[0]
    with stage.crowd() as crowd:
        leaving = stage.cluster.stop(task, signal_first=True)
        replacement = stage.cluster.start("frontend")
        stage.wait_for(lambda: stage.balancer.state(task.name) is State.UNHEALTHY, 60)
        is_in_time = task.is_running
        task.kill()
        leaving.join()
        stage.cluster.wait_until_healthy([replacement.name])
        time.sleep(2)
    found.promise("it was let go before its time was over", is_in_time, f"{stage.timing.drain} s of draining")
    nothing_failed(stage, found, crowd, killed=task, but=(IN_FLIGHT,))


# --- The database ---
def kill_the_database(stage: Stage, found: Findings) -> None:
    """SIGKILL to the database's server, which is started again, after less than two checks, on what it had written."""
    _kill_the_database(stage, found, 1.5 * stage.timing.check_interval)


def kill_the_database_for_long(stage: Stage, found: Findings) -> None:
    """The same for so long that every task is unhealthy, and ECS begins to replace them."""
    _kill_the_database(stage, found, 3.5 * stage.timing.check_interval)


def _kill_the_database(stage: Stage, found: Findings, seconds: float) -> None:
    server = stage.world.database
    assert server, "SQLite has no server to kill."
    with stage.crowd() as crowd:
        time.sleep(3)
        server.kill()
        gone_at = time.monotonic()
        time.sleep(1)
        _look_at_health(stage, found)
        time.sleep(max(0, gone_at + seconds - time.monotonic()))
        server.start()
        _recover(stage, found, crowd, gone_at, time.monotonic())


def step_down(stage: Stage, found: Findings, *, seconds: float = 5) -> None:
    """Every connection to the database is reset, and new ones too for a while, as when a primary steps down."""
    proxy = stage.world.proxy
    assert proxy
    with stage.crowd() as crowd:
        time.sleep(3)
        gone_at = time.monotonic()
        proxy.drop()
        time.sleep(seconds)
        proxy.is_up = True
        _recover(stage, found, crowd, gone_at, time.monotonic())


def fall_silent(stage: Stage, found: Findings, *, seconds: float = 12) -> None:
    """The database's host dies without a word: connections stay open, and nothing comes."""
    proxy = stage.world.proxy
    assert proxy
    with stage.crowd() as crowd:
        time.sleep(3)
        gone_at = time.monotonic()
        proxy.is_silent = True
        time.sleep(seconds)
        proxy.drop()
        proxy.is_silent, proxy.is_up = False, True
        _recover(stage, found, crowd, gone_at, time.monotonic())


def _look_at_health(stage: Stage, found: Findings) -> None:
    asked = [(task, path) for task in stage.cluster.tasks for path in ("/health/live", "/health/ready")]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda each: each[0].status(each[1]), asked))
    statuses = set(zip(answers[::2], answers[1::2], strict=True))
    found.promise("liveness says 200 and readiness 503", statuses == {(200, 503)}, statuses)


def _recover(stage: Stage, found: Findings, crowd: Crowd, gone_at: float, back_at: float) -> None:
    """From the moment at which the database is back, until nothing fails any more."""
    limit = stage.timing.database
    while time.monotonic() - back_at < limit and not _has_recovered(stage, crowd, back_at):
        time.sleep(0.2)
    time.sleep(2)
    crowd.__exit__()
    failed = [one for one in crowd.asked if one.fate is not Fate.OK]
    last = max((one.began for one in failed), default=back_at)
    seconds = max(0.0, last - back_at)
    within = [one for one in crowd.asked if gone_at <= one.began < back_at]
    found.figure("the database was away for", f"{back_at - gone_at:.1f} s")
    found.figure("requests meanwhile", told(stage.counted(within)))
    found.figure("the slowest answer meanwhile", f"{max((one.seconds for one in within), default=0):.1f} s")
    found.promise(f"recovery in less than {limit:.0f} s", seconds < limit, f"{seconds:.1f} s")
    unlike = Counter(
        f"{one.fate} ({one.status}, {one.kind})" for one in failed if not (one.status == 503 and one.can_retry)
    )
    found.promise("every failure is a 503 with Retry-After", not unlike, told(unlike) or "none other")
    replaced = sum(count for what, count in stage.cluster.seen.items() if "replaced" in what)
    found.promise("no storm of restarts: at most one a task", replaced <= 4, told(stage.cluster.seen) or "none")
    lost = stage.lost(crowd)
    written = f"{len(crowd.told.orders)} orders, {len(crowd.told.progress)} positions"
    found.promise("no acknowledged write is lost", not lost, lost or f"all there: {written}")


def _has_recovered(stage: Stage, crowd: Crowd, back_at: float) -> bool:
    """Fifty answers in a row are as they should be."""
    last = [one for one in crowd.asked[-50:] if one.began > back_at]
    return len(last) == 50 and all(one.fate is Fate.OK for one in last)


# --- S3 ---
def stop_s3(stage: Stage, found: Findings, *, seconds: float = 8) -> None:
    """S3 resets every connection; then it takes connections and says nothing."""
    for how in ("stopped", "silent"):
        _lose_s3(stage, found, how, seconds)


def _lose_s3(stage: Stage, found: Findings, how: str, seconds: float) -> None:
    store = stage.world.store
    with stage.crowd() as crowd:
        time.sleep(1)
        if how == "silent":
            store.is_silent = True
        else:
            store.drop()
        began = time.monotonic()
        status, answer = upload(stage)
        took = time.monotonic() - began
        time.sleep(max(0, seconds - took))
        store.drop()
        store.is_silent, store.is_up = False, True
        back_at = time.monotonic()
        stage.wait_for(lambda: upload(stage)[0] == 201, 60)
        again = time.monotonic() - back_at
        time.sleep(1)
    others = [one for one in crowd.asked if one.kind != "captions"]
    captions = Counter(f"{one.status}" for one in crowd.asked if one.kind == "captions" and one.began < back_at)
    found.figure(f"{how}: captions", told(captions) or "not asked for")
    found.figure(f"{how}: the slowest other page", f"{max(one.seconds for one in others):.1f} s")
    counts = stage.counted(others)
    found.promise(f"{how}: every page goes on", set(counts) <= ALL_FINE, told(counts))
    found.promise(f"{how}: captions are given or said to be missing", set(captions) <= {"200", "503"}, told(captions))
    is_clear = status == 503 and "try again" in answer
    found.promise(
        f"{how}: an upload is refused clearly, within 15 s", is_clear and took < 15, f"{took:.1f} s: {status}"
    )
    found.promise(f"{how}: uploads work again at once", again < 5, f"{again:.1f} s")


def upload(stage: Stage) -> tuple[int, str]:
    """Begin one, as static/js/upload.js does: the status, and what it says."""
    client = Client(stage.site, 0, stage.world.school["staff"][0], [])
    asked = json.dumps({"kind": "poster", "name": "boat.png", "size": 1000, "type": "image/png"}).encode()
    client.ask("upload", "/uploads", asked, expected=(201, 503))
    client.hang_up()
    return client.asked[0].status, client.said


# --- The gateway ---
def slow_gateway(stage: Stage, found: Findings, *, delay: float = 20, seconds: float = 15) -> None:
    """The gateway takes so long for each answer, while many want to pay."""
    _gateway_trouble(stage, found, {"api_delay_seconds": delay}, seconds, 9)


def _gateway_trouble(stage: Stage, found: Findings, switches: dict[str, object], seconds: float, limit: float) -> None:
    others = {"look": 45, "study": 45, "call": 10}
    # Who was replaced in the incident before may still be draining.
    in_service = [task for task in stage.cluster.tasks if stage.balancer.state(task.name) is State.HEALTHY]
    with stage.crowd(8, journeys=others) as quiet:
        time.sleep(6)
    stage.world.ask_gateway("POST", "/sandbox/switches", switches)
    with stage.crowd(32, think=1.5, journeys={"buy": 1}) as buyers, stage.crowd(8, journeys=others) as crowd:
        time.sleep(seconds)
        stage.world.ask_gateway("POST", "/sandbox/switches", {})
    before, during = ([one.seconds for one in each.asked] for each in (quiet, crowd))
    for name, times in (("before", before), ("meanwhile", during)):
        found.figure(
            f"other pages {name}",
            f"p50 {1000 * percentile(times, 0.5):.0f} ms, p95 {1000 * percentile(times, 0.95):.0f} ms, "
            f"the slowest {max(times, default=0):.1f} s, {len(times)} requests",
        )
    nothing_failed(stage, found, crowd)
    # How fast a machine is that does all this is a figure; that nobody waits for the gateway in vain is a promise.
    slowest = max(during, default=0)
    found.promise(
        f"no other page takes as long as the gateway may ({GATEWAY_TIMEOUT:g} s)",
        slowest < GATEWAY_TIMEOUT,
        f"the slowest {slowest:.1f} s",
    )
    asked = [one for one in buyers.asked if one.kind in ("pay", "return")]
    found.figure("payments meanwhile", told(Counter(f"{one.kind}: {one.status}" for one in asked)))
    longest = max((one.seconds for one in asked), default=0)
    found.promise(f"whoever pays has an answer within {limit} s", longest < limit, f"{longest:.1f} s")
    unlike = {one.status for one in asked} - {200, 302, 303, 503}
    found.promise("and it is the page that says so", not unlike, unlike or "503 or better")
    states = {task.name: str(stage.balancer.state(task.name)) for task in in_service}
    found.promise("no task is taken out for it", set(states.values()) == {"healthy"}, states)
    _pays_again(stage, found)


def gateway_down(stage: Stage, found: Findings, *, seconds: float = 8) -> None:
    """Nobody answers at the gateway's address."""
    stage.world.gateway.drop()
    try:
        _gateway_trouble(stage, found, {}, seconds, 9)
    finally:
        stage.world.gateway.is_up = True


def _pays_again(stage: Stage, found: Findings) -> None:
    stage.world.gateway.is_up = True
    with stage.crowd(4, journeys={"buy": 1}) as buyers:
        stage.wait_for(lambda: len(buyers.told.paid) > 3, 20)
    time.sleep(2)
    lost = stage.lost(buyers)
    found.promise(
        "afterwards people can pay", bool(buyers.told.paid) and not lost, lost or f"{len(buyers.told.paid)} paid"
    )
