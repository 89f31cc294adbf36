import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.core import mail

from conftest import PASSWORD
from users.models import User

pytestmark = pytest.mark.detail

LAST = "without an administrator"
USERS = "/admin/users/user/"


def change(client, user, **changes):
    """Post the change form of `user` as the browser would, with these fields changed; None unticks a box."""
    form = client.get(f"{USERS}{user.pk}/change/").context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()} | changes
    data = {name: value for name, value in data.items() if value not in (None, False) and name != "password"}
    data = {name: "on" if value is True else value for name, value in data.items()}
    return client.post(f"{USERS}{user.pk}/change/", data, follow=True)


def delete_selected(client, *users, **more):
    keys = [str(user.pk) for user in users]
    data = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    return client.post(USERS, data | more, follow=True)


@pytest.fixture
def helper(bob):
    """Bob of the staff, who may do everything with users but is no administrator."""
    bob.is_staff = True
    bob.save(update_fields=["is_staff"])
    bob.user_permissions.set(Permission.objects.filter(content_type__app_label="users"))
    return bob


def test_the_list_works(client_of, stella, alice, bob):
    client = client_of(stella)
    page = client.get(USERS, {"q": "alice"}).content.decode()
    assert "alice@example.org" in page
    assert "bob@example.org" not in page
    assert client.get(USERS, {"is_staff__exact": "1"}).context["cl"].result_count == 1


def test_it_requires_staff(client, client_of, alice, db):
    assert client.get(USERS)["Location"].startswith("/login?next=")
    response = client_of(alice).get(USERS, follow=True)
    assert response.status_code == 403


def test_there_is_one_way_in(client, stella):
    """The admin's own login form has no rate limit and asks for no verified address."""
    response = client.get("/admin/login/?next=/admin/")
    assert response["Location"] == "/login?next=%2Fadmin%2F"
    response = client.post("/admin/login/", {"username": "stella@example.org", "password": PASSWORD})
    assert response.status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_user_can_be_added(client_of, client, stella):
    data = {
        "email": "New@Example.org",
        "name": "New",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    response = client_of(stella).post(f"{USERS}add/", data)
    assert response.status_code == 302, response.context["adminform"].errors
    user = User.objects.get(email="new@example.org")
    assert user.check_password(PASSWORD)
    response = client.post("/login", {"login": "new@example.org", "password": PASSWORD})
    assert response["Location"] == "/verify"  # Whoever made the account, the address is proved.
    assert mail.outbox[0].to == ["new@example.org"]


@pytest.mark.parametrize("email", ["", "none", "ALICE@example.org", "a\x00@b.org", "a" * 250 + "@b.org"])
def test_adding_refuses_bad_input(client_of, stella, alice, email):
    data = {"email": email, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    response = client_of(stella).post(f"{USERS}add/", data)
    assert response.status_code == 200
    assert response.context["adminform"].errors["email"]
    assert User.objects.count() == 2


def test_a_user_can_be_changed(client_of, stella, alice):
    change(client_of(stella), alice, name="Alicia", is_staff=True)
    alice.refresh_from_db()
    assert (alice.name, alice.is_staff) == ("Alicia", True)
    assert EmailAddress.objects.get(user=alice).verified


def test_another_address_must_be_proved(client_of, stella, alice):
    change(client_of(stella), alice, email="alice@new.example")
    address = EmailAddress.objects.get(user=alice)
    assert (address.email, address.verified, address.primary) == ("alice@new.example", False, True)


def test_a_password_can_be_set(client_of, stella, alice):
    client = client_of(stella)
    data = {"usable_password": "true", "password1": "another horse battery", "password2": "another horse battery"}
    assert client.post(f"{USERS}{alice.pk}/password/", data).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("another horse battery")


def test_an_export_holds_no_password(client_of, stella, alice):
    response = client_of(stella).get(f"{USERS}export/")
    text = response.content.decode()
    assert "alice@example.org" in text
    assert alice.password not in text
    from users.admin import UserResource

    assert "password" not in UserResource().fields


@pytest.mark.parametrize("box", ["is_superuser", "is_active"])
def test_the_last_administrator_cannot_be_demoted(client_of, stella, box):
    response = change(client_of(stella), stella, **{box: None})
    assert LAST in response.content.decode()
    stella.refresh_from_db()
    assert stella.is_superuser
    assert stella.is_active


def test_a_sleeping_administrator_does_not_count(client_of, stella, alice):
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_active=False)
    change(client_of(stella), stella, is_superuser=None)
    stella.refresh_from_db()
    assert stella.is_superuser


def test_an_administrator_can_be_demoted_while_there_is_another(client_of, stella, alice):
    User.objects.filter(pk=alice.pk).update(is_superuser=True, is_staff=True)
    change(client_of(stella), stella, is_superuser=None)
    stella.refresh_from_db()
    assert not stella.is_superuser


def test_the_last_administrator_can_be_changed_otherwise(client_of, stella):
    change(client_of(stella), stella, name="Estelle")
    stella.refresh_from_db()
    assert stella.name == "Estelle"


def test_the_last_administrator_cannot_be_deleted(client_of, stella):
    response = client_of(stella).post(f"{USERS}{stella.pk}/delete/", {"post": "yes"}, follow=True)
    assert LAST in response.content.decode()
    assert User.objects.filter(pk=stella.pk).exists()


def test_the_last_administrator_cannot_be_deleted_among_others(client_of, stella, alice):
    response = delete_selected(client_of(stella), stella, alice)
    assert LAST in response.content.decode()
    assert "Successfully" not in response.content.decode()
    assert User.objects.count() == 2


def test_others_can_be_deleted(client_of, stella, alice, bob, charlie):
    client = client_of(stella)
    assert "Successfully" in delete_selected(client, alice, bob).content.decode()
    client.post(f"{USERS}{charlie.pk}/delete/", {"post": "yes"})
    assert list(User.objects.all()) == [stella]


def test_only_administrators_hand_out_rights(client_of, helper, alice, stella):
    client = client_of(helper)
    assert client.get(f"{USERS}{alice.pk}/change/").status_code == 200
    data = {"email": alice.email, "name": "Alicia", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(f"{USERS}{alice.pk}/change/", data)
    alice.refresh_from_db()
    assert (alice.name, alice.is_staff, alice.is_superuser) == ("Alicia", False, False)


def test_only_administrators_touch_administrators(client_of, helper, stella, alice):
    User.objects.filter(pk=alice.pk).update(is_superuser=True)  # Nobody is the last one here.
    client = client_of(helper)
    assert client.post(f"{USERS}{stella.pk}/change/", {"email": "x@y.org"}).status_code == 403
    assert (
        client.post(f"{USERS}{stella.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    )
    assert client.post(f"{USERS}{stella.pk}/delete/", {"post": "yes"}).status_code == 403
    delete_selected(client, stella)
    assert User.objects.filter(pk=stella.pk, email="stella@example.org").exists()


@pytest.mark.parametrize(
    "path", ["auth/group/", "auth/group/add/", "account/emailaddress/", "account/emailaddress/add/"]
)
def test_groups_and_addresses_have_their_pages(client_of, stella, path):
    assert client_of(stella).get(f"/admin/{path}").status_code == 200


@pytest.mark.parametrize("key", ["nothing", "0", "00000000-0000-0000-0000-000000000000", "%00"])
def test_it_refuses_other_keys(client_of, stella, key):
    assert client_of(stella).get(f"{USERS}{key}/change/").status_code in (302, 404)
