"""Serve on for a while after SIGTERM, so that no request is refused while load balancers learn of it
(docs/decisions/0040-drain.md).

gunicorn alone stops accepting connections 0.2 s after SIGTERM. ECS takes a task out of the load balancer before that on
a deployment, but not when a Spot machine is reclaimed.
"""

import logging
import mmap
import signal
from types import FrameType

logger = logging.getLogger(__name__)

# One byte of memory that the master shares with the workers, which are forked from it: it has to be made before.
_flag = mmap.mmap(-1, 1)


def has_begun() -> bool:
    """Whether this process, or the gunicorn that forked it, was told to stop and serves on."""
    return _flag[0] == 1


def on_sigterm(seconds: float) -> None:
    """In gunicorn's master: hold SIGTERM back for `seconds`; 0 leaves everything as it is.

    A second SIGTERM or SIGINT meanwhile ends the wait at once. gunicorn finishes what is in flight in either case, and
    SIGINT without a SIGTERM before it stops at once, as ever.
    """
    finish, stop = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def begin(number: int, frame: FrameType | None) -> None:
        _flag[0] = 1
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(each, end)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        logger.info("Told to stop: not ready any more, serving on for %g s.", seconds)

    def end(number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, finish)
        signal.signal(signal.SIGINT, stop)
        if callable(finish):
            finish(signal.SIGTERM, frame)

    if seconds > 0:
        signal.signal(signal.SIGTERM, begin)
