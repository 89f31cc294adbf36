"""Which deployments are planned and applied, and what is looked at in each."""

from dataclasses import dataclass

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler-{}@sha256:" + "0" * 64


@dataclass(frozen=True)
class Deployment:
    """One set of values.

    Args:
        settings: beside those of environments/<environment>.tfvars.
        is_planned_again: whether a second plan is made, too; what the others would show there, these do.
    """

    name: str
    environment: str
    standby: str = "none"
    settings: tuple[str, ...] = ()
    is_planned_again: bool = True

    @property
    def arguments(self) -> list[str]:
        """For terraform plan and apply."""
        given = [f"image={IMAGE.format(self.environment)}", f"standby={self.standby}", *self.settings]
        return [
            f"-var-file=environments/{self.environment}.tfvars",
            *(f"-var={value}" for value in given),
            f"-state={self.name}.tfstate",
        ]


GLOBAL = ("database_dr=global-cluster", "database_instance_class=db.r6g.large")
SNAPSHOT = ("standby_database_snapshot=arn:aws:rds:us-west-2:123456789012:cluster-snapshot:nightly",)
LAUNCH = 'launches=[{name="diwali",start="2027-10-29T12:30:00Z",end="2027-10-29T16:30:00Z",tasks=8}]'
PRODUCTION = Deployment("production", "production")
DEPLOYMENTS = [
    PRODUCTION,
    Deployment("production-warm", "production", "warm", (*GLOBAL, LAUNCH)),
    Deployment("staging", "staging"),
    Deployment("production-pilot-light", "production", "pilot-light", is_planned_again=False),
    Deployment("production-serving", "production", "serving", SNAPSHOT, is_planned_again=False),
]
