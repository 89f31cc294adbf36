"""What no plan knows: how much of everything is used in a month. From the number of students, and assumptions."""

from dataclasses import dataclass

from deploy.simulate.students import HOURS_A_MONTH, Demand, assume, demand

DATE = "2026-11-22"
# Assumptions, each with its unit; the document prints them.
MEDIA_GB = 50.0  # of videos and pictures, each kept in both regions
NEW_MEDIA_GB = 5.0  # uploaded in a month, by way of the nearest edge, and replicated
IMAGES_GB = 2.0  # in each registry, after its lifecycle policy
IMAGES_SCANNED = 20.0  # new ones a month
ROUTES = 60  # that are asked for in an hour, and so have their three metrics
SERVICE_METRICS = 30
INSIGHTS_METRICS = 30  # of a service, and of a task
FLOW_LOG_SHARE = 0.02  # bytes of flow and access logs for each byte of answers
PLATFORM_LOGS_GB = 6.0  # AWS's own: Container Insights' events, DNS, trail
COMPRESSED = 0.15  # of what is taken in is kept
SCHEDULED_MINUTES = 2.0  # of a task, for one scheduled command
CONFIG_ITEMS = 1_000  # a month and region: tasks' network interfaces come and go
SECURITY_CHECKS = 3_000  # a month and region
CHANGED_A_DAY = 0.1  # of the database: the size of a night's snapshot beyond the first
OTHER_NAT_GB = 5.0  # through NAT besides orders: updates of lists, calls of AWS without an endpoint
IMAGES_PULLED_GB = 10.0  # by tasks that start, a month
FOR_EVER_DAYS = 3_653  # what a group without a limit is counted for


@dataclass(frozen=True)
class Usage:
    """A month. With `is_full`, the largest number of web tasks runs all the time, in the primary region."""

    need: Demand
    is_full: bool

    @property
    def database_gb(self) -> float:
        return 10 + self.need.database_gb

    @staticmethod
    def metrics(*, by_route: bool) -> float:
        return SERVICE_METRICS + (3 * ROUTES if by_route else 0)

    @property
    def logs_gb(self) -> float:
        return PLATFORM_LOGS_GB + self.need.logs_gb

    def logs_stored_gb(self, days: int) -> float:
        return self.logs_gb * COMPRESSED * days / 30

    @property
    def lcu_hours(self) -> float:
        """Charged by the hour; below one unit nothing is rounded up."""
        return self.need.lcus() / assume("peak_factor") * HOURS_A_MONTH


def usage(students: int, *, is_full: bool = False) -> Usage:
    return Usage(demand(students), is_full)
