from typing import Any

from django.core.management.base import BaseCommand

from users.roles import ROLES, create_roles


class Command(BaseCommand):
    help = "Make the groups of staff (users/roles.py) and set their permissions. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        create_roles()
        self.stdout.write(f"Roles: {', '.join(ROLES)}.")
