"""Draws the demonstration school's assets. Only make_assets.py uses it; the site never does."""
