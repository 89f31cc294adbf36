"""The settings of production, but static files under their own names: collecting and compressing them takes longer than
many an incident, and nobody in the rehearsal asks for one (on AWS CloudFront serves them)."""

import contextlib
import os

from coursebundler import bulkhead, health
from coursebundler.settings import *  # noqa: F403

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405

# What tests/rehearsal/proofs.py breaks, to see that it is noticed.
_broken = os.environ.get("REHEARSAL_BREAKS", "")
if _broken == "bulkhead":
    bulkhead.Bulkhead.place = lambda self: contextlib.nullcontext()  # type: ignore[method-assign]
if _broken == "readiness":
    health.ENDPOINTS["/health/ready"] = health.live
