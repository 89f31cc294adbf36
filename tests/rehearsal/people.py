"""Visitors, students, buyers, programs and staff, each with one connection that stays open, as browsers have.

Every request is written down with what became of it (`Fate`), and so is whatever the site said it had written.
"""

import gzip
import http.client
import itertools
import json
import random
import re
import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html import unescape
from typing import Any
from urllib.parse import urlencode

HOST = "courses.example.org"
CSRF = "a" * 32
TIMEOUT_SECONDS = 75
NUMBERS = itertools.count(1)  # of connections
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')
# Of journeys, not of requests: most people look around, a few buy.
JOURNEYS = {"look": 35, "study": 40, "buy": 10, "call": 10, "administer": 5}


class Fate(StrEnum):
    OK = "ok"
    WRONG = "answered otherwise than it should (4xx)"
    SITE = "5xx by the site"
    BALANCER = "5xx by the balancer"
    REFUSED = "connection refused"
    CUT = "connection cut off"


@dataclass(frozen=True)
class Asked:
    """One request. `began` is time.monotonic()'s; `number` is how the balancer knows it."""

    number: str
    kind: str
    began: float
    seconds: float
    fate: Fate
    status: int
    can_retry: bool = False  # it said Retry-After


@dataclass
class Told:
    """What the site acknowledged; none of it may be lost."""

    orders: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    progress: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """Where it is, what is in it, and how the gateway is asked (None: nobody pays)."""

    port: int
    school: dict[str, Any]
    pay: Callable[[str], dict[str, str]] | None = None
    is_direct: bool = False  # no balancer in front that would add its headers


class Client:
    def __init__(self, site: Site, number: int, session: str, asked: list[Asked]) -> None:
        self.site, self.number, self.asked, self.count = site, next(NUMBERS), asked, 0
        self.said = ""  # the last answer's body, whatever it was
        self.connection: http.client.HTTPConnection | None = None
        self.headers = {
            "Host": HOST,
            "Origin": f"https://{HOST}",
            "Accept-Encoding": "gzip",
            # As CloudFront sends it: the address of who asks.
            "X-Forwarded-For": f"198.51.100.{number % 250}" + (", 192.0.2.1" if site.is_direct else ""),
        }
        if site.is_direct:
            self.headers["X-Forwarded-Proto"] = "https"
        if session:
            self.headers["Cookie"] = f"__Host-sessionid={session}; __Host-csrftoken={CSRF}"
            self.headers["X-CSRFToken"] = CSRF

    def ask(self, kind: str, path: str, body: Any = None, *, expected: tuple[int, ...] = (200,)) -> str | None:
        """The page as text, or None if it did not come as it should. `body`: fields of a form, or bytes of JSON."""
        self.count += 1
        number, began = f"{self.number}.{self.count}", time.monotonic()
        headers = self.headers | {"X-Rehearsal": number}
        if body is not None:
            is_json = isinstance(body, bytes)
            headers["Content-Type"] = "application/json" if is_json else "application/x-www-form-urlencoded"
            body = body if is_json else urlencode(body, doseq=True).encode()
        fate, answer, content = self._send("GET" if body is None else "POST", path, body, headers, expected)
        status, can_retry = (answer.status, "Retry-After" in answer.headers) if answer else (0, False)
        self.asked.append(Asked(number, kind, began, time.monotonic() - began, fate, status, can_retry))
        self.said = readable(answer, content) if answer else ""
        return self.said if fate is Fate.OK else None

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], expected: tuple[int, ...]
    ) -> tuple[Fate, http.client.HTTPResponse | None, bytes]:
        try:
            connection = self._connected()
        except OSError:
            return Fate.REFUSED, None, b""
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.hang_up()
            return Fate.CUT, None, b""
        if response.will_close:
            self.hang_up()
        return fate_of(response, expected), response, content

    def _connected(self) -> http.client.HTTPConnection:
        """The one that is open, unless it was closed meanwhile, as a browser sees before it sends."""
        if self.connection and select.select([self.connection.sock], [], [], 0)[0]:
            self.hang_up()
        if self.connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=TIMEOUT_SECONDS)
            connection.connect()
            self.connection = connection
        return self.connection

    def hang_up(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


def fate_of(response: http.client.HTTPResponse, expected: tuple[int, ...]) -> Fate:
    if response.status >= 500:
        return Fate.BALANCER if response.headers.get("Server", "").startswith("awselb") else Fate.SITE
    return Fate.OK if response.status in expected else Fate.WRONG


def readable(response: http.client.HTTPResponse, content: bytes) -> str:
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    return content.decode(errors="replace")


def hidden(page: str) -> dict[str, str]:
    return {unescape(name): unescape(value) for name, value in HIDDEN.findall(page)}


class Person:
    """Begins one journey after the other, as chance (with a seed) decides."""

    def __init__(self, site: Site, number: int, asked: list[Asked], told: Told, think_seconds: float = 0) -> None:
        school, count = site.school, len(site.school["students"])
        self.site, self.number, self.asked, self.told = site, number % count, asked, told
        self.chance, self.think_seconds, self.position = random.Random(number), think_seconds, 0
        self.visitor = Client(site, number, "", asked)
        self.student = Client(site, number, school["students"][self.number], asked)
        self.staff = Client(site, number, school["staff"][number % 2], asked)
        # Nobody else buys for this student, and nothing twice.
        self.wanted = list(school["courses"])
        self.chance.shuffle(self.wanted)

    def steps(self, journeys: dict[str, int]) -> Iterator[None]:
        """Without end; a step is one request."""
        while True:
            [name] = self.chance.choices(list(journeys), list(journeys.values()))
            yield from getattr(self, name)()

    def think(self) -> float:
        return self.chance.uniform(0.5, 1.5) * self.think_seconds

    # --- Journeys ---
    def look(self) -> Iterator[None]:
        course = self.chance.choice(self.site.school["courses"])
        for kind, path in (("home", "/"), ("catalogue", "/courses"), ("search", "/courses?q=knots")):
            self.visitor.ask(kind, path)
            yield
        self.visitor.ask("course", course["url"])
        yield

    def study(self) -> Iterator[None]:
        self.student.ask("my courses", "/my/courses")
        yield
        lecture = self.chance.choice(self.site.school["lectures"])
        self.student.ask("lecture", lecture)
        yield
        self.student.ask("video", f"{lecture}/video", expected=(302,))
        yield
        self.student.ask("captions", f"{lecture}/captions.vtt")
        yield
        for _ in range(4):
            self.watch(lecture)
            yield

    def watch(self, lecture: str) -> None:
        began, self.position = self.position, (self.position + 10) % 30_000
        report = {"position": self.position, "ranges": [[began, self.position]] if began < self.position else []}
        if self.student.ask("progress", f"{lecture}/progress", json.dumps(report).encode()) is not None:
            key = f"student{self.number}@example.org {lecture.rstrip('/').rpartition('/')[2]}"
            self.told.progress[key] = max(self.position, self.told.progress.get(key, 0))

    def buy(self) -> Iterator[None]:
        if not (self.wanted and self.site.pay):
            return
        path = f"/checkout/courses/{self.wanted.pop()['slug']}"
        page = self.student.ask("checkout", path, expected=(200, 302))
        yield
        form = hidden(page or "")
        if "amount_paise" not in form:
            return
        leads_on = self.student.ask("pay", path, form, expected=(200, 302))
        yield
        order_id = hidden(leads_on or "").get("order_id", "")
        if not order_id:
            return
        self.told.orders.append(order_id)
        returned = self.site.pay(order_id)
        if returned and self.student.ask("return", "/checkout/callback", returned, expected=(303,)) is not None:
            self.told.paid.append(order_id)
        yield
        self.student.ask("orders", "/orders")
        yield

    def call(self) -> Iterator[None]:
        self.visitor.ask("api: courses", "/api/v1/courses")
        yield
        self.student.ask("api: access", "/api/v1/access")
        yield
        self.student.ask("api: me", "/api/v1/me")
        yield

    def administer(self) -> Iterator[None]:
        for path in ("/admin/", "/admin/payments/order/", "/admin/courses/course/"):
            self.staff.ask("admin", path)
            yield


class Crowd:
    """So many people at once, each in a thread, until the block ends; `asked` and `told` are what happened."""

    def __init__(
        self, site: Site, people: int, *, think_seconds: float, journeys: dict[str, int] = JOURNEYS, seed: int = 0
    ) -> None:
        self.asked: list[Asked] = []
        self.told, self.stop = Told(), threading.Event()
        self.people = [Person(site, seed + n, self.asked, self.told, think_seconds) for n in range(people)]
        self.threads = [threading.Thread(target=self._live, args=[one, journeys], daemon=True) for one in self.people]

    def _live(self, person: Person, journeys: dict[str, int]) -> None:
        for _ in person.steps(journeys):
            if self.stop.wait(person.think()):
                break
        for client in (person.visitor, person.student, person.staff):
            client.hang_up()

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(TIMEOUT_SECONDS)
