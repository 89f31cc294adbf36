"""How gunicorn serves the site; `make run`, the container and the tests all start it with this file."""

import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from coursebundler import drain, logs, metrics, streams
from coursebundler.environment import whole_number


def number(name: str, text: str, *, at_least: int, at_most: int = 65535) -> int:
    """The value of the variable; anything but a whole number ends the start with a sentence."""
    try:
        return whole_number(name, text, at_least=at_least, at_most=at_most)
    except ImproperlyConfigured as error:
        streams.complain(str(error))


port = number("PORT", os.environ.get("PORT", "8000"), at_least=0)
bind = f"{os.environ.get('HOST', '0.0.0.0')}:{port}"  # noqa: S104  (a container's door)
worker_class = "coursebundler.web_worker.WebWorker"
# Two processes use two cores; threads wait for the database and for slow clients meanwhile.
workers = number("WEB_CONCURRENCY", os.environ.get("WEB_CONCURRENCY", "2"), at_least=1, at_most=100)
threads = number("WEB_THREADS", os.environ.get("WEB_THREADS", "4"), at_least=1, at_most=1000)
# Loaded once before the workers are forked: they share its memory, and a broken setting stops the start at once.
preload_app = True
# Longer than a load balancer's idle time-out (60 s): otherwise it may send a request into a closing connection.
keepalive = 75
# How long it serves on after SIGTERM while /health/ready says no (coursebundler/drain.py); 0 for not at all. That is
# longer than the load balancer needs to see it: two checks, 10 s apart, of at most 5 s. Then graceful_timeout for what
# is in flight. Both together are shorter than the 90 s after which ECS kills a stopping task (deploy/check looks), and
# with the most that is possible here still shorter than the 120 s that Fargate allows.
graceful_timeout = 50
drain_seconds = number("DRAIN_SECONDS", os.environ.get("DRAIN_SECONDS", "25"), at_least=0, at_most=65)
timeout = 60
# A worker is replaced now and then, not both at once; what leaks, leaks little.
max_requests = 20_000
max_requests_jitter = 2_000
# Workers report that they live through a file; on a slow disk that report blocks them.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
# Which forwarded headers count is decided by PROXY_COUNT in the settings, not here.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True
accesslog = None
proc_name = "coursebundler"
# gunicorn's own words are JSON as well, except on a laptop.
if streams.is_production():
    logconfig_dict = logs.configuration(level="INFO", service=os.environ.get("SERVICE_ROLE", "site"))


def when_ready(server: Any) -> None:
    drain.on_sigterm(drain_seconds)


def pre_request(worker: Any, request: Any) -> None:
    """While it drains, no connection is kept: gunicorn will close them, and somebody might just be sending on one."""
    if drain.has_begun():
        request.force_close()


def worker_exit(server: Any, worker: Any) -> None:
    metrics.requests.flush()
