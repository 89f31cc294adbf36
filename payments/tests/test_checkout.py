"""Buying: from the course to the gateway's page."""

import socket
import threading
import time

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.urls import reverse

from courses.models import Course
from payments.models import Order, OrderLine, Payment


def url_of(course: Course) -> str:
    return reverse("payments:checkout", args=[course.slug])


def buy(client, course: Course, **changes):
    return client.post(url_of(course), {"amount_paise": course.price_paise} | changes)


def test_it_shows_what_is_bought(client_of, alice, course):
    response = client_of(alice).get(url_of(course))
    assert response.status_code == 200
    for text in ("Knots for sailors", "₹499", "4 lectures", "alice@example.org"):
        assert text in response.text
    assert not Order.objects.exists()


def test_it_opens_an_order_and_leads_to_the_gateway(sandbox, client_of, alice, course):
    response = buy(client_of(alice), course)
    order = Order.objects.get()
    assert (order.user, order.status, order.amount_paise, order.currency) == (alice, "created", 49900, "INR")
    line = order.lines.get()
    assert (line.course, line.title, line.amount_paise, line.position) == (course, course.title, 49900, 0)
    gateway_order = sandbox.api("GET", f"/v1/orders/{order.gateway_order_id}").json()
    assert (gateway_order["amount"], gateway_order["receipt"]) == (49900, str(order.pk))
    assert f'action="{sandbox.url}/v1/checkout/embedded"' in response.text
    for name, value in {
        "order_id": order.gateway_order_id,
        "key_id": "rzp_test_sandbox",
        "callback_url": "http://testserver/checkout/callback",
        "cancel_url": f"http://testserver/orders/{order.pk}",
    }.items():
        assert f'name="{name}" value="{value}"' in response.text


def test_it_requires_a_login(client, course):
    for response in (client.get(url_of(course)), buy(client, course)):
        assert response.status_code == 302
        assert response.url.startswith("/login?next=")
    assert isinstance(response.wsgi_request.user, AnonymousUser)
    assert not Order.objects.exists()


def test_it_reuses_the_unpaid_order_on_refresh(sandbox, client_of, alice, course):
    client = client_of(alice)
    pages = [buy(client, course).text for _ in range(3)]
    assert Order.objects.count() == 1
    assert OrderLine.objects.count() == 1
    assert all(Order.objects.get().gateway_order_id in page for page in pages)


def test_it_keeps_two_people_apart(open_order, alice, bob, course):
    mine, yours = open_order(alice, course), open_order(bob, course)
    assert mine.pk != yours.pk
    assert mine.gateway_order_id != yours.gateway_order_id


def test_it_refuses_an_amount_that_is_not_the_price(sandbox, client_of, alice, course):
    for amount in ("1", "-49900", "499.00", "", "x" * 5000, "49900\0"):
        response = buy(client_of(alice), course, amount_paise=amount)
        assert response.status_code == 409
        assert "The price is not the one you saw" in response.text
    assert not Order.objects.exists()


def test_it_cancels_the_old_order_when_the_price_has_changed(open_order, alice, course):
    old = open_order(alice, course)
    course.price_paise = 99900
    course.save(update_fields=["price_paise"])
    new = open_order(alice, course)
    old.refresh_from_db()
    assert (old.status, old.amount_paise) == ("cancelled", 49900)
    assert (new.status, new.amount_paise, new.lines.get().amount_paise) == ("created", 99900, 99900)


def test_it_sends_owners_to_their_course(client_of, alice, course, grant):
    grant(alice, course)
    for response in (client_of(alice).get(url_of(course)), buy(client_of(alice), course)):
        assert response.status_code == 302
        assert response.url == course.get_absolute_url()
    assert not Order.objects.exists()


def test_it_sends_free_courses_to_their_page(client_of, alice, make_course):
    course = make_course(price_paise=0)
    assert buy(client_of(alice), course).url == course.get_absolute_url()
    assert not Order.objects.exists()


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_it_does_not_sell_unpublished_courses(client_of, alice, make_course, status):
    course = make_course(status=status)
    assert client_of(alice).get(url_of(course)).status_code == 404
    assert buy(client_of(alice), course).status_code == 404
    assert not Order.objects.exists()


def test_it_does_not_sell_what_does_not_exist(client_of, alice):
    assert client_of(alice).get("/checkout/courses/no-such-course").status_code == 404
    assert client_of(alice).get("/checkout/courses/a%00b").status_code == 404


def test_it_refuses_other_methods(client_of, alice, course):
    assert client_of(alice).delete(url_of(course)).status_code == 405


def test_it_requires_the_csrf_token(sandbox, alice, course):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert buy(client, course).status_code == 403


def test_it_finds_out_that_the_order_is_paid_already(sandbox, order, client_of, alice, course):
    """The browser never came back and no webhook arrived: paying again must not be possible."""
    sandbox.pay(order)
    response = buy(client_of(alice), course)
    assert response.status_code == 302
    assert response.url == order.get_absolute_url()
    order.refresh_from_db()
    assert order.is_paid


def test_it_makes_a_new_gateway_order_when_the_gateway_has_forgotten_it(sandbox, order, open_order, alice, course):
    sandbox.forget(order.gateway_order_id)
    again = open_order(alice, course)
    assert again.pk == order.pk
    assert again.gateway_order_id != order.gateway_order_id
    assert sandbox.api("GET", f"/v1/orders/{again.gateway_order_id}").ok


def gateway_is_down(response) -> bool:
    return response.status_code == 503 and "does not answer" in response.text and "Nothing was charged" in response.text


@pytest.mark.parametrize("failure", ["html502", "json500"])
def test_it_says_so_when_the_gateway_is_broken(sandbox, client_of, alice, course, capsys, caplog, failure):
    sandbox.switch(api_failure=failure)
    assert gateway_is_down(buy(client_of(alice), course))
    assert "cannot be opened at the gateway" in caplog.text
    assert capsys.readouterr().out == ""
    sandbox.switch()
    assert buy(client_of(alice), course).status_code == 200
    assert Order.objects.count() == 1, "the order was kept for the retry"


def test_it_says_so_when_nothing_listens(client_of, alice, course, settings, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.RAZORPAY_BASE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert gateway_is_down(buy(client_of(alice), course))
    assert capsys.readouterr().out == "", "the SDK prints on its own"


def test_it_does_not_wait_for_ever(sandbox, client_of, alice, course, settings):
    settings.RAZORPAY_TIMEOUT_SECONDS = 0.2
    sandbox.switch(api_delay_seconds=3)
    started = time.monotonic()
    assert gateway_is_down(buy(client_of(alice), course))
    assert time.monotonic() - started < 2


def test_it_does_not_trust_wrong_keys(sandbox, client_of, alice, course, settings):
    settings.RAZORPAY_KEY_SECRET = "wrong"
    assert gateway_is_down(buy(client_of(alice), course))


@pytest.mark.django_db(transaction=True)
def test_it_makes_one_order_when_clicked_eight_times_at_once(sandbox, client_of, alice, course):
    clients, pages = [client_of(alice) for _ in range(8)], []
    together = threading.Barrier(8)

    def click(client) -> None:
        try:
            together.wait()
            pages.append(buy(client, course))
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [page.status_code for page in pages] == [200] * 8
    order = Order.objects.get()
    assert OrderLine.objects.count() == 1
    assert all(order.gateway_order_id in page.text for page in pages), "all lead to the one gateway order that is kept"
    assert not Payment.objects.exists()
