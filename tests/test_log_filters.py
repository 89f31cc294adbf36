"""The filters of deploy/terraform/region/logs.tf look for fields and words that the site writes."""

import json
import logging
import re

import pytest

from coursebundler.logs import JsonFormatter
from tests.source import ROOT, app_code

pytestmark = [pytest.mark.detail, pytest.mark.sqlite]

FILTERS = (ROOT / "deploy/terraform/region/logs.tf").read_text().replace('\\"', '"')
SOURCE = "".join(path.read_text() for path in app_code())


@pytest.mark.parametrize("words", re.findall(r'\$\.message = "\*?([^"*]+)\*?"', FILTERS))
def test_somebody_writes_what_a_filter_looks_for(words):
    assert words.strip() in SOURCE


def test_levels_are_written_as_the_filter_asks_for_them():
    compared = re.findall(r'\$\.(\w+) = "(error|critical)"', FILTERS)
    assert {level for _, level in compared} == {"error", "critical"}
    for field, level in compared:
        record = logging.LogRecord("site", getattr(logging, level.upper()), "x.py", 1, "Something.", None, None)
        assert json.loads(JsonFormatter().format(record))[field] == level
