"""CloudWatch's embedded metric format, as its specification has it, for tests that hold our lines against it.

“Specification: Embedded metric format” of the CloudWatch user guide
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
and MetricDatum of the CloudWatch API for units and dimension values, both read on 2026-11-22.
"""

import json
import re
import time
from typing import Any

SCALES = ["Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits"]
SCALES += ["Terabits", "Count"]
UNITS = {"Seconds", "Microseconds", "Milliseconds", "Percent", "None", *SCALES, *(f"{unit}/Second" for unit in SCALES)}
MOST_METRICS, MOST_DIMENSIONS, MOST_VALUES, LONGEST_EVENT = 100, 30, 100, 256 * 1024 - 26


def metrics_in(output: str) -> list[dict[str, Any]]:
    """Every metric line of what a process wrote, each found valid. Every other line is a JSON object, too."""
    entries = [json.loads(line) for line in output.splitlines() if line]
    assert all(isinstance(entry, dict) for entry in entries)
    found = [entry for entry in entries if "_aws" in entry]
    for entry in found:
        require_valid(entry)
    return found


def require_valid(entry: dict[str, Any]) -> None:
    assert len(json.dumps(entry).encode()) <= LONGEST_EVENT
    at = entry["_aws"]["Timestamp"]
    assert type(at) is int
    assert abs(at / 1000 - time.time()) < 14 * 24 * 3600, "in milliseconds since 1970, and of these days"
    directives = entry["_aws"]["CloudWatchMetrics"]
    assert directives
    for directive in directives:
        require_valid_directive(directive, entry)


def require_valid_directive(directive: dict[str, Any], entry: dict[str, Any]) -> None:
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert re.fullmatch(r"(?!AWS/)[\w./#:-]{1,255}", directive["Namespace"])
    assert directive["Dimensions"]
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= MOST_DIMENSIONS
        assert len(set(dimensions)) == len(dimensions)
        for name in dimensions:
            require_dimension(name, entry[name])
    assert 0 < len(directive["Metrics"]) <= MOST_METRICS
    for metric in directive["Metrics"]:
        assert set(metric) <= {"Name", "Unit", "StorageResolution"}
        assert metric["Unit"] in UNITS
        require_values(entry[metric["Name"]])


def require_dimension(name: str, value: Any) -> None:
    for text, longest in ((name, 250), (value, 1024)):
        assert isinstance(text, str)
        assert text.isascii()
        assert text.isprintable()
        assert text.strip()
        assert len(text) <= longest
    assert not name.startswith(":")


def require_values(value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    assert 0 < len(values) <= MOST_VALUES
    assert all(type(each) in (int, float) and abs(each) < 2**360 for each in values)
