"""The settings of production, but static files under their own names: collecting and compressing them takes longer than
many an incident, and nobody in the rehearsal asks for one (on AWS CloudFront serves them)."""

from coursebundler.settings import *  # noqa: F403

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
