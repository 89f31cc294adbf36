"""The settings of the tests: the site's own, read in the environment of the tests (pytest-django reads them first)."""

import tests.environment  # noqa: F401  sets the environment that the next line reads
from coursebundler.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in real life: threads of one process lock an in-memory database against each other without waiting.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}  # noqa: F405
