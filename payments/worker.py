"""What `manage.py work` does: orders are settled soon after they are due, for as long as the process runs.

What is due, and how it is settled, is payments/reconciliation.py's; here is only the patience. Several workers at once
share the work, since each order is claimed before it is looked at.
"""

import logging
import random
import signal
import time
from types import FrameType

from django.db import close_old_connections
from django.utils import timezone

from coursebundler import heartbeat, metrics
from coursebundler.db import is_unavailable, reason_of
from payments.reconciliation import JOBS, due_orders, reconcile

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60
LOOK_SECONDS = 0.2  # for so long a signal may have to wait while nothing is done
BATCH = 100


class Worker:
    """Works in rounds until it is told to stop, which it does after the row in hand.

    `everything_seconds` is how often it does all that `manage.py reconcile_payments` does; 0 is never, for where a
    schedule runs that.
    """

    def __init__(self, *, everything_seconds: float = 0) -> None:
        self.everything_seconds = everything_seconds
        self.everything_at = time.monotonic() if everything_seconds else float("inf")
        self.failures_in_a_row = 0
        self.is_stopping = False

    def stop_on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def run(self) -> None:
        logger.info("The worker begins.")
        while self.may_go_on():
            close_old_connections()  # what a request does; here a round stands for one
            self.pause(self.work())
        logger.info("The worker was told to stop, and has.")

    def may_go_on(self) -> bool:
        """Asked before each round and each row, so this is where it shows that it is alive."""
        heartbeat.beat()
        return not self.is_stopping

    def work(self) -> float:
        """One round, and how long to wait for the next, in seconds. A failure is logged and makes the wait longer."""
        try:
            has_failed, is_more_due = self.settle()
        except Exception as error:
            has_failed, is_more_due = True, False
            if is_unavailable(error):
                logger.error("The worker cannot ask the database, and will again: %s", reason_of(error))
            else:
                logger.exception("The worker's round ended early; the next one comes.")
        self.failures_in_a_row = self.failures_in_a_row + 1 if has_failed else 0
        return 0 if is_more_due else pause_seconds(self.failures_in_a_row)

    def settle(self) -> tuple[bool, bool]:
        """(whether something failed, whether there is more to do at once)."""
        depth = measure_queue()
        jobs = self.jobs_now(depth)
        run = reconcile(limit=BATCH, jobs=jobs, may_go_on=self.may_go_on) if jobs else None
        has_failed = bool(run and run.failed)
        return has_failed, depth > BATCH and not has_failed

    def jobs_now(self, depth: int) -> list[str]:
        """The reconciler's jobs that this round has to do: all of them at times, orders while some are due."""
        if time.monotonic() >= self.everything_at:
            self.everything_at = time.monotonic() + self.everything_seconds
            return list(JOBS)
        return ["orders"] if depth else []

    def pause(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while not self.is_stopping and time.monotonic() < ends_at:
            time.sleep(LOOK_SECONDS)


def measure_queue() -> int:
    """How many orders are due. Their number and the age of the longest due go to the metrics, by which ECS scales."""
    due = due_orders()
    longest_due_at = due.values_list("check_at", flat=True).first()
    age_seconds = (timezone.now() - longest_due_at).total_seconds() if longest_due_at else 0
    depth = due.count() if longest_due_at else 0
    metrics.put(QueueAge=round(max(age_seconds, 0), 1), QueueDepth=depth)
    return depth


def pause_seconds(failures_in_a_row: int) -> float:
    """Twice as long after each failure, and never the same for two workers, which might get into step."""
    longest = min(PAUSE_SECONDS * 2**failures_in_a_row, LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.8, 1)  # noqa: S311  nothing secret
