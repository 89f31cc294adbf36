"""Billing details: all optional; a GSTIN has to be right and to go with the rest."""

import pytest
from django.utils.datastructures import MultiValueDict

from payments.billing_form import BillingForm
from payments.models import Order

pytestmark = pytest.mark.django_db
BUSINESS = {"name": "Rope Works", "address": "2 Dock\nMumbai", "state": "27", "gstin": "27AAPFU0939F1ZV"}


def form_with(user, **values):
    return BillingForm({f"billing-{name}": value for name, value in values.items()}, user=user)


def test_everything_may_be_empty(alice):
    form = form_with(alice)
    assert form.is_valid()
    assert form.billing == {}


def test_it_takes_a_business(alice):
    form = form_with(alice, **BUSINESS)
    assert form.is_valid()
    assert form.billing == BUSINESS


def test_it_reads_a_gstin_as_people_write_it_and_knows_its_state(alice):
    form = form_with(alice, **BUSINESS | {"gstin": " 27 aapfu 0939f1zv ", "state": ""})
    assert form.is_valid()
    assert form.billing == BUSINESS


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"gstin": "27AAPFU0939F1ZW"}, "gstin", "typing mistake"),
        ({"gstin": "27"}, "gstin", "15 characters"),
        ({"gstin": "9" * 500}, "gstin", "at most 20"),
        ({"state": "29"}, "state", "belongs to Maharashtra"),
        ({"state": "28"}, "state", "valid choice"),
        ({"state": "x" * 3000}, "state", "valid choice"),
        ({"name": ""}, "name", "needs it"),
        ({"address": "  "}, "address", "needs it"),
        ({"name": "a\0b"}, "name", "Null characters"),
        ({"address": "a\0b"}, "address", "Null characters"),
        ({"name": "x" * 101}, "name", "at most 100"),
        ({"address": "x" * 301}, "address", "at most 300"),
    ],
)
def test_it_says_what_is_wrong_beside_the_field(alice, changes, field, says):
    form = form_with(alice, **BUSINESS | changes)
    assert not form.is_valid()
    assert says in " ".join(form.errors[field])
    assert [(name, len(said)) for name, said in form.errors.items()] == [(field, 1)]


def test_twice_the_same_field_is_no_error(alice):
    assert BillingForm(MultiValueDict({"billing-name": ["a", "b"]}), user=alice).is_valid()


def test_it_remembers_what_the_same_person_typed_last(alice, bob, paid_order, course):
    paid_order(alice, course, billing=BUSINESS)
    Order.objects.create(user=alice, product_key="later", amount_paise=1)
    assert BillingForm(user=alice).initial == BUSINESS
    assert BillingForm(user=bob).initial == {}
