import pytest
from django.core.cache import cache

from conftest import PASSWORD


def log_in(client, email="alice@example.org", password=PASSWORD, **more):
    return client.post("/login", {"login": email, "password": password} | more)


def test_it_works(client, alice):
    assert client.get("/login").status_code == 200
    response = log_in(client)
    assert (response.status_code, response["Location"]) == (302, "/my/courses")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_it_does_not_mind_capital_letters_and_blanks(client, alice):
    assert log_in(client, " Alice@Example.ORG ").status_code == 302


def test_it_says_the_same_for_a_wrong_password_and_an_unknown_address(client, alice):
    wrong = log_in(client, password="wrong").context["form"].errors
    unknown = log_in(client, "nobody@example.org").context["form"].errors
    assert wrong == unknown == {"__all__": ["The e-mail address or the password is not right."]}


@pytest.mark.parametrize(
    ("login", "password"), [("", ""), ("x" * 10000, "y"), ("a\x00@b.org", "y"), ("a@b.org", "\x00")]
)
def test_it_refuses_bad_input(client, db, login, password):
    response = log_in(client, login, password)
    assert response.status_code == 200
    assert response.context["form"].errors


def test_it_refuses_a_closed_account(client, alice):
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    response = log_in(client)
    assert response["Location"] == "/inactive"
    assert client.get("/inactive").status_code == 200
    assert "_auth_user_id" not in client.session


def test_it_is_limited_for_one_address(client, alice):
    for _ in range(5):
        log_in(client, password="wrong")
    assert "wait five minutes" in str(log_in(client).context["form"].errors)
    cache.clear()
    assert log_in(client).status_code == 302


@pytest.mark.parametrize("target", ["/profile", "/courses?q=a&page=2", "http://testserver/profile"])
def test_it_goes_where_one_wanted_to_go(client, alice, settings, target):
    settings.ALLOWED_HOSTS = ["testserver"]
    assert log_in(client, next=target)["Location"] == target


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_it_does_not_lead_to_other_sites(client, alice, target):
    assert log_in(client, next=target)["Location"] == "/my/courses"
    assert client.get("/login", {"next": target})["Location"] == "/my/courses"


def test_private_pages_lead_here_and_back(client, alice):
    response = client.get("/profile")
    assert response["Location"] == "/login?next=/profile"
    assert b'name="next" value="/profile"' in client.get("/login?next=/profile").content


def test_pages_answer_with_pages_whatever_the_headers_say(client, db):
    response = client.get("/login", headers={"accept": "application/json", "x-requested-with": "XMLHttpRequest"})
    assert response["Content-Type"].startswith("text/html")


def test_logging_out_needs_a_post(client_of, alice):
    client = client_of(alice)
    assert client.get("/logout").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/logout")["Location"] == "/"
    assert "_auth_user_id" not in client.session
