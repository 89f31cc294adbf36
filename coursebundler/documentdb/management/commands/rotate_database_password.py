from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from coursebundler.documentdb.rotation import USERS, Cluster, Rotation, RotationError, other_user
from coursebundler.logs import log_event


class Command(BaseCommand):
    help = (
        "Gives the application's database user a new password, in Secrets Manager (DATABASE_SECRET_ARN) and in the"
        " database, as the cluster's own user (DATABASE_MASTER_SECRET_ARN). Two users take turns, so nothing stops and"
        " nothing needs a restart. Safe to repeat after a failure at any point: it goes on where it stopped."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--create", action="store_true", help="make the first user; does nothing if there is one")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        rotation = self.rotation()
        try:
            if options["dry_run"]:
                self.stdout.write(plan(rotation, create=options["create"]))
                return
            rotation.run(create=options["create"])
        except RotationError as error:
            raise CommandError(str(error)) from None
        log_event("database_password_rotated", secret=rotation.secret.arn)

    def rotation(self) -> Rotation:
        database = settings.DATABASES["default"]
        if database["ENGINE"] != "coursebundler.documentdb":
            raise CommandError("An SQLite database has no password.")
        secret_arn = database["OPTIONS"].get("secret_arn", "")
        if not secret_arn or not settings.DATABASE_MASTER_SECRET_ARN:
            raise CommandError("Set DATABASE_SECRET_ARN and DATABASE_MASTER_SECRET_ARN (.env.example).")
        return Rotation(secret_arn, settings.DATABASE_MASTER_SECRET_ARN, Cluster.of(database), self.stdout.write)


def plan(rotation: Rotation, *, create: bool) -> str:
    """What `run` would do now. Reads the secret, and changes nothing."""
    if pending := rotation.pending():
        return f"A rotation is under way: would set, test and finish {pending.credentials.username}."
    current = rotation.current()
    if current and create:
        return "The secret has a user already; nothing to create."
    if not current and not create:
        return "The secret has no user yet: would refuse. Use --create."
    user = other_user(current.credentials.username) if current else USERS[0]
    return f"Would create, set, test and finish a new password for {user}."
