"""GST: numbers, years and the split of an amount, exact to the paisa."""

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from payments.apps import seller_problem
from payments.shares import split_amount
from payments.tax import financial_year, gstin_problem, split_tax

amounts = st.integers(min_value=0, max_value=10**12)
rates = st.integers(min_value=0, max_value=10_000)


@given(amounts, rates, st.booleans())
def test_the_parts_are_the_amount(amount, rate, within):
    split = split_tax(amount, rate, is_within_state=within)
    assert sum(split) == amount
    assert min(split) >= 0
    assert split.cgst_paise == split.sgst_paise
    assert (split.igst_paise == 0) if within else (split.cgst_paise == 0)


@given(amounts, rates, st.booleans())
def test_each_tax_is_right_to_half_a_paisa(amount, rate, within):
    """rate / (1 + rate) of the amount, without a float: |tax × (1 + rate) − amount × rate| ≤ half of (1 + rate)."""
    split = split_tax(amount, rate, is_within_state=within)
    tax, share = (2 * split.cgst_paise, 2) if within else (split.igst_paise, 1)
    assert 2 * abs(tax * (10_000 + rate) - amount * rate) <= share * (10_000 + rate)


@pytest.mark.parametrize(
    ("amount", "within", "parts"),
    [
        (11800, True, (10000, 900, 900, 0)),
        (11800, False, (10000, 0, 0, 1800)),
        (49900, True, (42288, 3806, 3806, 0)),
        (49900, False, (42288, 0, 0, 7612)),
        (1, True, (1, 0, 0, 0)),
        (0, False, (0, 0, 0, 0)),
    ],
)
def test_it_splits_what_an_accountant_would(amount, within, parts):
    assert tuple(split_tax(amount, 1800, is_within_state=within)) == parts


@pytest.mark.parametrize(("amount", "rate"), [(-1, 1800), (100, -1)])
def test_it_refuses_negative_numbers(amount, rate):
    with pytest.raises(ValueError, match="negative"):
        split_tax(amount, rate, is_within_state=True)


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC), "2026-27"),  # 23:59:59 in India
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), "2027-28"),  # midnight in India, still March in UTC
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "2026-27"),
        (datetime(2099, 6, 1, tzinfo=UTC), "2099-00"),
    ],
)
def test_the_financial_year_begins_with_april_in_india(moment, year):
    assert financial_year(moment) == year


def test_it_knows_a_gstin():
    for gstin in ("27AAPFU0939F1ZV", "29AAGCB7383J1Z4", "27AASCS2460H1Z0"):
        assert not gstin_problem(gstin)


@pytest.mark.parametrize(
    ("gstin", "says"),
    [
        ("", "15 characters"),
        ("27AAPFU0939F1Z", "15 characters"),
        ("27aapfu0939f1zv", "15 characters"),
        ("２７AAPFU0939F1ZV", "15 characters"),
        ("27AAPFU0939F1ZV\n", "15 characters"),
        ("27AAPFU0939F0ZV", "15 characters"),
        ("98AAPFU0939F1ZV", "none with 98"),
        ("27AAPFU0939F1ZW", "typing mistake"),
        ("27AAPFU0993F1ZV", "typing mistake"),
    ],
)
def test_it_says_what_is_wrong_with_a_gstin(gstin, says):
    assert says in gstin_problem(gstin)


@given(amounts, st.lists(st.integers(min_value=0, max_value=10**9), max_size=20))
def test_shares_add_up_and_are_fair(amount, weights):
    shares = split_amount(amount, weights)
    whole = sum(weights)
    assert sum(shares) == (amount if whole else 0)
    assert all(
        abs(share * whole - amount * weight) < whole for share, weight in zip(shares, weights, strict=True) if whole
    )


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ""),
        ({"SELLER_GSTIN": "", "SELLER_STATE": "", "SELLER_NAME": "", "SELLER_ADDRESS": ""}, ""),
        ({"SELLER_GSTIN": "29ABCDE1234F1ZX"}, "SELLER_GSTIN"),
        ({"SELLER_STATE": "27"}, "SELLER_STATE"),
        ({"SELLER_GSTIN": "", "SELLER_STATE": "Karnataka"}, "SELLER_STATE"),
        ({"SELLER_NAME": ""}, "SELLER_NAME"),
        ({"SELLER_ADDRESS": ""}, "SELLER_ADDRESS"),
        ({"GST_RATE_BP": -1}, "GST_RATE_BP"),
        ({"GST_RATE_BP": 18000}, "GST_RATE_BP"),
    ],
)
def test_it_checks_the_seller(settings, changes, names):
    for name, value in changes.items():
        setattr(settings, name, value)
    assert names in seller_problem()
    assert bool(names) == bool(seller_problem())
    with pytest.raises(ImproperlyConfigured, match=names) if names else nullcontext():
        apps.get_app_config("payments").ready()
