"""Many people write at the same time: with SQLite tuned as in the settings, nobody gets an error and nothing is lost.

With Django's default options the same load fails (docs/decisions/0003-sqlite-tuning.md has the figures).
"""

import http.client
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from tests.servers import clean_environment, free_port, gunicorn, manage
from tests.source import ROOT

pytestmark = pytest.mark.slow

REPORTS = 10
CSRF = "a" * 32


def write(url: str, session: str, requests: list[tuple[str, dict[str, object]]]) -> Counter[int]:
    """Post each (path, form fields) over one connection; how often each status came back."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    headers = {"Cookie": f"sessionid={session}; csrftoken={CSRF}", "X-CSRFToken": CSRF}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    statuses: Counter[int] = Counter()
    for path, fields in requests:
        connection.request("POST", path, urlencode(fields), headers)
        response = connection.getresponse()
        response.read()
        statuses[response.status] += 1
    connection.close()
    return statuses


def write_all(url: str, sessions: list[str], requests_of) -> Counter[int]:
    """Everybody at once, each their own requests: `requests_of(n)` for the writer with number n."""
    with ThreadPoolExecutor(len(sessions)) as pool:
        done = pool.map(lambda n: write(url, sessions[n], requests_of(n)), range(len(sessions)))
    return sum(done, Counter())


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return clean_environment(
        DEBUG="true", DATA_DIR=str(tmp_path_factory.mktemp("writers")), DJANGO_SETTINGS_MODULE="coursebundler.settings"
    )


@pytest.fixture(scope="module")
def school(environment):
    manage("migrate", environment=environment)
    command = [sys.executable, "-m", "tests.school", "32"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def site(environment, school, tmp_path_factory):
    workers = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "4", "LOG_LEVEL": "WARNING"}
    with gunicorn(tmp_path_factory.mktemp("site"), environment | workers, free_port()) as url:
        yield url


@pytest.fixture
def stored(environment):
    """Ask the database file itself."""
    connection = sqlite3.connect(f"{environment['DATA_DIR']}/db.sqlite3", isolation_level=None)
    yield lambda query: connection.execute(query).fetchone()
    connection.execute("DELETE FROM courses_progress")
    connection.execute("DELETE FROM courses_saved")
    connection.close()


@pytest.mark.parametrize("writers", [8, 32])
def test_every_progress_report_counts(site, school, stored, writers):
    def reports(writer):
        # Each report brings one more second, apart from the others, so that a lost one leaves a gap.
        path = f"{school['lectures'][0]}/progress"
        return [(path, {"position": 10 * n, "ranges": [[10 * n, 10 * n + 1]]}) for n in range(REPORTS)]

    assert write_all(site, school["students"][:writers], reports) == {200: writers * REPORTS}
    assert stored("SELECT count(*), sum(watched_seconds) FROM courses_progress") == (writers, writers * REPORTS)


@pytest.mark.parametrize("devices", [8, 32])
def test_one_student_on_many_devices_loses_nothing(site, school, stored, devices):
    def reports(device):
        path = f"{school['lectures'][1]}/progress"
        return [(path, {"position": n, "ranges": [[30 * device + 2 * n, 30 * device + 2 * n + 1]]}) for n in range(3)]

    assert write_all(site, school["students"][:1] * devices, reports) == {200: devices * 3}
    assert stored("SELECT count(*), sum(watched_seconds) FROM courses_progress") == (1, devices * 3)


@pytest.mark.parametrize("writers", [8, 32])
def test_every_saved_course_is_saved_once(site, school, stored, writers):
    def saves(writer):
        return [(f"{path}/save", {}) for path in school["courses"]] * 2

    assert write_all(site, school["students"][:writers], saves) == {302: writers * len(school["courses"]) * 2}
    assert stored("SELECT count(*) FROM courses_saved") == (writers * len(school["courses"]),)


@pytest.mark.parametrize("writers", [8, 32])
def test_staff_who_edit_at_the_same_time_all_succeed(site, school, stored, writers):
    """The admin reads before it writes in one transaction: what SQLite refuses at once unless it locked at BEGIN."""

    def edits(writer):
        path = school["categories"][writer]
        return [(path, {"name": f"Edited {writers} {writer}", "slug": f"category-{writer}", "_save": "Save"})] * 3

    assert write_all(site, school["staff"][:writers], edits) == {302: writers * 3}
    (edited,) = stored(f"SELECT count(*) FROM courses_category WHERE name LIKE 'Edited {writers} %'")  # noqa: S608
    assert edited == writers
