"""A database that cannot be asked: 503 in the visitor's words for pages, API and webhooks, and one line in the log."""

import sqlite3

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.test import Client

from coursebundler.db import is_unavailable
from users.sessions import SessionStore

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def locked(transactional_db):
    """Somebody else writes for longer than anybody waits."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)

    def lock() -> None:
        other.execute("BEGIN EXCLUSIVE")

    yield lock
    other.close()
    connection.close()


def visitor(**options) -> Client:
    return Client(raise_request_exception=False, **options)


@pytest.fixture
def student(alice):
    client = visitor()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.mark.sqlite
def test_a_page_says_it_in_the_visitors_words(locked, student, course, caplog):
    caplog.clear()
    locked()
    response = student.post(f"{course.get_absolute_url()}/save")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "We cannot reach our records right now" in response.text
    assert "locked" not in response.text


@pytest.mark.sqlite
def test_the_operator_gets_one_line(locked, student, course, caplog):
    locked()
    caplog.clear()
    student.post(f"{course.get_absolute_url()}/save")
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is None
    assert "(courses:course_save): database is locked" in record.getMessage()
    assert course.slug not in record.getMessage()


@pytest.mark.sqlite
def test_the_api_says_it_in_json(locked, alice):
    locked()
    fields = {"email": alice.email, "password": "correct horse battery"}
    response = visitor().post("/api/v1/login", fields, content_type="application/json")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json() == {
        "success": False,
        "message": "We cannot reach our database at the moment. Send the same request again in some seconds.",
        "errors": {},
    }


@pytest.mark.sqlite
def test_a_table_that_is_missing_is_our_own_failure(course, caplog):
    """Nothing that passes by itself: 500, with a traceback."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE courses_saved RENAME TO elsewhere")
    try:
        client = visitor()
        client.force_login(course.instructor, backend="allauth.account.auth_backends.AuthenticationBackend")
        response = client.get("/my/saved")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO courses_saved")
    assert response.status_code == 500
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.sqlite
def test_a_session_that_cannot_be_saved_is_not_one_that_has_ended(locked, student):
    session = SessionStore(student.session.session_key)
    session["kept"] = "yes"
    locked()
    with pytest.raises(OperationalError):
        session.save()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("The database does not answer."), True),
        (OperationalError("database is locked"), True),
        (DatabaseError("Write conflict"), False),
        (IntegrityError("twice"), False),
        (ValueError("database is locked"), False),
    ],
)
def test_only_what_passes_by_itself_is_an_outage(error, expected):
    assert is_unavailable(error) is expected
