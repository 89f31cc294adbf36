#!/usr/bin/env python
"""Django's command line: `python manage.py help`."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from coursebundler import streams

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coursebundler.settings")
    # What a command answers is for whoever called it, and stays as it is; its errors are in the log of a task as well.
    if streams.is_production() and not sys.stderr.isatty():
        streams.take_over(os.environ.get("SERVICE_ROLE", "").strip() or "site")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        streams.complain(str(error))
