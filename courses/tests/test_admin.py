"""The catalogue in the admin: every list searches, filters and exports; instructors keep to their own courses."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group

from courses.models import Course, Grant, Progress
from users.roles import create_roles

pytestmark = pytest.mark.detail

MODELS = ["category", "course", "section", "lecture", "grant", "progress", "saved"]


@pytest.fixture
def teaching_ida(ida):
    """Ida with what an instructor may do in the admin."""
    create_roles()
    ida.is_staff = True
    ida.save()
    ida.groups.add(Group.objects.get(name="Instructors"))
    return ida


@pytest.mark.parametrize("model", MODELS)
def test_lists_open_search_and_export(client_of, stella, alice, course, lectures, grant, model):
    grant(alice, course)
    Progress.objects.create(user=alice, lecture=lectures[0], course=course)
    client = client_of(stella)
    assert client.get(f"/admin/courses/{model}/?q=knots").status_code == 200
    export = client.get(f"/admin/courses/{model}/export/?q=knots")
    assert export["Content-Type"] == "text/csv"
    assert export.text.startswith("id,")


def test_an_export_holds_what_the_list_shows(client_of, stella, course, make_course):
    make_course("Reading the sky", promise="See the weather coming.")
    export = client_of(stella).get("/admin/courses/course/export/?q=weather").text
    assert "Reading the sky" in export
    assert "Knots for sailors" not in export


def test_instructors_export_their_own_courses(client_of, teaching_ida, bob, course, make_course):
    make_course("Reading the sky", instructor=bob)
    export = client_of(teaching_ida).get("/admin/courses/course/export/").text
    assert "Knots for sailors" in export
    assert "Reading the sky" not in export


@pytest.mark.parametrize("model", MODELS)
def test_it_refuses_students(client_of, alice, model):
    assert client_of(alice).get(f"/admin/courses/{model}/").status_code == 302


def test_every_list_can_be_searched():
    for model, options in admin.site._registry.items():
        if model._meta.app_label in {"courses", "users", "payments"}:
            assert options.search_fields, model


@pytest.mark.parametrize("model", ["course", "section", "lecture"])
def test_lists_take_few_queries(client_of, stella, course, make_course, django_assert_max_num_queries, model):
    for number in range(5):
        make_course(f"Knots {number}")
    client = client_of(stella)
    client.get(f"/admin/courses/{model}/")
    with django_assert_max_num_queries(12):
        client.get(f"/admin/courses/{model}/")


def test_instructors_see_their_own_courses(client_of, teaching_ida, bob, course, make_course):
    make_course("Reading the sky", instructor=bob)
    page = client_of(teaching_ida).get("/admin/courses/course/").text
    assert "Knots for sailors" in page
    assert "Reading the sky" not in page


@pytest.mark.parametrize("model", ["course", "section", "lecture"])
def test_instructors_cannot_open_rows_of_others(client_of, teaching_ida, bob, make_course, model):
    foreign = make_course("Reading the sky", instructor=bob)
    row = {"course": foreign, "section": foreign.sections.first(), "lecture": foreign.lectures.first()}[model]
    assert client_of(teaching_ida).get(f"/admin/courses/{model}/{row.pk}/change/").status_code == 302


def test_instructors_cannot_put_a_section_into_a_course_of_others(client_of, teaching_ida, bob, make_course):
    foreign = make_course("Reading the sky", instructor=bob)
    form = {"course": foreign.pk, "title": "Mine now", "position": 9, **management("lectures")}
    response = client_of(teaching_ida).post("/admin/courses/section/add/", form)
    assert response.status_code == 200
    assert not foreign.sections.filter(title="Mine now").exists()


def test_publishing_dates_the_course(client_of, stella, make_course):
    course = make_course(status="draft")
    assert course.published_at is None
    action(client_of(stella), "publish", course)
    course.refresh_from_db()
    assert course.is_published
    assert course.published_at


def test_archiving_takes_it_off_the_catalogue(client, client_of, stella, course):
    action(client_of(stella), "archive", course)
    assert client.get(course.get_absolute_url()).status_code == 404


def test_a_grant_made_by_staff_says_so(client_of, stella, alice, course):
    form = {"user": alice.pk, "course": course.pk, "starts_at_0": "2026-01-01", "starts_at_1": "00:00", "note": "Prize"}
    assert client_of(stella).post("/admin/courses/grant/add/", form).status_code == 302
    grant = Grant.objects.get()
    assert (grant.source_kind, grant.source_id, grant.note) == ("staff", grant.pk, "Prize")


def test_a_person_that_there_is_not_is_an_error_beside_the_field(client_of, stella, course):
    response = client_of(stella).post("/admin/courses/grant/add/", {"user": "nobody", "course": course.pk})
    assert response.status_code == 200
    assert "is not a valid UUID" in response.text
    assert not Grant.objects.exists()


def test_a_grant_is_taken_back_and_never_deleted(client_of, stella, alice, course, grant):
    given = grant(alice, course)
    url = f"/admin/courses/grant/{given.pk}"
    assert client_of(stella).post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    client_of(stella).post(f"{url}/change/", {"revoked_at_0": "2026-01-01", "revoked_at_1": "00:00"})
    given.refresh_from_db()
    assert given.revoked_at
    assert (given.user, given.course) == (alice, course)


def test_progress_belongs_to_the_student(client_of, stella, alice, course, lectures):
    row = Progress.objects.create(user=alice, lecture=lectures[0], course=course, position_seconds=50)
    client = client_of(stella)
    assert client.get("/admin/courses/progress/add/").status_code == 403
    assert client.post(f"/admin/courses/progress/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"/admin/courses/progress/{row.pk}/change/", {"position_seconds": 0})
    row.refresh_from_db()
    assert row.position_seconds == 50


def action(client, name: str, course: Course) -> None:
    client.post("/admin/courses/course/", {"action": name, "_selected_action": [str(course.pk)]})


def management(prefix: str) -> dict[str, int]:
    return {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}


def test_the_admin_leads_to_the_page_that_takes_videos(client_of, teaching_ida, make_user):
    assert "/admin/createcourse" in client_of(teaching_ida).get("/admin/").text
    helper = make_user("Helen", is_staff=True)
    assert "/admin/createcourse" not in client_of(helper).get("/admin/").text
