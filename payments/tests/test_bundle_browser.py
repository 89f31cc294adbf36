"""A bundle, completed with a coupon, in a browser."""

import pytest
from django.test import Client

from courses.access import explain_access
from payments.models import Coupon
from tests.browser import visiting

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_completing_a_bundle(live_server, alice, grant, bundle, two_courses, monkeypatch, java_script):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs an event loop in this thread
    grant(alice, two_courses[0])
    Coupon.objects.create(code="ALL", value=100)
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    with visiting(live_server.url, java_script=java_script, viewport={"width": 320, "height": 700}) as visitor:
        session = client.cookies["sessionid"].value
        visitor.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = visitor.page
        page.goto(f"{live_server.url}/courses/sails")
        page.get_by_role("link", name="Boats").click()
        page.get_by_text("Never more than the cheapest other way").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if java_script else True
        page.get_by_role("link", name="Complete the bundle").click()
        page.get_by_role("button", name="Pay ₹301").wait_for()
        page.get_by_label("Coupon").fill("all")
        page.get_by_role("button", name="Apply").click()
        page.get_by_text("Coupon ALL").wait_for()
        page.get_by_role("button", name="Get it for free").click()
        page.get_by_role("heading", name="You’re in").wait_for()
    assert explain_access(alice, two_courses[1]).is_allowed
