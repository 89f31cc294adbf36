from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from courses import storage


class Command(BaseCommand):
    help = (
        "Delete what was uploaded and never saved, whole or in parts, more than a day ago. Run it daily. "
        "In S3 a lifecycle rule can do the same (docs/media.md). Safe to run at any time, also twice at once."
    )

    def handle(self, **options: Any) -> None:
        count = storage.delete_abandoned(before=timezone.now() - timedelta(days=1))
        self.stdout.write(f"{count} abandoned uploads deleted.")
