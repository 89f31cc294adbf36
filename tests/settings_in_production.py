"""The settings of a laptop, but without DEBUG: errors show the pages that visitors see. For sites in other processes."""

from coursebundler.settings import *  # noqa: F403

DEBUG = False
