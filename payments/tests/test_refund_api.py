"""Refunds in JSON: the same rules as the page's."""

import pytest
from django.test import Client

from payments.models import Refund

pytestmark = pytest.mark.detail


@pytest.fixture
def order(sold, alice, make_course):
    return sold(alice, {make_course("Knots for sailors"): 30000, make_course("Splices"): 20000})


@pytest.fixture
def url(order):
    return f"/api/v1/orders/{order.pk}/refund"


@pytest.fixture
def ask(client_of, alice, url):
    def post(client=None, **body):
        return (client or client_of(alice)).post(url, body, content_type="application/json")

    return post


def test_it_says_what_would_come_back_and_gives_it(client_of, alice, url, ask, order):
    told = client_of(alice).get(url).json()
    assert [(line["amount_paise"], line["reason_if_not"]) for line in told["lines"]] == [(30000, ""), (20000, "")]
    assert (told["policy_version"], told["refunds"]) == (1, [])
    made = ask(lines=[told["lines"][1]["id"]], amount_paise=20000, reason="Too long").json()["refund"]
    assert (made["status"], made["amount_paise"]) == ("processed", 20000)
    again = ask(lines=[told["lines"][1]["id"]], amount_paise=20000)
    assert (again.status_code, again.json()["success"]) == (409, False)
    assert "Paid back on" in again.json()["message"]
    told = client_of(alice).get(url).json()
    assert [bool(line["reason_if_not"]) for line in told["lines"]] == [False, True]
    assert told["refunds"] == [made]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_paise", 1),
        ("amount_paise", 50000.0),
        ("amount_paise", "50000"),
        ("amount_paise", -50000),
        ("amount_paise", 10**30),
        ("amount_paise", None),
        ("lines", []),
        ("lines", ["\0"]),
        ("lines", "all"),
        ("lines", [7]),
        ("reason", "x" * 201),
        ("reason", "\0"),
    ],
    ids=str,
)
def test_it_refuses_bad_input(ask, order, field, value):
    body = {"lines": [str(line.pk) for line in order.lines.all()], "amount_paise": 50000, "reason": ""}
    response = ask(**body | {field: value})
    assert response.status_code == 400
    assert response.json()["success"] is False
    assert response.json()["message"]
    assert not Refund.objects.exists()


def test_it_requires_the_order_to_be_ones_own(client_of, bob, url, ask, order):
    body = {"lines": [str(line.pk) for line in order.lines.all()], "amount_paise": 50000}
    assert client_of(bob).get(url).status_code == 404
    assert ask(client_of(bob), **body).status_code == 404
    assert Client().get(url).status_code == 401
    assert ask(Client(), **body).status_code == 401
    assert not Refund.objects.exists()


def test_without_the_gateway_it_is_noted(sandbox, ask, order):
    sandbox.switch(api_failure="html502")
    response = ask(lines=[str(line.pk) for line in order.lines.all()], amount_paise=50000)
    assert response.json()["refund"]["status"] == "approved"
