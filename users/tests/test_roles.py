import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from users import roles


def test_it_works_and_may_be_repeated(db, capsys):
    for _ in range(2):
        call_command("create_roles")
        assert {group.name: group.permissions.count() for group in Group.objects.all()} == {
            role: len(names) for role, names in roles.ROLES.items()
        }
    assert "Instructors, Support" in capsys.readouterr().out


def test_it_takes_back_what_is_no_longer_in_the_list(db, monkeypatch):
    roles.create_roles()
    monkeypatch.setitem(roles.ROLES, "Support", ["users.view_user"])
    roles.create_roles()
    assert [p.codename for p in Group.objects.get(name="Support").permissions.all()] == ["view_user"]


def test_it_refuses_a_permission_that_does_not_exist(db, monkeypatch):
    monkeypatch.setitem(roles.ROLES, "Support", ["users.fly_user"])
    with pytest.raises(roles.UnknownPermission, match="fly_user"):
        roles.create_roles()


def test_instructors_may_make_courses_and_not_look_at_people(client_of, alice, db):
    roles.create_roles()
    alice.groups.add(Group.objects.get(name="Instructors"))
    alice.is_staff = True
    alice.save(update_fields=["is_staff"])
    client = client_of(alice)
    assert client.get("/admin/courses/course/add/").status_code == 200
    for path in ("users/user/", "payments/order/", "courses/grant/", "auth/group/"):
        assert client.get(f"/admin/{path}").status_code == 403, path


def test_support_may_look_at_people_and_give_grants(client_of, bob, alice, db):
    roles.create_roles()
    bob.groups.add(Group.objects.get(name="Support"))
    bob.is_staff = True
    bob.save(update_fields=["is_staff"])
    client = client_of(bob)
    assert client.get("/admin/courses/grant/add/").status_code == 200
    assert client.get("/admin/payments/order/").status_code == 200
    assert client.get(f"/admin/users/user/{alice.pk}/change/").status_code == 200
    assert client.post(f"/admin/users/user/{alice.pk}/change/", {"name": "x"}).status_code == 403
    assert client.get("/admin/users/user/add/").status_code == 403
