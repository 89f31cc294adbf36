"""Growing bundles: what buyers get when there is more of it."""

import pytest
from django.db import DatabaseError, IntegrityError

from courses.access import explain_access
from courses.models import Grant
from payments import additions, entitlements
from payments.confirmation import confirm_order
from payments.models import BundleEdition, EditionConflict, EditionCourse, Order
from payments.tests.test_coupons import at_once

pytestmark = pytest.mark.detail

ADDED = Grant.Source.BUNDLE_EDITION


@pytest.fixture
def extra(make_course):
    return make_course("Anchors", sections=1, lectures=1)


@pytest.fixture
def growing(make_bundle, two_courses):
    return make_bundle(*two_courses, grows=True)


def may_watch(user, course) -> bool:
    return explain_access(user, course).is_allowed


def add(bundle, *courses) -> int:
    bundle.refresh_from_db()
    held = [entry.course for entry in bundle.current_edition.entries.all()]
    bundle.publish_edition([*held, *courses], additions_included=bundle.current_edition.additions_included)
    return additions.give_to_buyers(bundle)


def test_buyers_get_what_is_added_once(buy_bundle, alice, bob, growing, extra):
    order = buy_bundle(alice, growing)
    assert [add(growing, extra), additions.give_to_buyers(growing)] == [1, 0]
    assert may_watch(alice, extra)
    assert not may_watch(bob, extra)
    assert Grant.objects.get(source_kind=ADDED).source_id == order.pk
    assert "“Anchors” opened" in order.events.get(key=f"added:{extra.pk}").text


def test_it_goes_on_where_another_process_stores_the_same(buy_bundle, alice, growing, extra, monkeypatch):
    buy_bundle(alice, growing)
    add(growing, extra)
    Grant.objects.filter(source_kind=ADDED).delete()
    monkeypatch.setattr(additions, "_store", lose)
    assert additions.give_to_buyers(growing) == 1
    assert may_watch(alice, extra)


def lose(missing):
    raise IntegrityError("somebody else was faster")


def test_a_fixed_set_gives_nothing_more(buy_bundle, alice, bundle, extra):
    buy_bundle(alice, bundle)
    assert add(bundle, extra) == 0
    assert not may_watch(alice, extra)


def test_what_was_promised_is_kept_when_the_rule_changes(buy_bundle, alice, bob, growing, extra, two_courses):
    buy_bundle(alice, growing)
    growing.publish_edition(two_courses, additions_included=False)
    buy_bundle(bob, growing)
    assert add(growing, extra) == 1
    assert (may_watch(alice, extra), may_watch(bob, extra)) == (True, False)


def test_a_removed_course_stays_with_its_buyers(buy_bundle, alice, growing, extra, two_courses):
    buy_bundle(alice, growing)
    add(growing, extra)
    growing.publish_edition(two_courses[:1], additions_included=True)
    additions.give_to_buyers(growing)
    assert all(may_watch(alice, course) for course in (*two_courses, extra))


@pytest.mark.parametrize("grows", [True, False])
def test_an_order_paid_while_it_grew_gets_it_too(
    sandbox, client_of, alice, make_bundle, two_courses, extra, grows, django_capture_on_commit_callbacks
):
    """The order pins the edition that was on the page; when the next one was published, it was not paid yet."""
    growing = make_bundle(*two_courses, grows=grows)
    client_of(alice).post(f"/checkout/bundles/{growing.slug}", {"amount_paise": 60000})
    order = Order.objects.get()
    assert add(growing, extra) == 0
    sandbox.pay(order)
    with django_capture_on_commit_callbacks(execute=True):
        confirm_order(order)
    assert may_watch(alice, extra) == grows


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_paying_and_growing_in_the_same_moment(sandbox, client_of, make_user, growing, make_course):
    """Whichever is stored first, the other one sees it: no reconciler is needed."""
    for n in range(4):
        growing.refresh_from_db()
        buyer, more = make_user(f"Buyer {n}"), make_course(f"More {n}", sections=1, lectures=1)
        client_of(buyer).post(f"/checkout/bundles/{growing.slug}", {"amount_paise": 60000})
        order = Order.objects.get(user=buyer)
        sandbox.pay(order)
        at_once(lambda do: do(), [lambda: confirm_order(order), lambda: add(growing, more)])  # noqa: B023
        assert may_watch(buyer, more)


def test_the_reconciler_heals_what_a_dying_process_left(buy_bundle, alice, growing, extra, two_courses):
    buy_bundle(alice, growing)
    growing.publish_edition([*two_courses, extra], additions_included=True)
    assert not may_watch(alice, extra)
    assert additions.give_to_buyers(growing) == 1
    assert may_watch(alice, extra)


def test_a_failure_takes_nothing_from_the_order(buy_bundle, alice, growing, monkeypatch, caplog):
    def fail(order):
        raise RuntimeError("no additions today")

    monkeypatch.setattr(additions, "give_additions", fail)
    additions.try_to_give_additions(buy_bundle(alice, growing))
    assert "the reconciler tries again" in caplog.text


def test_a_refund_of_all_of_it_takes_the_additions_too(buy_bundle, alice, growing, extra):
    order = buy_bundle(alice, growing)
    add(growing, extra)
    first, second = order.lines.all()
    entitlements.revoke([first], "Refunded")
    assert may_watch(alice, extra)
    entitlements.revoke([second], "Refunded")
    assert not may_watch(alice, extra)
    assert additions.give_to_buyers(growing) == 0


def test_who_was_refunded_gets_nothing_new(buy_bundle, alice, growing, extra):
    order = buy_bundle(alice, growing)
    entitlements.revoke(order.lines.all(), "Refunded")
    assert add(growing, extra) == 0
    assert not may_watch(alice, extra)


def test_a_course_that_the_buyer_had_before_is_no_addition(sold, buy_bundle, alice, growing, extra, two_courses):
    """They paid for it elsewhere, and it was taken off the price: refunded there, it does not come back from here."""
    first = sold(alice, {two_courses[0]: 45000})
    buy_bundle(alice, growing)
    add(growing, extra)
    entitlements.revoke(first.lines.all(), "Refunded")
    additions.give_to_buyers(growing)
    assert not may_watch(alice, two_courses[0])


def test_what_an_earlier_edition_had_is_no_addition(buy_bundle, alice, growing, extra, two_courses):
    growing.publish_edition(two_courses[:1], additions_included=True)
    buy_bundle(alice, growing)
    assert add(growing, extra) == 1
    assert not may_watch(alice, two_courses[1])


def test_a_draft_is_given_once_it_is_published(buy_bundle, alice, growing, extra):
    buy_bundle(alice, growing)
    extra.status = "draft"
    extra.save()
    assert add(growing, extra) == 0
    extra.status = "published"
    extra.save()
    assert additions.give_to_buyers(growing) == 1


def test_an_edition_is_made_only_when_something_changes(bundle, two_courses):
    assert bundle.publish_edition(two_courses, additions_included=False) is None
    assert bundle.publish_edition(two_courses[::-1], additions_included=False).number == 2
    assert bundle.publish_edition(two_courses[::-1], additions_included=True).number == 3
    assert [entry.course for entry in bundle.editions.get(number=1).entries.all()] == list(two_courses)


@pytest.mark.parametrize("model", [BundleEdition, EditionCourse])
def test_an_edition_is_never_changed_nor_deleted(bundle, model):
    row = model.objects.first()
    for change in (row.save, row.delete, model.objects.all().delete, lambda: model.objects.update(pk=row.pk)):
        with pytest.raises(TypeError):
            change()


def test_of_two_who_publish_one_is_told(bundle, two_courses, extra):
    seen_before = type(bundle).objects.get(pk=bundle.pk)
    bundle.publish_edition([*two_courses, extra], additions_included=False)
    with pytest.raises(EditionConflict):
        seen_before.publish_edition([extra], additions_included=False)


def test_an_edition_is_stored_as_a_whole_or_not_at_all(bundle, two_courses, extra, broken_inserts):
    broken_inserts("payments_editioncourse")
    with pytest.raises((EditionConflict, DatabaseError)):
        bundle.publish_edition([extra], additions_included=False)
    bundle.refresh_from_db()
    assert BundleEdition.objects.count() == 1
    assert bundle.current_edition.number == 1
