"""From a number of active students to requests, writes and gigabytes. Assumptions are named, with their reason.

"Active" is whoever opens a lecture at least once in the month.
"""

from dataclasses import dataclass

from deploy.simulate.settings import Costs, TaskSize

DATE = "2026-11-22"
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600


@dataclass(frozen=True)
class Assumption:
    value: float
    unit: str
    why: str


ASSUMPTIONS = {
    "sessions_a_day": Assumption(0.2, "sessions a day and active student", "one in five studies on a given day"),
    "session_hours": Assumption(0.5, "hours a session", "one or two lectures"),
    "playing_share": Assumption(0.7, "of a session", "the rest is choosing and reading"),
    "peak_factor": Assumption(3.0, "× the mean over the day", "one evening peak, in one time zone"),
    "report_seconds": Assumption(10, "s between two progress reports", "static/js/player.js: REPORT_EVERY_MS"),
    "page_seconds": Assumption(60, "s between two pages of a student", "a lecture lasts minutes, choosing seconds"),
    "visitor_pages": Assumption(1.0, "pages for visitors per student's page", "the catalogue is public"),
    "call_share": Assumption(0.05, "of all requests go to the backend", "webhooks, calls, staff"),
    "answer_kilobytes": Assumption(6, "KB an answer of the site", "gzipped pages are 2–5 KB (make bench), and headers"),
    "static_kilobytes": Assumption(60, "KB of static files a session", "cached for a year; changes with each release"),
    "video_gb_an_hour": Assumption(0.68, "GB an hour of video", "1.5 Mbit/s, 720p"),
    "log_kilobytes": Assumption(0.8, "KB of logs a request", "one JSON line and its metrics"),
    "commands": Assumption(7, "database commands a request", "bench/school.py counts 5 to 8 for a student's pages"),
    "writes_a_report": Assumption(1, "write a report", "courses/progress.py: a conditional update"),
    "io_a_write": Assumption(2, "I/O a write", "AWS bills 4 KB of log each; a document and its index entries"),
    "io_a_command": Assumption(0.1, "I/O a reading command", "nearly all pages come from the instance's memory"),
    "orders_a_month": Assumption(0.05, "orders a month and active student", "one in twenty buys something"),
    "order_kilobytes": Assumption(60, "KB through NAT an order", "three calls of the gateway, a receipt by mail"),
    "stored_kilobytes": Assumption(40, "KB in the database a student", "progress, grants, sessions, orders"),
    "requests_a_connection": Assumption(20, "requests a connection", "CloudFront keeps those to the origin open"),
    "load": Assumption(0.65, "of the processors at the peak", "between the policies' 30 and 70 %"),
}  # fmt: skip


def assume(name: str) -> float:
    return ASSUMPTIONS[name].value


@dataclass(frozen=True)
class Demand:
    """At the daily peak, unless a month is named."""

    students: int
    watching: float
    reports: float  # a second
    student_pages: float
    visitor_pages: float
    calls: float

    @property
    def requests(self) -> float:
        return self.reports + self.student_pages + self.visitor_pages + self.calls

    @property
    def writes(self) -> float:
        return self.reports * assume("writes_a_report")

    @property
    def commands(self) -> float:
        return self.requests * assume("commands")

    @property
    def month_requests(self) -> float:
        return self.requests / assume("peak_factor") * SECONDS_A_MONTH

    @property
    def month_io(self) -> float:
        mean = (self.writes * assume("io_a_write") + self.commands * assume("io_a_command")) / assume("peak_factor")
        return mean * SECONDS_A_MONTH

    @property
    def orders(self) -> float:
        return self.students * assume("orders_a_month")

    @property
    def nat_gb(self) -> float:
        return self.orders * assume("order_kilobytes") / 1e6

    @property
    def site_gb(self) -> float:
        """Answers of the site, a month; CloudFront passes them on."""
        return self.month_requests * assume("answer_kilobytes") / 1e6

    @property
    def month_sessions(self) -> float:
        return self.students * assume("sessions_a_day") * HOURS_A_MONTH / 24

    @property
    def video_gb(self) -> float:
        hours = self.month_sessions * assume("session_hours") * assume("playing_share")
        return hours * assume("video_gb_an_hour")

    @property
    def edge_gb(self) -> float:
        """All that CloudFront sends in a month."""
        return self.video_gb + self.site_gb + self.month_sessions * assume("static_kilobytes") / 1e6

    @property
    def logs_gb(self) -> float:
        return self.month_requests * assume("log_kilobytes") / 1e6

    @property
    def database_gb(self) -> float:
        return self.students * assume("stored_kilobytes") / 1e6

    def lcus(self) -> float:
        """Load balancer capacity units at the peak: the largest of connections, open connections and bytes.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/capacity-unit-reservation.html
        """
        new = self.requests / assume("requests_a_connection") / 25
        gigabytes_an_hour = self.requests * assume("answer_kilobytes") * 3600 / 1e6
        return max(new, gigabytes_an_hour)

    def processors(self, costs: Costs) -> float:
        """Busy processors of the frontend at the peak."""
        learning = (self.reports + self.student_pages) * costs.milliseconds["learning"]
        return (learning + self.visitor_pages * costs.milliseconds["catalogue"]) / 1000

    def tasks(self, costs: Costs, size: TaskSize, least: int = 2) -> int:
        """Frontend tasks at the peak."""
        return max(least, -int(-self.processors(costs) / size.processors / assume("load") // 1))

    def backend_tasks(self, costs: Costs, size: TaskSize, least: int = 2) -> int:
        busy = self.calls * costs.milliseconds["api"] / 1000
        return max(least, -int(-busy / size.processors / assume("load") // 1))


def demand(students: int, report_seconds: float | None = None) -> Demand:
    mean = students * assume("sessions_a_day") * assume("session_hours") / 24
    here = mean * assume("peak_factor")
    watching = here * assume("playing_share")
    reports = watching / (report_seconds or assume("report_seconds"))
    pages = here / assume("page_seconds")
    visitors = pages * assume("visitor_pages")
    calls = (reports + pages + visitors) * assume("call_share") / (1 - assume("call_share"))
    return Demand(students, watching, reports, pages, visitors, calls)
