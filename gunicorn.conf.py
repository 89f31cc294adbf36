"""How gunicorn serves the site; `make run`, the container and the tests all start it with this file."""

import os

bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104  (a container's door)
worker_class = "gthread"
# Two processes use two cores; threads wait for the database and for slow clients meanwhile.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
# Loaded once before the workers are forked: they share its memory, and a broken setting stops the start at once.
preload_app = True
# Longer than a load balancer's idle time-out (60 s): otherwise it may send a request into a closing connection.
keepalive = 75
# Shorter than the 60 s after which ECS kills a stopping task.
graceful_timeout = 50
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
