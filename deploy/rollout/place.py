"""The names of things in one environment (as deploy/terraform makes them), and the guard that it is the right one."""

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.rollout.failure import Failed, Misused

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS = ("production", "staging")
REGIONS = ("us-east-1", "us-west-2")
PRIMARY = "us-east-1"
SERVICES = ("backend", "worker", "frontend")
FAMILIES = (*SERVICES, "migrate", "scheduled")


@dataclass(frozen=True)
class Place:
    environment: str
    account: str
    region: str = PRIMARY
    name: str = "coursebundler"

    @property
    def prefix(self) -> str:
        """Of every resource; the cluster, the repository and the group of schedules are called just so."""
        return f"{self.name}-{self.environment}"

    @property
    def repository(self) -> str:
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com/{self.prefix}"

    @property
    def static_bucket(self) -> str:
        return f"{self.prefix}-static-{self.account}"

    def family(self, role: str) -> str:
        return f"{self.prefix}-{role}"


def place_of(environment: str, account: str, region: str) -> Place:
    """Raises Misused for what cannot be meant."""
    if environment not in ENVIRONMENTS:
        raise Misused(f"There is no environment “{environment}”.", f"Name one of {', '.join(ENVIRONMENTS)}.")
    if region not in REGIONS:
        raise Misused(f"The site is not in {region}.", f"Name one of {', '.join(REGIONS)}.")
    if not re.fullmatch(r"\d{12}", account):
        raise Misused(
            f"“{account}” is not the number of an AWS account." if account else "Which AWS account is meant?",
            "Name it with --account 123456789012 or the variable DEPLOY_ACCOUNT: it is compared with the one that you"
            " are logged in to.",
        )
    return Place(environment, account, region)


def refuse_another_account(place: Place, found: str) -> None:
    if found != place.account:
        raise Failed(
            f"You are logged in to account {found}; {place.environment} is in {place.account}.",
            "Nothing was changed. Choose the right profile (AWS_PROFILE), and start again.",
        )
