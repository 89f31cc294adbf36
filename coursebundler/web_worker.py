"""gunicorn's process with threads, and some more threads for health checks alone.

While all of its threads wait for a database or for slow people, a process is busy and not ill: a health check that
waited behind them would have it restarted, and everybody's requests with it.
"""

import selectors
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from coursebundler.logs import request_fields

# One may be asking the database (coursebundler/health.py); the other is left for /health/live.
HEALTH_THREADS = 2
# All threads at work for so long, and none comes back: then the process is ill, and nobody answers for it.
STUCK_SECONDS = 120
BEGINNINGS = (b"GET /health/", b"HEAD /health/")
LONGEST_CHECK = 4096


def is_health_check(connection: socket.socket) -> bool:
    """Whether a whole request for /health/… has come in: for half of one a thread would have to wait."""
    try:
        request = connection.recv(LONGEST_CHECK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
    has_body = b"\ncontent-length" in request.lower() or b"\ntransfer-encoding" in request.lower()
    return request.startswith(BEGINNINGS) and request.endswith(b"\r\n\r\n") and not has_body


class WebWorker(ThreadWorker):
    """Everything but the work of threads happens in the main thread, so that nothing here needs a lock."""

    def init_process(self) -> None:
        self.health_pool = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        self.at_work = 0
        self.changed_at = time.monotonic()
        super().init_process()

    def run(self) -> None:
        super().run()
        self.health_pool.shutdown(wait=False)

    def accept(self, listener: socket.socket) -> None:
        """As gunicorn's, but a thread is chosen only once something was asked."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, readable)

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once it stops. Those who have asked nothing yet are not waited for either."""
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)

    def handle(self, conn: TConn) -> Any:
        """In a thread. What gunicorn says of a broken request must not bear the id of the one before."""
        request_fields.set({})
        return super().handle(conn)

    def enqueue_req(self, conn: TConn) -> None:
        conn.is_health_check = not self.is_stuck() and is_health_check(conn.sock)
        if not conn.is_health_check:
            self.changed_at = self.changed_at if self.at_work else time.monotonic()
            self.at_work += 1
            super().enqueue_req(conn)
            return
        done = self.health_pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        if not conn.is_health_check:
            self.at_work -= 1
            self.changed_at = time.monotonic()
        super().finish_request(conn, fs)

    def is_stuck(self) -> bool:
        return self.at_work >= self.cfg.threads and time.monotonic() - self.changed_at > STUCK_SECONDS
