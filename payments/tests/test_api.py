"""Bundles and prices in JSON."""

import pytest

from payments.models import Coupon, CouponUse, Order


def test_everybody_sees_the_bundles(client, bundle, two_courses):
    body = client.get("/api/v1/bundles").json()
    assert (body["success"], body["page"], body["pages"], body["total"]) == (True, 1, 1, 1)
    (found,) = body["bundles"]
    assert (found["title"], found["price_paise"], found["additions_included"]) == ("Boats", 60000, False)
    assert [(course["title"], course["price_paise"]) for course in found["courses"]] == [
        ("Knots", 49900),
        ("Sails", 30100),
    ]


@pytest.mark.parametrize("page", ["0", "2", "x", "-1", "%00", "9" * 30])
def test_there_is_no_other_page(client, bundle, page):
    assert client.get(f"/api/v1/bundles?page={page}").status_code == 404


def test_a_price_is_a_sum_of_lines(client_of, alice, sold, bundle, two_courses):
    sold(alice, {two_courses[0]: 45000})
    Coupon.objects.create(code="TEN", value=10)
    body = client_of(alice).get("/api/v1/bundles/boats/price?coupon=ten").json()
    assert body["amount_paise"] == 13500 == sum(line["amount_paise"] for line in body["sum"])
    assert [line["label"] for line in body["sum"]] == ["Boats", "You paid for Knots", "Coupon TEN"]
    assert body["courses"] == ["Sails"]
    assert not CouponUse.objects.exists()
    assert client_of(alice).get("/api/v1/courses/sails/price").json()["amount_paise"] == 30100


@pytest.mark.parametrize("product", ["bundles/boats", "courses/knots"])
def test_it_says_what_is_wrong(client, client_of, alice, grant, bundle, two_courses, product):
    url = f"/api/v1/{product}/price"
    assert client.get(url).status_code == 401
    refused = client_of(alice).get(f"{url}?coupon=nope")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["coupon"])
    for course in two_courses:
        grant(alice, course)
    assert client_of(alice).get(url).status_code == 409
    assert client_of(alice).get(f"{url.replace('/price', '-not')}/price").status_code == 404
    assert not Order.objects.exists()
