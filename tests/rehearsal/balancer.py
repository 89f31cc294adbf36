"""A reverse proxy that behaves as AWS documents its Application Load Balancer, as far as incidents show it.

What it follows, all of it from the Elastic Load Balancing user guide as published in November 2026:

- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
  A new target is healthy after one passed check. A check opens a connection of its own. If every target of a group is
  unhealthy, requests go to all of them (“fail open”).
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
  502 if a target refuses the connection or closes it under an outstanding request, 503 if a group has no targets, 504
  if one cannot be reached within 10 s or does not answer within the idle time-out. Nothing there says that a request is
  tried on another target, and an answer on AWS's forum says that it is not
  (https://repost.aws/questions/QUx1Aafz9fQc2nbRlRRZutOA); `tries_another` is for comparing.
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
  A deregistered target gets no new requests; after the delay its connections are closed.

It ends TLS only in what it tells the targets (X-Forwarded-Proto), has one node where AWS has one or more in each zone,
and knows no HTTP/2. It runs in a thread of its own; every method may be called from any other.
"""

import asyncio
import itertools
import random
import secrets
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from tests.rehearsal.targets import Head, State, Stream, Target
from tests.rehearsal.timing import Timing

BACKEND_PATHS = ("/api/", "/admin/", "/webhooks/")
READINESS = "/health/ready"
HEAD_LIMIT = 64 * 1024  # bytes, as ALB's
REASONS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
REFUSED = "connection refused"
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"}


class Failure(Exception):
    """What the balancer answers by itself: a status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass
class Passed:
    """One request as the balancer saw it. Times are time.monotonic()'s; `target` is empty if it reached none."""

    number: str
    began: float
    target: str = ""
    sent: float = 0.0
    ended: float = 0.0
    status: int = 0
    why: str = ""  # the balancer's own reason for its answer


class Balancer:
    def __init__(self, timing: Timing, port: int, *, tries_another: bool = False) -> None:
        self.timing, self.port, self.tries_another = timing, port, tries_another
        self.algorithm = "least_outstanding_requests"  # as in the Terraform; or round_robin
        self.turns = itertools.count()
        self.targets: dict[str, Target] = {}
        self.passed: dict[str, Passed] = {}
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)  # connections that end under us are what this is about
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.is_listening = threading.Event()

    # --- From outside ---
    def start(self) -> None:
        self.thread.start()
        assert self.is_listening.wait(10)

    def close(self) -> None:
        self._call(self._shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def register(self, name: str, port: int, group: str) -> None:
        self._call(self._register(Target(name, port, group)))

    def deregister(self, name: str) -> None:
        """No new requests from now on; returns at once. Safe to repeat."""
        self._call(self._deregister(name))

    def state(self, name: str) -> State:
        target = self.targets.get(name)
        return target.state if target else State.UNUSED

    def healthy(self, group: str) -> list[str]:
        return [one.name for one in list(self.targets.values()) if one.group == group and one.state is State.HEALTHY]

    def _call(self, work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)  # type: ignore[arg-type]

    # --- In its thread ---
    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        listening = asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=HEAD_LIMIT, backlog=512)
        self.server = self.loop.run_until_complete(listening)
        self.is_listening.set()
        self.loop.run_forever()

    async def _shut(self) -> None:
        self.server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=2)
        for target in list(self.targets.values()):
            self._forget(target)
        await asyncio.sleep(0)  # connections that were aborted are closed in the next round

    async def _register(self, target: Target) -> None:
        self.targets[target.name] = target
        target.changes.append((time.monotonic(), State.INITIAL))
        target.checking = self.loop.create_task(self._check_for_ever(target))

    async def _deregister(self, name: str) -> None:
        target = self.targets.get(name)
        if target is None or target.state in (State.DRAINING, State.UNUSED):
            return
        target.become(State.DRAINING)
        if target.checking:
            target.checking.cancel()
        self.loop.call_later(self.timing.deregistration, self._forget, target)

    def _forget(self, target: Target) -> None:
        target.become(State.UNUSED)
        for writer in list(target.streams):
            writer.transport.abort()
        self.targets.pop(target.name, None)

    # --- Health checks ---
    async def _check_for_ever(self, target: Target) -> None:
        """When the first check comes is not documented: after half an interval."""
        await asyncio.sleep(self.timing.check_interval / 2)
        while True:
            began = time.monotonic()
            target.note(passed=await self._check(target))
            await asyncio.sleep(max(0, began + self.timing.check_interval - time.monotonic()))

    async def _check(self, target: Target) -> bool:
        try:
            return await asyncio.wait_for(self._ask_readiness(target), self.timing.check_timeout) == 200
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
            return False

    async def _ask_readiness(self, target: Target) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        try:
            ask = f"GET {READINESS} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            writer.write(f"{ask}Connection: close\r\n\r\n".encode())
            return int((await reader.readuntil(b"\r\n")).split()[1])
        finally:
            writer.close()

    # --- Requests ---
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client's, until it is closed or idle for too long."""
        try:
            while True:
                raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self.timing.idle)
                request = Head.parse(raw)
                body = await reader.readexactly(int(request.get("content-length", "0")))
                if not await self._answer(request, body, writer):
                    break
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Head, body: bytes, client: asyncio.StreamWriter) -> bool:
        """Pass it on, or answer it here. False: the connection to the client must be closed."""
        passed = Passed(request.get("x-rehearsal") or secrets.token_hex(4), time.monotonic())
        self.passed[passed.number] = passed
        try:
            return await self._pass_on(request, body, client, passed)
        except Failure as failure:
            passed.status, passed.why = failure.status, failure.why
            client.write(_own_answer(failure.status))
            await client.drain()
            return True
        finally:
            passed.ended = time.monotonic()

    async def _pass_on(self, request: Head, body: bytes, client: asyncio.StreamWriter, passed: Passed) -> bool:
        path = request.first.split(" ")[1]
        target, stream = await self._connected("backend" if path.startswith(BACKEND_PATHS) else "frontend", passed)
        target.outstanding += 1
        try:
            stream[1].write(_for_target(request, client).raw() + body)
            passed.sent = time.monotonic()
            method = request.first.partition(" ")[0]
            return await self._bring_back(method, stream, client, passed, target)
        finally:
            target.outstanding -= 1

    async def _connected(self, group: str, passed: Passed) -> tuple[Target, Stream]:
        """A target that takes connections, and one to it: one that is idle, or a new one."""
        refused: list[Target] = []
        while True:
            target = self._choose(group, refused)
            passed.target = target.name
            try:
                return target, await self._stream(target)
            except Failure:
                refused.append(target)
                if not (self.tries_another and self._takes_requests(group, refused)):
                    raise

    def _choose(self, group: str, refused: list[Target]) -> Target:
        """The one with the fewest outstanding requests, chance decides between equals; or each in turn."""
        if not (targets := self._takes_requests(group, refused)):
            raise Failure(503, "no targets")
        if self.algorithm == "round_robin":
            return targets[next(self.turns) % len(targets)]
        fewest = min(target.outstanding for target in targets)
        return random.choice([target for target in targets if target.outstanding == fewest])

    def _takes_requests(self, group: str, refused: list[Target]) -> list[Target]:
        """The healthy ones; if there is none, all that are unhealthy; new ones that were never in service never."""
        ours = [one for one in list(self.targets.values()) if one.group == group and one not in refused]
        by_state = {state: [one for one in ours if one.state is state] for state in State}
        return by_state[State.HEALTHY] or by_state[State.UNHEALTHY]

    async def _stream(self, target: Target) -> Stream:
        while target.idle:
            since, (reader, writer) = target.idle.pop()
            is_fresh = time.monotonic() - since < self.timing.idle
            if is_fresh and not reader.at_eof() and not writer.transport.is_closing():
                return reader, writer
            writer.close()
            target.streams.discard(writer)
        try:
            connecting = asyncio.open_connection("127.0.0.1", target.port, limit=HEAD_LIMIT)
            reader, writer = await asyncio.wait_for(connecting, self.timing.connect)
        except TimeoutError as error:
            raise Failure(504, "no connection in time") from error
        except OSError as error:
            raise Failure(502, REFUSED) from error
        target.streams.add(writer)
        return reader, writer

    async def _bring_back(
        self, method: str, stream: Stream, client: asyncio.StreamWriter, passed: Passed, target: Target
    ) -> bool:
        reader, writer = stream
        is_begun = is_reusable = False
        try:
            raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self.timing.idle)
            answer = Head.parse(raw)
            passed.status = int(answer.first.split(" ")[1])
            is_begun = True
            has_end = await self._copy(method, answer, reader, client)
            is_reusable = has_end and answer.get("connection").lower() != "close"
            return has_end
        except TimeoutError as error:
            if is_begun:
                passed.why = "fell silent half-way"
                return False
            raise Failure(504, "no answer in time") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            if is_begun:
                passed.why = "closed half-way"
                return False
            raise Failure(502, "closed under an outstanding request") from error
        finally:
            if is_reusable and target.state is not State.UNUSED:
                target.idle.append((time.monotonic(), stream))
            else:
                writer.close()
                target.streams.discard(writer)

    async def _copy(
        self, method: str, answer: Head, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> bool:
        """The answer to the client, while it comes. False if only the end of the connection is its end."""
        status, length = int(answer.first.split(" ")[1]), answer.get("content-length")
        client.write(Head(answer.first, answer.without(*HOP_BY_HOP)).raw())
        if method == "HEAD" or status in (204, 304):
            pass
        elif answer.get("transfer-encoding").lower() == "chunked":
            await self._copy_chunks(reader, client)
        elif length:
            await self._copy_bytes(int(length), reader, client)
        else:
            while data := await asyncio.wait_for(reader.read(65536), self.timing.idle):
                client.write(data)
                await client.drain()
            return False
        await client.drain()
        return True

    async def _copy_bytes(self, left: int, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while left:
            data = await asyncio.wait_for(reader.read(min(left, 65536)), self.timing.idle)
            if not data:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(data)
            client.write(data)
            await client.drain()

    async def _copy_chunks(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while True:
            line = await asyncio.wait_for(reader.readuntil(b"\r\n"), self.timing.idle)
            client.write(line)
            size = int(line.split(b";")[0], 16)
            await self._copy_bytes(size + 2, reader, client)  # each chunk, and the last line, ends with CRLF
            if not size:
                return


def _for_target(request: Head, client: asyncio.StreamWriter) -> Head:
    """The request with what ALB adds: X-Forwarded-For, -Proto, -Port, and a trace id unless there is one."""
    address = client.get_extra_info("peername")[0]
    ours = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")
    headers = request.without(*HOP_BY_HOP, *ours)
    before = request.get("x-forwarded-for")
    headers.append(("X-Forwarded-For", f"{before}, {address}" if before else address))
    headers += [("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443")]
    if not request.get("x-amzn-trace-id"):
        headers.append(("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"))
    return Head(request.first, headers)


def _own_answer(status: int) -> bytes:
    page = f"<html><head><title>{status} {REASONS[status]}</title></head></html>\r\n".encode()
    headers = [("Server", "awselb/2.0"), ("Content-Type", "text/html"), ("Content-Length", str(len(page)))]
    return Head(f"HTTP/1.1 {status} {REASONS[status]}", headers).raw() + page
