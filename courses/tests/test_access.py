"""Who may watch what, and why: every media address asks the same question."""

from datetime import timedelta

import pytest
from django.utils import timezone

from courses.access import explain_access
from courses.models import Course, Grant

MEDIA = ["video", "captions.vtt", "file"]


@pytest.fixture
def lecture(lectures):
    """The second lecture, which is no preview, with every kind of file."""
    lecture = lectures[1]
    lecture.captions_key, lecture.file_key = "private/captions/1.vtt", "private/files/1.pdf"
    lecture.save()
    return lecture


@pytest.mark.parametrize("name", MEDIA)
def test_it_gives_media_to_a_holder_of_a_grant(client_of, alice, course, lecture, grant, name, stored_files):
    grant(alice, course)
    response = client_of(alice).get(f"{lecture.get_absolute_url()}/{name}")
    assert response.status_code == (200 if name == "captions.vtt" else 302)


@pytest.mark.parametrize("name", MEDIA)
def test_it_refuses_media_to_a_stranger(client_of, alice, charlie, course, lecture, grant, name, stored_files):
    grant(alice, course)
    response = client_of(charlie).get(f"{lecture.get_absolute_url()}/{name}")
    assert response.status_code == 403
    assert "Location" not in response
    assert "private/" not in response.text


@pytest.mark.parametrize("name", MEDIA)
def test_it_refuses_media_to_an_anonymous_visitor(client, lecture, name, stored_files):
    response = client.get(f"{lecture.get_absolute_url()}/{name}")
    assert response.status_code == 403


@pytest.mark.parametrize("name", MEDIA)
def test_it_refuses_media_to_staff_without_a_grant(client_of, stella, lecture, name, stored_files):
    assert client_of(stella).get(f"{lecture.get_absolute_url()}/{name}").status_code == 403


def test_it_gives_the_preview_to_everyone(client, lectures, stored_files):
    assert client.get(f"{lectures[0].get_absolute_url()}/video").status_code == 302
    assert client.get(lectures[0].get_absolute_url()).status_code == 200


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_it_keeps_the_preview_of_an_unpublished_course(client, course, lectures, status, stored_files):
    Course.objects.update(status=status)
    assert client.get(f"{lectures[0].get_absolute_url()}/video").status_code == 404


def test_a_buyer_keeps_an_archived_course(client_of, alice, course, lecture, grant, stored_files):
    grant(alice, course)
    Course.objects.update(status="archived")
    assert client_of(alice).get(f"{lecture.get_absolute_url()}/video").status_code == 302
    assert client_of(alice).get(course.get_absolute_url()).status_code == 200


def test_it_knows_no_file_where_there_is_none(client_of, alice, course, lectures, grant):
    grant(alice, course)
    assert client_of(alice).get(f"{lectures[1].get_absolute_url()}/captions.vtt").status_code == 404
    assert client_of(alice).get(f"{lectures[1].get_absolute_url()}/file").status_code == 404


def test_captions_that_vanished_are_not_there(client_of, alice, course, lecture, grant):
    lecture.captions_key = "private/captions/gone.vtt"
    lecture.save()
    grant(alice, course)
    assert client_of(alice).get(f"{lecture.get_absolute_url()}/captions.vtt").status_code == 404


def test_captions_wait_for_a_store_that_does_not_answer(client_of, alice, course, lecture, grant, folder, stored_files):
    grant(alice, course)
    captions = folder / "private" / "captions" / "1.vtt"
    captions.unlink()
    captions.mkdir()  # what cannot be read as a file, whoever asks
    assert client_of(alice).get(f"{lecture.get_absolute_url()}/captions.vtt").status_code == 503


def test_a_grant_of_the_whole_catalogue_opens_every_course(alice, course, make_course, grant):
    other = make_course("Reading the sky")
    grant(alice, None)
    assert explain_access(alice, course).is_allowed
    assert explain_access(alice, other).is_allowed


def test_a_grant_of_one_course_opens_no_other(alice, course, make_course, grant):
    grant(alice, make_course("Reading the sky"))
    assert not explain_access(alice, course).is_allowed


@pytest.mark.parametrize(
    ("reason", "starts", "ends", "revoked", "words"),
    [
        ("ended", -10, -1, None, "Your access ended on"),
        ("not_started", 1, 10, None, "Your access begins on"),
        ("revoked", -10, None, -1, "Your access was taken back on"),
    ],
)
def test_it_explains_a_grant_that_does_not_count(
    client_of, alice, course, lecture, grant, reason, starts, ends, revoked, words
):
    def day(n):
        return None if n is None else timezone.now() + timedelta(days=n)

    grant(alice, course)
    Grant.objects.update(starts_at=day(starts), ends_at=day(ends), revoked_at=day(revoked))
    access = explain_access(alice, course, lecture)
    assert (access.is_allowed, access.reason) == (False, reason)
    assert access.next_step_url.startswith("/")
    page = client_of(alice).get(lecture.get_absolute_url())
    assert page.status_code == 403
    assert words in page.text


def test_a_course_held_twice_survives_losing_one(alice, course, grant):
    grant(alice, course)
    Grant.objects.give(alice, course, Grant.Source.ORDER_LINE, course.pk)
    Grant.objects.filter(source_kind=Grant.Source.STAFF).update(revoked_at=timezone.now())
    assert explain_access(alice, course).is_allowed


def test_it_names_the_source_and_the_end(alice, course, grant):
    given = grant(alice, course)
    Grant.objects.update(ends_at=timezone.now() + timedelta(days=30))
    access = explain_access(alice, course)
    assert "from our staff, until" in access.explanation
    assert access.grant == given


def test_active_in_the_database_and_in_memory_agree(alice, course, grant):
    given, now = grant(alice, course), timezone.now()
    for starts in (-2, 2):
        for ends in (None, -1, 3):
            for revoked in (None, -1):
                day = {n: now + timedelta(days=n) for n in (-2, -1, 2, 3)} | {None: None}
                if ends is not None and ends < starts:
                    continue
                Grant.objects.update(starts_at=day[starts], ends_at=day[ends], revoked_at=day[revoked])
                given.refresh_from_db()
                assert Grant.objects.active(now).exists() == given.is_active(now)


def test_giving_again_does_not_undo_a_revocation(alice, course, grant):
    grant(alice, course)
    Grant.objects.update(revoked_at=timezone.now())
    assert grant(alice, course).revoked_at
    assert Grant.objects.count() == 1


def test_the_question_takes_one_query(alice, course, grant, django_assert_num_queries):
    grant(alice, course)
    with django_assert_num_queries(1):
        explain_access(alice, course)
