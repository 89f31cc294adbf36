"""The clocks of the deployment, as deploy/ sets them, in seconds; the short form runs all of them faster."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Timing:
    # The load balancer (deploy/terraform/region/balancer.tf)
    check_interval: float = 10
    check_timeout: float = 5
    grace: float = 60  # health_check_grace_period_seconds
    idle: float = 60
    connect: float = 10  # “HTTP 504: Gateway timeout” of its troubleshooting page (balancer.py)
    deregistration: float = 30
    # The container (coursebundler/start.py, deploy/ecs/)
    drain: int = 25
    graceful: float = 50
    stop_timeout: float = 90
    container_check: float = 30
    start_period: float = 30
    # What ECS does and nobody can set: to see that a task is gone takes it 3 to 5 s
    # (https://github.com/aws/containers-roadmap/issues/708), and a new one some time to be placed.
    notice: float = 5
    replaces_unhealthy: bool = True  # ECS starts a successor for each task that the balancer calls unhealthy
    # The design's promises
    failover: float = 30
    database: float = 60

    def faster(self, factor: float) -> "Timing":
        """All of it, except how long gunicorn lets a request finish and what the design promises."""
        changed = {each.name: getattr(self, each.name) / factor for each in fields(self) if each.name not in KEPT}
        # Two checks and the time that they may take, which is the machine's.
        drain = round(CHECKS_UNTIL_UNHEALTHY * changed["check_interval"] + self.check_timeout)
        return replace(self, **changed | {"drain": drain, "replaces_unhealthy": False})


SHORT_FACTOR = 5  # of the short form
CHECKS_UNTIL_UNHEALTHY = 2
CHECKS_UNTIL_HEALTHY = 2
KEPT = {
    *("check_timeout", "grace", "start_period", "connect", "idle", "graceful", "stop_timeout"),
    *("replaces_unhealthy", "failover", "database"),
}
