"""The steps of a release, in their order. Each can be repeated, and begun with."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from deploy.rollout import images, infrastructure, schedules, services, smoke, static, tasks
from deploy.rollout.aws import Aws
from deploy.rollout.failure import Failed
from deploy.rollout.place import FAMILIES, SERVICES, Place, refuse_another_account
from deploy.rollout.pretend import DIGEST
from deploy.rollout.programs import Programs


@dataclass
class Release:
    """One version on its way to one place."""

    place: Place
    aws: Aws
    programs: Programs
    site: str = ""
    revision: str = ""
    architecture: str = "X86_64"

    @property
    def tag(self) -> str:
        return self.revision[:12]

    @property
    def image(self) -> str:
        """By its digest; it has been pushed."""
        digest = DIGEST if self.aws.is_dry else images.digest_of(self.aws, self.place, self.tag)
        if not digest:
            raise Failed(f"The registry has no image of {self.tag}.", "Build and push it: repeat with --from image.")
        return f"{self.place.repository}@{digest}"

    def definition(self, role: str) -> str:
        return tasks.register(self.aws, self.place, role, self.image)


def check(release: Release) -> None:
    """The right account, everything in a commit, a cluster that is there and at rest."""
    caller = release.aws.ask("sts", "get_caller_identity")
    refuse_another_account(release.place, caller["Account"])
    if release.programs.ask("git", "status", "--porcelain"):
        raise Failed(
            "There are changes that are in no commit.", "Commit them, or put them away: what is released has a name."
        )
    in_use = services.in_use(release.aws, release.place)
    for name, arn in in_use.items():
        release.aws.say(f"  {name} runs {arn.rpartition('/')[2]}")
    services.refuse_another_deployment(release.aws, release.place)


def image(release: Release) -> None:
    """Build it, unless the registry has this commit's already."""
    if not release.aws.is_dry and images.digest_of(release.aws, release.place, release.tag):
        release.aws.say(f"  The registry has {release.tag} already.")
        return
    images.build(release.programs, release.place, release.tag, release.revision, release.architecture)


def push(release: Release) -> None:
    """Push it, unless it is there."""
    if release.aws.is_dry or not images.digest_of(release.aws, release.place, release.tag):
        images.push(release.aws, release.programs, release.place, release.tag)
    release.aws.say(f"  {release.image}")


def scan(release: Release) -> None:
    """Wait for the registry's scan; a critical weakness stops the release."""
    found = images.wait_for_scan(release.aws, release.place, release.image.partition("@")[2])
    release.aws.say(f"  Weaknesses: {found or 'none'}")


def plan(release: Release) -> None:
    """Terraform has nothing to do but what a release does."""
    infrastructure.plan(release.programs, release.place, release.image)


def migrate(release: Release) -> None:
    """As a task of the new version, before any of its code serves; the code that serves must bear the new tables."""
    arn = release.definition("migrate")
    label = f"migrate-{release.tag}"
    tasks.refuse_another_migration(release.aws, release.place, label)
    tasks.run(release.aws, release.place, arn, ["migrate", "--no-input"], label)
    tasks.run(release.aws, release.place, arn, ["create_roles"], f"roles-{release.tag}")


def upload_static(release: Release) -> None:
    """Style sheets and scripts, before a page names them."""
    static.publish(release.aws, release.programs, release.place, release.image)


def register(release: Release) -> None:
    """Task definitions with the new image, everything else as it is."""
    for role in FAMILIES:
        release.aws.say(f"  {release.definition(role).rpartition('/')[2]}")


def roll(release: Release) -> None:
    """Services get the new tasks, ECS waits for them to be healthy; if not, everything goes back."""
    definitions = {name: release.definition(name) for name in SERVICES}
    services.refuse_another_deployment(release.aws, release.place, definitions)
    services.roll(release.aws, release.place, definitions)


def point_schedules(release: Release) -> None:
    """Scheduled commands run the new version too."""
    count = schedules.point(release.aws, release.place, release.definition("scheduled"))
    release.aws.say(f"  {count} schedules.")


def smoke_test(release: Release) -> None:
    """From outside: pages, static files, API, webhook, admin."""
    site = release.site or site_of(release.aws, release.place)
    if release.aws.is_dry:
        for name in smoke.checks(site):
            release.aws.say(f"? {site}: {name}")
        return
    smoke.look(site, release.aws.say)


def site_of(aws: Aws, place: Place) -> str:
    definition = tasks.definition_of(aws, place.family("frontend"))
    return tasks.variable(definition, "SITE_URL").rstrip("/")


STEPS: dict[str, Callable[[Release], None]] = {
    "check": check,
    "image": image,
    "push": push,
    "scan": scan,
    "plan": plan,
    "migrate": migrate,
    "static": upload_static,
    "register": register,
    "roll": roll,
    "schedules": point_schedules,
    "smoke": smoke_test,
}


def rollback(release: Release, *, is_further: bool = False) -> None:
    """Every service to its previous version, schedules too. Tables stay as they are: the older code bears them.

    Said twice, it does not go back twice: unless `is_further`, services that do not run the newest stay.
    """
    check_account(release)
    in_use = services.in_use(release.aws, release.place)
    moved = {name for name, arn in in_use.items() if is_further or services.is_newest(release.aws, arn)}
    if not moved:
        raise Failed(
            "The services run a version older than the newest already: it was taken back, or never came.",
            f"One version further back: deploy/deploy rollback {release.place.environment} --further",
        )
    # A release that was stopped half-way has moved some of them only.
    before = {
        name: services.previous(release.aws, release.place, arn) if name in moved else arn
        for name, arn in in_use.items()
    }
    one_image = {tasks.image_of(tasks.definition_of(release.aws, arn)) for arn in before.values()}
    if len(one_image) > 1:
        raise Failed(
            f"The services' previous versions differ: {', '.join(sorted(one_image))}.",
            "Release the version that you want: git checkout <tag>, then deploy/deploy release.",
        )
    for name, arn in before.items():
        release.aws.say(f"  {name} goes back to {arn.rpartition('/')[2]}")
    services.roll(release.aws, release.place, before)
    [image_name] = one_image
    schedules.point(release.aws, release.place, tasks.register(release.aws, release.place, "scheduled", image_name))


def check_account(release: Release) -> None:
    refuse_another_account(release.place, release.aws.ask("sts", "get_caller_identity")["Account"])


def print_image(release: Release) -> None:
    """The image that the backend runs, or will: for terraform's `-var image=`, and nothing else on standard output."""
    check_account(release)
    arn = services.in_use(release.aws, release.place)["backend"]
    found = tasks.image_of(tasks.definition_of(release.aws, arn))
    print(found)


def status(release: Release) -> None:
    """What runs: task definition, image, tasks."""
    check_account(release)
    for name, service in services.described(release.aws, release.place).items():
        arn = service["taskDefinition"]
        image_name = tasks.image_of(tasks.definition_of(release.aws, arn)).rpartition("/")[2]
        release.aws.say(
            f"{name:9} {arn.rpartition('/')[2]:40} {image_name} {service.get('runningCount', 0)} of"
            f" {service.get('desiredCount', 0)} tasks, {len(service['deployments'])} deployments"
        )


def run_command(release: Release, command: list[str], *, is_newest: bool = False) -> None:
    """One management command as a task of the version that the worker runs, or of the newest one that is registered."""
    check_account(release)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", command[0]):
        raise Failed(
            f"“{command[0]}” is not the name of a command.", "For example: deploy/deploy run staging -- create_roles"
        )
    in_use = services.in_use(release.aws, release.place)["worker"]
    worker = release.place.family("worker") if is_newest else in_use
    image_name = tasks.image_of(tasks.definition_of(release.aws, worker))
    family = "scheduled" if tasks.role_arn(release.place, command) else "migrate"
    arn = tasks.register(release.aws, release.place, family, image_name)
    # The whole command: another date is another task.
    digest = hashlib.sha256(json.dumps(command).encode()).hexdigest()[:8]
    tasks.run(release.aws, release.place, arn, command, f"run-{command[0][:40]}-{digest}")
