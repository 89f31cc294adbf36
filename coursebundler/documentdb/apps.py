"""The backend as an app: its cache collection's migration and its management commands."""

from django.apps import AppConfig


class DocumentDBConfig(AppConfig):
    name = "coursebundler.documentdb"
    label = "documentdb"
    verbose_name = "Database"
