"""The settings of a laptop, but without DEBUG, for sites that run in other processes: errors look as to visitors."""

from coursebundler.settings import *  # noqa: F403

DEBUG = False
