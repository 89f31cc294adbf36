"""gunicorn's process with threads, and one more thread that answers /health/live alone.

While all of its threads wait for a database or for slow people, a process is busy and not ill: a check that waited
behind them would have it restarted, and everybody's requests with it. /health/ready does wait behind them, so that a
task that is too busy to answer in time gets nothing new for a while.
"""

import selectors
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from coursebundler.logs import request_fields

# All threads at work for so long, and none comes back: then the process is ill, and nobody answers for it.
STUCK_SECONDS = 120
BEGINNINGS = (b"GET /health/live ", b"HEAD /health/live ")
LONGEST_CHECK = 4096


def is_liveness_check(connection: socket.socket) -> bool:
    """Whether a whole request for /health/live has come in: for half of one the thread would have to wait."""
    try:
        request = connection.recv(LONGEST_CHECK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
    has_body = b"\ncontent-length" in request.lower() or b"\ntransfer-encoding" in request.lower()
    return request.startswith(BEGINNINGS) and request.endswith(b"\r\n\r\n") and not has_body


class WebWorker(ThreadWorker):
    """Everything but the work of threads happens in the main thread, so that nothing here needs a lock."""

    def init_process(self) -> None:
        self.liveness_pool = ThreadPoolExecutor(1, thread_name_prefix="liveness")
        self.at_work = 0
        self.changed_at = time.monotonic()
        super().init_process()

    def run(self) -> None:
        super().run()
        self.liveness_pool.shutdown(wait=False)

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
        conn.is_liveness_check = not self.is_stuck() and is_liveness_check(conn.sock)
        if not conn.is_liveness_check:
            self.changed_at = self.changed_at if self.at_work else time.monotonic()
            self.at_work += 1
            super().enqueue_req(conn)
            return
        done = self.liveness_pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        if not conn.is_liveness_check:
            self.at_work -= 1
            self.changed_at = time.monotonic()
        super().finish_request(conn, fs)

    def is_stuck(self) -> bool:
        return self.at_work >= self.cfg.threads and time.monotonic() - self.changed_at > STUCK_SECONDS
