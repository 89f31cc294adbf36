"""Bundles, editions and coupons in the admin."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.access import explain_access
from payments.models import Bundle, Coupon, CouponUse, EditionConflict, Order

pytestmark = pytest.mark.detail


@pytest.fixture
def staff(client_of, stella):
    return client_of(stella)


def rows(*courses, **changes) -> dict[str, object]:
    """The inline's fields as the page sends them: what is there first, then what is new."""
    data = {"contents-TOTAL_FORMS": len(courses), "contents-INITIAL_FORMS": 0}
    for n, course in enumerate(courses):
        data |= {f"contents-{n}-course": course.pk, f"contents-{n}-position": n}
    return data | {"editions-TOTAL_FORMS": 0, "editions-INITIAL_FORMS": 0} | changes


def fields(**changes) -> dict[str, object]:
    return {
        "title": "Boats",
        "slug": "boats",
        "promise": "Everything about boats.",
        "price_paise": 60000,
        "status": "published",
    } | changes


def url_of(bundle) -> str:
    return reverse("admin:payments_bundle_change", args=[bundle.pk])


def save(staff, bundle, *courses, **changes):
    """Save the bundle with these courses in place of those it has; the page of an existing one names its rows."""
    held = list(bundle.current_edition.entries.order_by("position"))
    data = fields(edition_number=bundle.current_edition.number) | rows()
    places = [(entry.pk, entry.course_id, entry.course not in courses) for entry in held]
    places += [("", course.pk, False) for course in courses if course.pk not in {entry.course_id for entry in held}]
    order = [course.pk for course in courses]
    for n, (pk, course_id, is_gone) in enumerate(places):
        position = order.index(course_id) if course_id in order else 99
        data |= {f"contents-{n}-id": pk, f"contents-{n}-course": course_id, f"contents-{n}-position": position}
        data |= {f"contents-{n}-DELETE": "on"} if is_gone else {}
    data |= {"contents-TOTAL_FORMS": len(places), "contents-INITIAL_FORMS": len(held)}
    return staff.post(url_of(bundle), data | changes)


def contents(bundle) -> list[str]:
    bundle.refresh_from_db()
    return [entry.course.title for entry in bundle.current_edition.entries.order_by("position")]


def test_it_makes_a_bundle_with_its_first_edition(staff, two_courses):
    response = staff.post(reverse("admin:payments_bundle_add"), fields(additions_included="on") | rows(*two_courses))
    assert response.status_code == 302, response.context["errors"]
    bundle = Bundle.objects.get()
    assert contents(bundle) == ["Knots", "Sails"]
    assert (bundle.current_edition.number, bundle.current_edition.additions_included) == (1, True)
    assert bundle.published_at


def test_a_change_of_contents_makes_the_next_edition(staff, bundle, two_courses, make_course):
    anchors = make_course("Anchors", sections=1, lectures=1)
    assert save(staff, bundle, anchors, two_courses[1]).status_code == 302
    assert contents(bundle) == ["Anchors", "Sails"]
    assert bundle.current_edition.number == 2
    assert [entry.course.title for entry in bundle.editions.get(number=1).entries.all()] == ["Knots", "Sails"]


def test_saving_anything_else_makes_none(staff, bundle, two_courses):
    assert save(staff, bundle, *two_courses, title="Ships", price_paise=50000).status_code == 302
    bundle.refresh_from_db()
    assert (bundle.title, bundle.price_paise, bundle.editions.count()) == ("Ships", 50000, 1)


def test_buyers_of_a_growing_bundle_get_what_is_added(
    staff, buy_bundle, alice, make_bundle, two_courses, make_course, django_capture_on_commit_callbacks
):
    bundle = make_bundle(*two_courses, grows=True)
    buy_bundle(alice, bundle)
    anchors = make_course("Anchors", sections=1, lectures=1)
    with django_capture_on_commit_callbacks(execute=True):
        response = save(staff, bundle, *two_courses, anchors, additions_included="on")
    assert response.status_code == 302
    assert explain_access(alice, anchors).is_allowed


def test_the_pages_open(staff, bundle, db):
    CouponUse.objects.create(
        coupon=Coupon.objects.create(code="A", value=5),
        user=bundle_user(staff),
        order=Order.objects.create(user=bundle_user(staff), product_key="x", amount_paise=1),
        nth_of_user=1,
        nth_in_total=1,
    )
    assert "Knots" in staff.get(url_of(bundle)).text
    for model in ("bundle", "bundleedition", "coupon", "couponuse"):
        assert staff.get(reverse(f"admin:payments_{model}_changelist") + "?q=a").status_code == 200
        assert staff.get(reverse(f"admin:payments_{model}_export")).status_code == 200
    assert staff.get(reverse("admin:payments_bundle_add")).status_code == 200
    assert (
        staff.get(reverse("admin:payments_bundleedition_change", args=[bundle.current_edition_id])).status_code == 200
    )


def bundle_user(client):
    return Order._meta.get_field("user").related_model.objects.get(pk=client.session["_auth_user_id"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"contents-TOTAL_FORMS": 0}, "at least one course"),
        ({"contents-1-DELETE": "on", "contents-0-DELETE": "on"}, "at least one course"),
        ({"contents-0-course": "not-an-id"}, "is not a valid"),
        ({"contents-0-position": "-1"}, "greater than or equal to 0"),
        ({"contents-0-position": "1.5"}, "Enter a whole number"),
        ({"contents-TOTAL_FORMS": "x"}, "Please correct the error"),
        ({"title": "a\0bcd"}, "Null characters"),
        ({"price_paise": "0"}, "greater than or equal to 100"),
        ({"price_paise": "9" * 30}, "less than or equal to"),
        ({"sale_price_paise": "60000"}, "A sale price is lower than the price."),
        ({"edition_number": "7"}, "Somebody else has published another edition"),
    ],
)
def test_it_says_what_is_wrong(staff, two_courses, changes, says):
    response = staff.post(reverse("admin:payments_bundle_add"), fields() | rows(*two_courses) | changes)
    assert response.status_code == 200
    assert says in response.text
    assert not Bundle.objects.exists()


def test_a_course_can_be_in_it_once_and_must_be_published(staff, two_courses, make_course):
    draft = make_course("Anchors", status="draft")
    for courses, says in (
        ((two_courses[0],) * 2, "Each course can be in it once."),
        ((draft,), "Not published: Anchors"),
    ):
        response = staff.post(reverse("admin:payments_bundle_add"), fields() | rows(*courses))
        assert says in response.text
    assert not Bundle.objects.exists()


def test_of_two_members_of_staff_the_slower_is_told(staff, bundle, two_courses, make_course):
    anchors = make_course("Anchors", sections=1, lectures=1)
    seen = Bundle.objects.select_related("current_edition").get(pk=bundle.pk)
    bundle.publish_edition([anchors], additions_included=False)
    response = save(staff, seen, *two_courses, anchors)
    assert "Somebody else has published another edition" in response.text
    assert contents(bundle) == ["Anchors"]


def test_and_in_the_same_moment_too(staff, bundle, two_courses, make_course, monkeypatch):
    def lose(*args, **kwargs):
        raise EditionConflict

    monkeypatch.setattr(Bundle, "publish_edition", lose)
    response = save(staff, bundle, two_courses[0], title="Ships")
    assert response.status_code == 302
    assert response.url == url_of(bundle)
    bundle.refresh_from_db()
    assert bundle.title == "Boats", "nothing half-saved"


def test_staff_without_the_permission_cannot(client_of, make_user, bundle, two_courses):
    clerk = client_of(make_user("Clerk", is_staff=True))
    assert save(clerk, bundle, two_courses[0]).status_code == 403
    assert contents(bundle) == ["Knots", "Sails"]


def test_an_order_says_how_its_price_came_about(staff, sold, buy_bundle, alice, bundle, two_courses):
    sold(alice, {two_courses[0]: 45000})
    order = buy_bundle(alice, bundle)
    text = staff.get(reverse("admin:payments_order_change", args=[order.pk])).text
    assert "Boats ₹600; You paid for Knots −₹450" in text
    assert "Boats, edition 1" in text


def test_editions_and_uses_are_read_only(staff, bundle):
    assert (
        staff.post(reverse("admin:payments_bundleedition_change", args=[bundle.current_edition_id])).status_code == 403
    )
    for model in ("bundleedition", "couponuse"):
        assert staff.post(reverse(f"admin:payments_{model}_add")).status_code == 403
    assert staff.post(reverse("admin:payments_bundle_delete", args=[bundle.pk])).status_code == 403


def test_actions_publish_and_archive(staff, bundle):
    for action, status in (("archive", "archived"), ("publish", "published")):
        staff.post(reverse("admin:payments_bundle_changelist"), {"action": action, "_selected_action": [bundle.pk]})
        bundle.refresh_from_db()
        assert bundle.status == status


def test_coupons_are_counted_in_one_query(staff, alice):
    url = reverse("admin:payments_coupon_changelist")

    def use(code: str, status: str) -> None:
        coupon, _ = Coupon.objects.get_or_create(code=code, defaults={"value": 10, "uses_in_total": 50})
        n = CouponUse.objects.count() + 1
        order = Order.objects.create(
            user=alice, product_key=f"x:{n}", amount_paise=1, status=status, paid_at="2026-01-01T00:00Z"
        )
        CouponUse.objects.create(coupon=coupon, user=alice, order=order, nth_of_user=n, nth_in_total=n)

    use("ONE", "paid")
    with CaptureQueriesContext(connection) as few:
        staff.get(url)
    for code in ("ONE", "TWO", "THREE", "FOUR"):
        use(code, "created")
    with CaptureQueriesContext(connection) as many:
        text = staff.get(url).text
    assert len(many) == len(few)
    assert "2 of 50, 1 in unpaid orders" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"value": "101"}, "At most 100 per cent."),
        ({"value": "1.5"}, "Enter a whole number"),
        ({"value": "-1"}, "greater than or equal to"),
        ({"code": "a b"}, "Letters, digits"),
        ({"uses_per_user": "0"}, "greater than or equal to 1"),
        ({"products-TOTAL_FORMS": 1, "products-0-course": ""}, ""),
    ],
)
def test_a_coupon_must_make_sense(staff, changes, says):
    data = {
        "code": "new",
        "kind": "percent",
        "value": 10,
        "applies_to": "all",
        "minimum_price_paise": 0,
        "uses_per_user": 1,
        "is_active": "on",
    }
    data |= {"products-TOTAL_FORMS": 0, "products-INITIAL_FORMS": 0}
    response = staff.post(reverse("admin:payments_coupon_add"), data | changes)
    assert says in response.text
    assert Coupon.objects.exists() == (not says)
    if not says:
        assert Coupon.objects.get().code == "NEW"
