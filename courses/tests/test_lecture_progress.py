"""What the player reports is kept, whatever arrives late, twice or at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from courses.models import Progress
from courses.progress import merge_ranges


@pytest.fixture
def lecture(course, lectures, alice, grant):
    grant(alice, course)
    return lectures[1]


@pytest.fixture
def report(client_of, alice, lecture):
    client = client_of(alice)

    def send(position, ranges=(), **extra):
        body = {"position": position, "ranges": ranges, **extra}
        return client.post(f"{lecture.get_absolute_url()}/progress", body, content_type="application/json")

    return send


def progress_of(user) -> Progress:
    return Progress.objects.get(user=user)


def test_it_works(report, alice):
    response = report(42, [[0, 42]])
    assert response.json() == {"position": 42, "watched_seconds": 42, "is_done": False, "percent": 0}
    assert progress_of(alice).watched_ranges == [[0, 42]]


def test_it_takes_a_beacon(client_of, alice, lecture):
    form = {"position": "42", "ranges": "[[0, 42]]"}
    assert client_of(alice).post(f"{lecture.get_absolute_url()}/progress", form).status_code == 200
    assert progress_of(alice).watched_seconds == 42


def test_it_requires_a_csrf_token(alice, lecture):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(f"{lecture.get_absolute_url()}/progress", {"position": "1"}).status_code == 403
    assert not Progress.objects.exists()


def test_it_never_goes_down(report, alice):
    report(80, [[0, 80]])
    report(10, [[5, 10]])
    progress = progress_of(alice)
    assert (progress.position_seconds, progress.watched_seconds) == (80, 80)


def test_a_repeat_changes_nothing(report, alice):
    report(30, [[0, 30]])
    before = progress_of(alice)
    report(30, [[0, 30]])
    after = progress_of(alice)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_seeking_forward_is_not_watching(report, alice):
    report(95, [[90, 95]])
    assert progress_of(alice).watched_seconds == 5
    assert progress_of(alice).done_at is None


def test_ninety_percent_is_done(report, alice):
    assert report(89, [[0, 89]]).json()["is_done"] is False
    assert report(90, [[89, 90]]).json() == {"position": 90, "watched_seconds": 90, "is_done": True, "percent": 25}
    done_at = progress_of(alice).done_at
    report(100, [[90, 100]])
    assert progress_of(alice).done_at == done_at


def test_a_lecture_without_length_is_done_only_when_said_so(report, lecture, alice):
    lecture.duration_seconds = 0
    lecture.save()
    assert report(5, [[0, 5]]).json()["is_done"] is False
    assert progress_of(alice).watched_seconds == 0


def test_it_cuts_off_what_lies_beyond_the_end(report, alice):
    report(5000, [[50, 5000], [6000, 7000]])
    progress = progress_of(alice)
    assert (progress.position_seconds, progress.watched_ranges) == (100, [[50, 100]])


@pytest.mark.parametrize(
    ("position", "ranges"),
    [
        (None, []),
        ("x", []),
        (-1, []),
        (10**30, []),
        (1.5, []),
        (1, "x"),
        (1, {"a": 1}),
        (1, [[1]]),
        (1, [[1, 2, 3]]),
        (1, [["0", "5"]]),
        (1, [[0, 1.5]]),
        (1, [[True, 5]]),
        (1, [[5, 1]]),
        (1, [[-5, 1]]),
        (1, [[0, 10**30]]),
        (1, [[0, 1]] * 201),
    ],
)
def test_it_refuses_nonsense(report, position, ranges):
    response = report(position, ranges)
    assert response.status_code == 400
    assert response.json()["errors"]
    assert not Progress.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"position": 1' + b"[" * 5000])
def test_it_refuses_broken_json(client_of, alice, lecture, body):
    url = f"{lecture.get_absolute_url()}/progress"
    assert client_of(alice).post(url, body, content_type="application/json").status_code == 400


def test_it_refuses_a_stranger(client_of, charlie, lecture):
    response = client_of(charlie).post(f"{lecture.get_absolute_url()}/progress", {"position": 1})
    assert response.status_code == 403
    assert not Progress.objects.exists()


def test_it_sends_an_anonymous_visitor_to_the_login(client, lecture):
    assert client.post(f"{lecture.get_absolute_url()}/progress", {"position": 1}).status_code == 302


def test_marking_as_done_works_and_repeats(client_of, alice, lecture):
    for _ in range(2):
        response = client_of(alice).post(f"{lecture.get_absolute_url()}/done")
        assert response.status_code == 302
    assert progress_of(alice).done_at
    assert progress_of(alice).version == 1


def test_marking_as_done_keeps_what_was_watched(report, client_of, alice, lecture):
    report(30, [[0, 30]])
    client_of(alice).post(f"{lecture.get_absolute_url()}/done")
    assert (progress_of(alice).watched_seconds, progress_of(alice).position_seconds) == (30, 30)


def test_marking_as_done_swaps_a_piece(client_of, alice, lecture):
    response = client_of(alice).post(f"{lecture.get_absolute_url()}/done", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "<html" not in response.text


def test_marking_as_done_refuses_a_stranger(client_of, charlie, lecture):
    assert client_of(charlie).post(f"{lecture.get_absolute_url()}/done").status_code == 403
    assert not Progress.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_tabs_lose_nothing(client_of, alice, lecture):
    client = client_of(alice)
    url = f"{lecture.get_absolute_url()}/progress"
    session = client.cookies["sessionid"].value

    def tab(number: int) -> int:
        browser = Client()
        browser.cookies["sessionid"] = session
        try:
            start = number * 10
            body = json.dumps({"position": start + 10, "ranges": [[start, start + 10]]})
            return browser.post(url, body, content_type="application/json").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tab, range(8))) == [200] * 8
    progress = progress_of(alice)
    assert (progress.position_seconds, progress.watched_ranges) == (80, [[0, 80]])


@pytest.mark.parametrize(
    ("ranges", "merged"),
    [
        ([], []),
        ([[3, 3], [5, 4]], []),
        ([[5, 9], [0, 3]], [[0, 3], [5, 9]]),
        ([[0, 3], [3, 5]], [[0, 5]]),
        ([[0, 9], [2, 3]], [[0, 9]]),
        ([[0, 3], [2, 6], [8, 9]], [[0, 6], [8, 9]]),
    ],
)
def test_merging(ranges, merged):
    assert merge_ranges(ranges) == merged


def test_a_lecture_that_somebody_began_cannot_be_deleted(report, lecture, client_of, stella):
    report(30, [[0, 30]])
    client_of(stella).post(f"/admin/courses/lecture/{lecture.pk}/delete/", {"post": "yes"})
    assert Progress.objects.filter(lecture=lecture).exists()
