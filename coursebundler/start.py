"""What a container runs: `python -m coursebundler.start`. SERVICE_ROLE says what it is: frontend, backend or worker.

Both kinds run in this very process, so its exit status is theirs, signals reach them, and nothing is left if they die.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def serve() -> None:
    """gunicorn, with everything that gunicorn.conf.py says."""
    from gunicorn.app.wsgiapp import run

    sys.argv = ["gunicorn", "--config", "gunicorn.conf.py", "coursebundler.wsgi"]
    run()


def work() -> None:
    import django
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coursebundler.settings")
    django.setup()
    call_command("work")


ROLES: dict[str, Callable[[], None]] = {"frontend": serve, "backend": serve, "worker": work}


def stop_before_the_start(number: int, frame: FrameType | None) -> None:
    """The first process of a container never gets a signal that it has no handler for: SIGTERM would be lost."""
    os._exit(0)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, stop_before_the_start)
    role = os.environ.get("SERVICE_ROLE", "")
    from coursebundler import streams

    if streams.is_production():
        streams.take_over(role)
    if role not in ROLES:
        streams.complain(f"Set SERVICE_ROLE to what this container is: {', '.join(ROLES)}. It is “{role}”.")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError

    try:
        ROLES[role]()
    except (ImproperlyConfigured, CommandError) as error:
        streams.complain(str(error))


if __name__ == "__main__":
    main()
