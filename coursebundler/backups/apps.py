"""The dumps as an app, for their management commands. There are no models."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    name = "coursebundler.backups"
    label = "backups"
    verbose_name = "Backups"
