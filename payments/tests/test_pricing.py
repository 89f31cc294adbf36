"""The arithmetic of prices: rules that hold for every case that hypothesis makes up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.models.coupons import free_place
from payments.pricing import Holdings, Offer, after_coupon, cheapest_way, completion_paise, payable, split_over

COURSES = list("abcdef")
paise = st.integers(0, 1_000_000)
some_courses = st.lists(st.sampled_from(COURSES), min_size=1, max_size=6, unique=True)
price_lists = st.fixed_dictionaries(dict.fromkeys(COURSES, paise))
offers = st.builds(Offer, st.just("bundle"), paise, some_courses.map(tuple))
other_offers = st.lists(offers, max_size=4)


@st.composite
def holdings(draw):
    """Some courses held, some of them paid for."""
    held = draw(st.sets(st.sampled_from(COURSES)))
    return Holdings(frozenset(held), {course: draw(paise) for course in held if draw(st.booleans())})


def more_than(draw, less: Holdings) -> Holdings:
    """The same and more: further courses, further money."""
    more = less.held | draw(st.sets(st.sampled_from(COURSES)))
    return Holdings(
        frozenset(more),
        {course: less.paid_paise.get(course, 0) + draw(paise) for course in more if draw(st.booleans())}
        | {course: paid + draw(paise) for course, paid in less.paid_paise.items()},
    )


@given(offers, holdings(), price_lists, other_offers)
def test_completing_is_never_negative_and_never_dearer_than_another_way(offer, mine, prices, others):
    price = completion_paise(offer, mine, prices, others)
    missing = offer.missing(mine)
    assert 0 <= price <= offer.price_paise
    assert price <= sum(prices[course] for course in missing)
    for other in others:
        rest = [course for course in missing if course not in other.course_ids]
        assert price <= completion_paise(other, mine, prices, []) + sum(prices[course] for course in rest)


@given(offers, holdings(), price_lists)
def test_without_another_way_it_is_the_price_less_what_was_paid(offer, mine, prices):
    credits = sum(paid for course, paid in mine.paid_paise.items() if course in offer.course_ids)
    singly = sum(prices[course] for course in offer.missing(mine))
    assert completion_paise(offer, mine, prices, []) == min(max(0, offer.price_paise - credits), singly)


@given(offers, holdings(), price_lists, other_offers, st.data())
def test_owning_more_never_costs_more(offer, less, prices, others, data):
    more = more_than(data.draw, less)
    assert completion_paise(offer, more, prices, others) <= completion_paise(offer, less, prices, others)


@given(offers, holdings(), price_lists, other_offers)
def test_having_all_of_it_costs_nothing(offer, mine, prices, others):
    everything = Holdings(mine.held | set(offer.course_ids), mine.paid_paise)
    assert completion_paise(offer, everything, prices, others) == 0


@given(some_courses, price_lists, other_offers)
def test_the_cheapest_way_is_found(wanted, prices, others):
    """Against trying every set of offers."""
    best = None
    for chosen in range(2 ** len(others)):
        taken = [offer for place, offer in enumerate(others) if chosen >> place & 1]
        covered = {course for offer in taken for course in offer.course_ids}
        cost = sum(offer.price_paise for offer in taken) + sum(prices[c] for c in wanted if c not in covered)
        best = cost if best is None else min(best, cost)
    assert cheapest_way(wanted, prices, [(offer.price_paise, set(offer.course_ids)) for offer in others]) == best


@given(paise, st.lists(paise, min_size=1, max_size=12))
def test_a_split_adds_up_and_is_fair_to_the_paisa(amount, weights):
    parts = split_over(amount, weights)
    assert sum(parts) == amount
    assert min(parts) >= 0
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        if whole:
            assert abs(part * whole - amount * weight) < whole, "less than a paisa away from its share"
    assert split_over(amount, weights) == parts


@given(paise, st.integers(1, 100), paise)
def test_a_percentage_is_to_the_buyer_s_favour_and_exact(price, percent, minimum):
    price_with = after_coupon(price, "percent", percent, minimum)
    assert min(price, minimum) <= price_with <= price
    assert price_with == min(price, max(price * (100 - percent) // 100, minimum))


@given(paise, st.integers(1, 2_000_000), paise)
def test_a_fixed_coupon_never_makes_a_debt(price, off, minimum):
    price_with = after_coupon(price, "fixed", off, minimum)
    assert 0 <= price_with <= price
    assert price_with in (price - off, min(price, minimum))


@given(paise)
def test_what_the_gateway_cannot_take_is_free(amount):
    assert payable(amount) == (amount if amount >= 100 else 0)


@given(st.sets(st.integers(1, 30)), st.integers(1, 20))
def test_places_never_overrun_the_limit(held, limit):
    """Places beyond the limit are there too, from before it was lowered."""
    place = free_place(held, limit)
    assert (place is None) == (len(held) >= limit)
    assert place is None or (place not in held and 1 <= place <= limit)


def test_two_who_see_the_same_places_can_take_no_more_than_there_are():
    """The last place is one number, so that the unique key lets one of them have it."""
    held = {1, 2, 3, 5, 90}
    assert {free_place(held, 6) for _ in range(50)} == {4}
    assert free_place(held | {4}, 6) is None


@pytest.mark.parametrize("weights", [[0], [0, 0, 0]])
def test_what_has_no_price_shares_alike(weights):
    assert sum(split_over(100, weights)) == 100
